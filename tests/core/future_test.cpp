// SPDX-License-Identifier: BSL-1.0
#include "plait/core/future.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "plait/thread/std_future.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::Counted;
using test::give;
using test::rounds;
using test::turns;
using test::Unretrieved;

Task<> fail() {
  co_await yield_now();
  throw std::runtime_error("unlucky");
}

TEST(Future, GivesAReferenceAsAnLvalueAndTheValueAsAnRvalue) {
  run([]() -> Task<> {
    Future<std::string> f = spawn([]() -> Task<std::string> { co_return "text"; });
    const std::string& first = co_await f;
    const std::string& second = co_await f;
    EXPECT_EQ(&first, &second);
    static_assert(std::is_same_v<decltype(f.result()), const std::string&>);
    static_assert(std::is_same_v<decltype(std::move(f).result()), std::string>);
    EXPECT_EQ(co_await std::move(f), "text");
    EXPECT_FALSE(f.valid());
  });
}

TEST(Future, MovesAResultThatCanOnlyBeMoved) {
  run([]() -> Task<> {
    auto p = co_await spawn([]() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); });
    EXPECT_EQ(*p, 4);
  });
}

TEST(Future, GivesAReferenceThatTheTaskReturned) {
  int n = 0;
  run([&]() -> Task<> {
    Future<int&> f = spawn([&]() -> Task<int&> { co_return n; });
    EXPECT_EQ(&co_await f, &n);
    EXPECT_EQ(&co_await std::move(f), &n);
  });
}

TEST(Future, IsAwaitedByManyTasksOfTwoLoopsAndByThreadsAtOnce) {
  for (int round = 0; round < rounds(200); ++round) {
    Promise<std::string> promise;
    Future<std::string> future = promise.future();
    std::atomic<int> sum{0};
    const auto loop = [&] {
      run([&]() -> Task<> {
        const auto one = [&]() -> Task<> { sum += static_cast<int>((co_await future).size()); };
        std::vector<Task<>> all;
        for (int i = 0; i < 10; ++i) all.push_back(one());
        co_await gather(std::move(all));
      });
    };
    const auto thread = [&] { sum += static_cast<int>(future.result().size()); };
    std::thread waiters[] = {std::thread(loop), std::thread(loop), std::thread(thread), std::thread(thread)};
    if (round % 2) std::this_thread::yield();
    promise.set_value("abc");
    for (std::thread& t : waiters) t.join();
    EXPECT_EQ(sum, 22 * 3);
  }
}

TEST(Future, IsSharedByCopiesOfWhatShareGives) {
  run([]() -> Task<> {
    auto shared = spawn(give(5)).share();
    auto copy = shared;
    EXPECT_EQ(co_await *shared + co_await *copy, 10);
  });
}

TEST(Future, MayBeDroppedBeforeAndAfterTheEndAndTheStrandGoesOn) {  // [W2]
  int ended = 0;
  const auto count = [&]() -> Task<> {
    co_await yield_now();
    ++ended;
  };
  run([&]() -> Task<> {
    {
      Future<void> f = spawn(count());
    }
    {
      Future<void> f = spawn(count());
      co_await turns(3);
      EXPECT_TRUE(f.done());
    }
    co_await turns(3);
  });
  EXPECT_EQ(ended, 2);
}

TEST(Future, DestroysParametersAtTheEndOfTheCoroutineAndTheResultWithTheHandle) {
  run([]() -> Task<> {
    {
      Future<Counted> f = spawn([](Counted) -> Task<Counted> { co_return Counted{}; }, Counted{});
      co_await turns(2);
      EXPECT_TRUE(f.done());
      EXPECT_EQ(Counted::live, 1);
    }
    EXPECT_EQ(Counted::live, 0);
  });
}

struct ThrowsWhenMoved {
  explicit ThrowsWhenMoved(int left) : left(left) {}
  ThrowsWhenMoved(ThrowsWhenMoved&& other) : left(other.left - 1) {
    if (left == 0) throw std::runtime_error("moved once too often");
  }
  int left;
};

TEST(Future, TurnsAResultThatThrowsWhenItIsMovedIntoAnError) {
  run([]() -> Task<> {
    // The first move is into the frame's result, the second from there into the future's.
    Future<ThrowsWhenMoved> f = spawn([]() -> Task<ThrowsWhenMoved> { co_return ThrowsWhenMoved(2); });
    std::string text;
    try {
      co_await f;
    } catch (const std::runtime_error& e) {
      text = e.what();
    }
    EXPECT_EQ(text, "moved once too often");
  });
}

TEST(Future, ReportsAnErrorThatNobodyLookedAtOnceWithNameAndLine) {
  Unretrieved unretrieved;
  unsigned line = 0;
  run([&]() -> Task<> {
    {
      line = std::source_location::current().line() + 1;
      Future<void> f = spawn(fail(), {.name = "unlucky one"});
    }
    co_await turns(5);
  });
  ASSERT_EQ(unretrieved.seen().size(), 1u);
  EXPECT_EQ(unretrieved.errors()[0].name, "unlucky one");
  EXPECT_EQ(unretrieved.errors()[0].spawned_at.line(), line);
  EXPECT_NE(std::string(unretrieved.errors()[0].spawned_at.file_name()).find("future_test.cpp"), std::string::npos);
  EXPECT_EQ(unretrieved.seen()[0], "std::runtime_error: unlucky");
}

TEST(Future, ReportsTheCallersLineAlsoForACallableWithAndWithoutArguments) {
  Unretrieved unretrieved;
  unsigned first = 0, second = 0;
  run([&]() -> Task<> {
    const auto bad = []() -> Task<> { return fail(); };
    const auto worse = [](int, int) -> Task<> { return fail(); };
    {
      first = std::source_location::current().line() + 1;
      auto f = spawn(bad);
    }
    co_await turns(5);
    {
      second = std::source_location::current().line() + 1;
      auto f = spawn(worse, 1, 2);
    }
    co_await turns(5);
  });
  ASSERT_EQ(unretrieved.seen().size(), 2u);
  EXPECT_EQ(unretrieved.errors()[0].spawned_at.line(), first);
  EXPECT_EQ(unretrieved.errors()[1].spawned_at.line(), second);
  EXPECT_NE(std::string(unretrieved.errors()[1].spawned_at.file_name()).find("future_test.cpp"), std::string::npos);
}

TEST(Future, ReportsNoErrorThatSomebodyLookedAt) {
  Unretrieved unretrieved;
  run([]() -> Task<> {
    Future<void> awaited = spawn(fail()), asked = spawn(fail()), cancelled = spawn(test::forever());
    EXPECT_THROW(co_await awaited, std::runtime_error);
    co_await turns(5);
    EXPECT_TRUE(asked.exception());
    cancelled.cancel();
    co_await turns(3);
    EXPECT_TRUE(cancelled.done());  // and nobody looks: a cancel is no error
  });
  EXPECT_TRUE(unretrieved.seen().empty());
}

TEST(Future, ReportsAnErrorWhenTheHandleDiesAfterTheRun) {
  Unretrieved unretrieved;
  {
    Future<void> f;
    run([&]() -> Task<> {
      f = spawn(fail());
      co_await turns(5);
    });
    EXPECT_TRUE(unretrieved.seen().empty());
  }
  EXPECT_EQ(unretrieved.seen().size(), 1u);
}

TEST(Future, CancelsItsStrandFromTheSameLoop) {
  run([]() -> Task<> {
    Future<void> f = spawn(test::forever());
    co_await turns(2);
    f.cancel();
    f.cancel();
    EXPECT_FALSE(f.done());  // it ends on its own strand, not inside cancel()
    EXPECT_THROW(co_await f, Cancelled);
    f.cancel();  // after the end: nothing
    EXPECT_THROW(co_await f, Cancelled);
  });
}

TEST(Future, CancelsBeforeTheStart) {
  bool ran = false, after = false;
  run([&]() -> Task<> {
    Future<void> f = spawn([&]() -> Task<> {
      ran = true;
      co_await yield_now();
      after = true;
    });
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
  });
  EXPECT_TRUE(ran);  // up to its first checkpoint
  EXPECT_FALSE(after);
}

TEST(Future, KeepsAValueThatWasReturnedDespiteACancel) {  // design: a value already computed is returned
  run([]() -> Task<> {
    Future<int> f = spawn([]() -> Task<int> {
      try {
        co_await sleep(1000h);
      } catch (const Cancelled&) {
      }
      co_return 3;
    });
    co_await turns(2);
    f.cancel();
    EXPECT_EQ(co_await f, 3);
  });
}

TEST(Future, CancelsFromAnotherLoopAndFromAThreadTwiceAtOnce) {
  for (int round = 0; round < rounds(300); ++round) {
    Promise<int> started;
    Future<int> is_started = started.future();
    Future<void> f;
    std::thread home([&] {
      run([&]() -> Task<> {
        f = spawn(test::forever());
        started.set_value(1);
        while (!f.done()) co_await yield_now();
      });
    });
    is_started.result();
    std::thread thread([&] { f.cancel(); });
    run([&]() -> Task<> {
      f.cancel();
      EXPECT_THROW(co_await f, Cancelled);
    });
    thread.join();
    home.join();
  }
}

TEST(Future, SurvivesEveryRaceOfDropCompleteCancelAndWithdraw) {  // [W2], [W3]
  Unretrieved unretrieved;
  const int n = rounds(3000);
  std::atomic<int> ended{0};
  for (int i = 0; i < n; ++i) {
    Promise<int> go;
    Future<int> gone = go.future();
    auto given = std::make_shared<Promise<Future<int>>>();
    Future<Future<int>> handle = given->future();
    std::thread home([&] {
      run([&]() -> Task<> {
        Future<int> f = spawn([&]() -> Task<int> {
          for (int k = 0; k < i % 5; ++k) co_await yield_now();
          ++ended;
          co_return 1;
        });
        given->set_value(std::move(f));
        co_await gone;
      });
    });
    {
      Future<int> f = sync_wait(std::move(handle));
      std::thread canceller([&] { f.cancel(); });
      if (i % 2) (void)f.wait_for(std::chrono::microseconds(i % 7));
      canceller.join();
      if (i % 3 == 0) f.cancel();
    }  // dropped, maybe with a cancel on its way
    go.set_value(0);
    home.join();
  }
  EXPECT_LE(ended, n);
}

TEST(Future, EndsAWaitWhenTheWaiterIsCancelledAndTheStrandGoesOn) {
  run([]() -> Task<> {
    Future<int> f = spawn([]() -> Task<int> {
      co_await turns(10);
      co_return 1;
    });
    Future<void> waiter = spawn([&]() -> Task<> { co_await f; });
    co_await turns(3);
    waiter.cancel();
    EXPECT_THROW(co_await waiter, Cancelled);
    EXPECT_FALSE(f.done());
    EXPECT_EQ(co_await f, 1);
  });
}

TEST(Future, RefusesToBlockALoopEvenWhenItIsDone) {
  run([]() -> Task<> {
    Future<int> f = spawn(give(1));
    co_await f;
    EXPECT_THROW((void)f.result(), std::logic_error);
    EXPECT_THROW((void)std::move(f).result(), std::logic_error);
    EXPECT_THROW((void)f.wait_for(1ms), std::logic_error);
    EXPECT_EQ(co_await f, 1);  // nothing was lost
  });
}

TEST(Future, RefusesToGiveTheExceptionOfAStrandThatHasNotEnded) {
  run([]() -> Task<> {
    Future<int> f = spawn(give(1));
    EXPECT_THROW((void)f.exception(), std::logic_error);
    co_await f;
    EXPECT_FALSE(f.exception());
  });
}

TEST(Future, SaysWhetherItWasCancelled) {
  run([]() -> Task<> {
    Future<void> f = spawn(test::forever()), g = spawn(fail());
    Future<int> h = spawn(give(1));
    EXPECT_FALSE(f.cancelled());
    f.cancel();
    co_await turns(5);
    EXPECT_TRUE(f.cancelled());
    EXPECT_TRUE(g.done() && g.exception() && !g.cancelled());
    EXPECT_TRUE(h.done() && !h.cancelled());
  });
}

TEST(Future, GivesItsResultWithinATimeAndIsAsBeforeWhenThatIsUp) {
  testing::VirtualTime time;
  Future<std::unique_ptr<int>> f = spawn_thread([] {
    sleep_for(3s);
    return std::make_unique<int>(4);
  });
  EXPECT_THROW((void)f.result_for(1s), TimeoutError);
  EXPECT_THROW((void)std::move(f).result_for(1s), TimeoutError);
  EXPECT_EQ(time.elapsed(), 2s);
  EXPECT_FALSE(f.cancelled());
  EXPECT_EQ(*f.result_for(2s), 4);
  EXPECT_EQ(time.elapsed(), 3s);
  EXPECT_EQ(*std::move(f).result_for(0s), 4);
  run([]() -> Task<> {
    Future<int> g = spawn(give(1));
    EXPECT_THROW((void)g.result_for(1s), std::logic_error);
    co_await g;
  });
}

TEST(Future, CallsItsCallbacksInTheOrderAddedWhenItEndsAndAtOnceAfterThat) {
  run([]() -> Task<> {
    std::string log;
    const auto here = std::this_thread::get_id();
    Future<int> f = spawn(give(3));
    for (const char c : {'a', 'b', 'c'}) {
      f.add_done_callback([&, c](const Outcome<int>& outcome) {
        EXPECT_TRUE(f.done());
        EXPECT_EQ(std::this_thread::get_id(), here);
        log += c + std::to_string(outcome.result());
      });
    }
    f.add_done_callback([&] { log += "."; });
    EXPECT_EQ(log, "");
    EXPECT_EQ(co_await f, 3);
    EXPECT_EQ(log, "a3b3c3.");
    f.add_done_callback([&](const auto& outcome) { log += outcome.exception() ? "x" : "d"; });
    EXPECT_EQ(log, "a3b3c3.d");
  });
}

TEST(Future, CallsACallbackThatACallbackAddsAfterTheOthers) {
  Promise<int> promise;
  Future<int> f = promise.future();
  std::string log;
  f.add_done_callback([&] {
    log += "a";
    f.add_done_callback([&] { log += "c"; });
  });
  f.add_done_callback([&] { log += "b"; });
  promise.set_value(1);
  EXPECT_EQ(log, "abc");
}

TEST(Future, KeepsItsCallbacksWhenItIsMovedOrDropped) {
  Counted::live = 0;
  {
    Promise<std::unique_ptr<int>> promise;
    std::string log;
    {
      Future<std::unique_ptr<int>> f = promise.future();
      f.add_done_callback([&, counted = Counted()](const auto& outcome) { log += std::to_string(*outcome.result()); });
      Future<std::unique_ptr<int>> moved = std::move(f);
      moved.add_done_callback([&, counted = Counted()] { log += "!"; });
    }
    EXPECT_EQ(Counted::live, 2);
    promise.set_value(std::make_unique<int>(8));
    EXPECT_EQ(log, "8!");
    EXPECT_EQ(Counted::live, 0);
  }
}

TEST(Future, MayBeDroppedByItsOwnCallback) {
  Promise<int> promise;
  auto f = std::make_shared<Future<int>>(promise.future());
  int seen = 0;
  f->add_done_callback([&seen, f](const Outcome<int>& outcome) { seen = outcome.result(); });
  f.reset();  // now the callback keeps it
  promise.set_value(5);
  EXPECT_EQ(seen, 5);
}

TEST(Future, ReportsACallbackThatThrowsAndCallsTheOthers) {
  Unretrieved unretrieved;
  Promise<int> promise("job");
  Future<int> f = promise.future();
  int called = 0;
  f.add_done_callback([] { throw std::runtime_error("bad callback"); });
  f.add_done_callback([&] { ++called; });
  promise.set_value(1);
  f.add_done_callback([] { throw std::runtime_error("late callback"); });
  f.add_done_callback([&] { ++called; });
  EXPECT_EQ(called, 2);
  EXPECT_EQ(unretrieved.seen(),
            (std::vector<std::string>{"std::runtime_error: bad callback", "std::runtime_error: late callback"}));
  EXPECT_EQ(unretrieved.errors().at(0).name, "a done-callback of job");
}

TEST(Future, ReportsAnErrorThatNoCallbackLookedAt) {
  Unretrieved unretrieved;
  for (const bool looks : {false, true}) {
    Promise<int> promise;
    promise.future().add_done_callback([looks](const Outcome<int>& outcome) {
      EXPECT_FALSE(outcome.cancelled());
      if (looks) {
        EXPECT_THROW((void)outcome.result(), std::runtime_error);
      }
    });
    promise.set_error(std::make_exception_ptr(std::runtime_error("x")));
    EXPECT_EQ(unretrieved.seen().size(), 1u);
  }
}

TEST(Future, TellsItsCallbacksOfACancel) {
  run([]() -> Task<> {
    bool told = false;
    Future<void> f = spawn(test::forever());
    f.add_done_callback([&](const Outcome<void>& outcome) { told = outcome.cancelled(); });
    f.cancel();
    EXPECT_FALSE(told);
    co_await turns(3);
    EXPECT_TRUE(told);
  });
}

TEST(Future, LetsACallbackTakeTheValueAndEndAnotherFuture) {
  Promise<int> inner, outer;
  Future<int> f = inner.future(), g = outer.future();
  int taken = 0;
  // Within the callbacks of `outer`, those of `inner` are called.
  g.add_done_callback([&] { inner.set_value(std::move(g).result() + 1); });
  f.add_done_callback([&] { taken = std::move(f).result() + std::move(g).result(); });
  outer.set_value(1);
  EXPECT_EQ(taken, 3);
}

TEST(Future, HasItsValueTakenOnlyWhenNoCallbackLooksAtIt) {
  for (int round = 0; round < rounds(600); ++round) {
    Promise<std::string> promise;
    Future<std::string> f = promise.future();
    for (int i = 0; i < 3; ++i) {
      f.add_done_callback([](const Outcome<std::string>& outcome) { EXPECT_EQ(outcome.result().size(), 100u); });
    }
    std::thread completer([&] { promise.set_value(std::string(100, 'x')); });
    switch (round % 3) {
      case 0:
        EXPECT_EQ(std::move(f).result().size(), 100u);
        break;
      case 1:
        run([&]() -> Task<> { EXPECT_EQ((co_await std::move(f)).size(), 100u); });
        break;
      default:
        while (!f.done()) std::this_thread::yield();
        EXPECT_EQ(to_std_future(std::move(f)).get().size(), 100u);
    }
    completer.join();
  }
}

TEST(Future, CallsEachCallbackOnceWhoeverAddsItWhileItEndsAndDropsIt) {
  for (int round = 0; round < rounds(600); ++round) {
    std::atomic<int> called{0};
    Promise<int> promise;
    Future<int> future = promise.future();
    std::thread completer([&] {
      if (round % 2) std::this_thread::yield();
      promise.set_value(1);
    });
    {
      const Future<int> f = std::move(future);
      std::thread adder([&] {
        for (int i = 0; i < 5; ++i) f.add_done_callback([&] { ++called; });
      });
      for (int i = 0; i < 5; ++i) f.add_done_callback([&](const Outcome<int>& o) { called += o.result(); });
      adder.join();
    }
    completer.join();
    EXPECT_EQ(called, 10);
  }
}

TEST(Future, EndsATimedWaitWhileItsCallbacksAreCalled) {
  for (int round = 0; round < rounds(50); ++round) {
    Promise<int> promise;
    Future<int> f = promise.future();
    f.add_done_callback([] { std::this_thread::yield(); });
    std::thread completer([&] { promise.set_value(1); });
    for (;;) {
      try {
        EXPECT_EQ(std::move(f).result_for(std::chrono::nanoseconds(round)), 1);
        break;
      } catch (const TimeoutError&) {
      }
    }
    completer.join();
  }
}

TEST(Future, RefusesToBeUsedWhenItIsEmpty) {
  Future<int> empty;
  EXPECT_FALSE(empty.valid());
  EXPECT_THROW((void)empty.result(), std::logic_error);
  EXPECT_THROW((void)empty.done(), std::logic_error);
  EXPECT_THROW((void)empty.exception(), std::logic_error);
  EXPECT_THROW(empty.cancel(), std::logic_error);
  EXPECT_THROW((void)empty.cancelled(), std::logic_error);
  EXPECT_THROW((void)empty.result_for(1s), std::logic_error);
  EXPECT_THROW(empty.add_done_callback([] {}), std::logic_error);
  run([&]() -> Task<> {
    EXPECT_THROW(co_await empty, std::logic_error);
    EXPECT_THROW(co_await std::move(empty), std::logic_error);
  });
}

TEST(FutureDeathTest, StopsTheProgramWhenItIsDestroyedWhileOthersAwaitIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto f = std::make_unique<Future<void>>(spawn(test::forever(), {.name = "sleeper"}));
                 Future<void> waiter = spawn([&]() -> Task<> { co_await *f; });
                 co_await turns(2);
                 f.reset();
               }),
               "the Future of \"sleeper\" was destroyed while 1 strand\\(s\\) await it");
}

TEST(Promise, SaysThatItWasBrokenWhenItDiesWithoutAResult) {
  Future<int> f;
  {
    Promise<int> promise;
    f = promise.future();
  }
  try {
    (void)f.result();
    FAIL();
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("broken promise"), std::string::npos);
  }
}

TEST(Promise, RefusesASecondResultAndASecondFuture) {
  Promise<int> promise;
  Future<int> f = promise.future();
  EXPECT_THROW((void)promise.future(), std::logic_error);
  EXPECT_THROW(promise.set_error(nullptr), std::logic_error);
  promise.set_value(1);
  EXPECT_THROW(promise.set_value(2), std::logic_error);
  EXPECT_THROW(promise.set_error(std::make_exception_ptr(1)), std::logic_error);
  EXPECT_EQ(f.result(), 1);
}

TEST(Promise, IsToldOfACancel) {
  int asked = 0;
  Promise<int> promise;
  promise.on_cancel([&] { ++asked; });
  Future<int> f = promise.future();
  f.cancel();
  EXPECT_EQ(asked, 1);
  promise.set_value(1);
  f.cancel();
  EXPECT_EQ(asked, 1);
}

static_assert(!std::is_copy_constructible_v<Future<int>>);

}  // namespace
}  // namespace plait
