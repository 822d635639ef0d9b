// SPDX-License-Identifier: BSL-1.0
//
// What the tests of asyncio and trio ask of tasks and of what waits for several of them, asked of Plait. Each test
// names its number in README.md and its source. asyncio cancels once, at the next suspension; Plait as long as the
// scope lasts. Where that makes a difference the test says what holds here.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::checkpoint_throws;
using test::fail_after;
using test::forever;
using test::give;
using test::give_after;
using test::turns;
using test::Unretrieved;

// 26. test_asyncio/test_tasks.py: test_cancel_awaited_task. What a Future stands for is not cancelled with who awaits
// it (the strand has its own scope); a Task that is awaited runs on the same strand, so it is.
TEST(Tasks, ATaskThatCancelledItselfEndsAtTheNextAwaitAndWithItWhatItAwaits) {
  testing::run([]() -> Task<> {
    bool child_cancelled = false;
    const auto child = [&]() -> Task<> {
      try {
        co_await forever();
      } catch (const Cancelled&) {
        child_cancelled = true;
        throw;
      }
    };
    Future<void> f;
    f = spawn([&]() -> Task<> {
      f.cancel();
      co_await child();
      ADD_FAILURE();
    });
    EXPECT_THROW(co_await f, Cancelled);
    EXPECT_TRUE(child_cancelled);
    Future<int> other = spawn(give_after(1s, 3));
    Future<void> g;
    g = spawn([&]() -> Task<> {
      g.cancel();
      co_await other;
      ADD_FAILURE();
    });
    EXPECT_THROW(co_await g, Cancelled);
    EXPECT_EQ(co_await other, 3);
  });
}

// 27. test_asyncio/test_tasks.py: test_cancel_at_end. asyncio throws the result away; here a value that was computed is
// returned, so that nothing is lost.
TEST(Tasks, ATaskThatCancelsItselfAndReturnsGivesItsValue) {
  run([]() -> Task<> {
    Future<int> f;
    f = spawn([&]() -> Task<int> {
      co_await yield_now();
      f.cancel();
      co_return 5;
    });
    EXPECT_EQ(co_await f, 5);
  });
}

// 29. test_asyncio/test_tasks.py: test_wait_really_done.
TEST(Tasks, WaitReportsAllThatAreDoneWhenItIsWoken) {
  for (const std::uint64_t seed : {0, 1, 2, 3, 4}) {
    const auto body = []() -> Task<> {
      std::vector<Future<int>> futures;
      for (int i = 0; i < 5; ++i) futures.push_back(spawn(give(i)));
      const Waited waited = co_await wait({.until = Until::first_completed}, futures);
      for (const std::size_t i : waited.pending) EXPECT_FALSE(futures[i].done());
      EXPECT_EQ(waited.done.size() + waited.pending.size(), futures.size());
      co_await wait(futures);
    };
    testing::run(body, {.seed = seed});
  }
}

// 30. test_asyncio/test_tasks.py: test_cancel_gather_2, CoroutineGatherTests.test_cancellation_broadcast.
TEST(Tasks, ACancelDuringGatherReachesTheCallerAndAllChildren) {
  testing::run([]() -> Task<> {
    int cancelled = 0;
    bool after = false;
    const auto child = [&]() -> Task<> {
      try {
        co_await forever();
      } catch (const Cancelled&) {
        ++cancelled;
        throw;
      }
    };
    Future<void> f = spawn([&]() -> Task<> {
      co_await gather(child(), child(), child());
      after = true;
    });
    co_await turns(3);
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
    EXPECT_EQ(cancelled, 3);
    EXPECT_FALSE(after);
  });
}

// 31. test_asyncio/test_tasks.py: FutureGatherTests.test_one_cancellation. The first to fail, by a cancel too, cancels
// the other children of a gather; strands that it merely awaits go on.
TEST(Tasks, AGatherWithACancelledChildFailsAndIsNotCancelledItself) {
  testing::run([]() -> Task<> {
    Future<void> a = spawn(forever());
    Future<int> b = spawn(give_after(1s, 2));
    const auto await_a = [&]() -> Task<> { co_await a; };
    const auto await_b = [&]() -> Task<> { co_await b; };
    a.cancel();
    EXPECT_THROW(co_await gather(await_a(), await_b()), Cancelled);
    EXPECT_FALSE(co_await checkpoint_throws());
    EXPECT_EQ(co_await b, 2);
  });
}

// 32. test_asyncio/test_tasks.py: test_shield_effect, test_shield_cancel_outer_exception,
// test_shield_duplicate_log_once.
TEST(Tasks, ShieldedWorkCompletesAndItsErrorArrivesOnce) {
  Unretrieved unretrieved;
  testing::run([]() -> Task<> {
    bool completed = false;
    int errors = 0;
    const auto work = [&]() -> Task<> {
      co_await sleep(2s);
      completed = true;
    };
    Future<void> f = spawn([&]() -> Task<> {
      co_await shield(work());
      try {
        co_await shield(fail_after(2s, "inner"));
      } catch (const std::runtime_error&) {
        ++errors;
      }
      co_await yield_now();
      ADD_FAILURE();
    });
    co_await sleep(1s);
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
    EXPECT_TRUE(completed);
    EXPECT_EQ(errors, 1);
  });
  EXPECT_TRUE(unretrieved.seen().empty());
}

// 33. test_asyncio/test_waitfor.py: test_wait_for_issue86296. What was granted and can be given back is given back; a
// value that can't be is returned, and the next checkpoint throws.
TEST(Tasks, ACancelInTheTurnOfACompletionWins) {
  run([]() -> Task<> {
    Semaphore permits(0);
    Future<void> f = spawn([&]() -> Task<> {
      co_await timeout(1h, permits.acquire());
      ADD_FAILURE();
    });
    co_await turns(3);
    permits.release();
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
    EXPECT_EQ(permits.value(), 1);
    Promise<int> promise;
    Future<int> future = promise.future();
    int value = 0;
    Future<void> g = spawn([&]() -> Task<> {
      value = co_await timeout(1h, future);
      co_await yield_now();
      ADD_FAILURE();
    });
    co_await turns(3);
    promise.set_value(4);
    g.cancel();
    EXPECT_THROW(co_await g, Cancelled);
    EXPECT_EQ(value, 4);
  });
}

// 41. test_asyncio/test_runners.py: test_asyncio_run_reports_hanging_tasks_errors. The clean-up waits in a `finally`.
TEST(Tasks, LeftoverTasksAreCancelledAndAwaitedAtTheEndOfRunAndTheirErrorsReported) {
  Unretrieved unretrieved;
  bool cleaned = false;
  const auto main = [&]() -> Task<int> {
    const auto clean = [&]() -> Task<> {
      co_await sleep(1s);
      cleaned = true;
      throw std::runtime_error("left over");
    };
    Future<void> leftover = spawn([&]() -> Task<> { co_await finally(&forever, clean); });
    co_await turns(2);
    co_return 7;
  };
  EXPECT_EQ(testing::run(main).value, 7);
  EXPECT_TRUE(cleaned);
  ASSERT_EQ(unretrieved.seen().size(), 1u);
  EXPECT_NE(unretrieved.seen()[0].find("left over"), std::string::npos);
}

// 43. test_asyncio/test_tasks.py: RunCoroutineThreadsafeTests.test_run_coroutine_threadsafe_and_cancel,
// test_run_coroutine_threadsafe_with_timeout; the reverse is the end of the run, which cancels the task.
TEST(Tasks, ACancelOfTheThreadsFutureReachesTheTaskAndTheReverse) {
  bool cancelled = false;
  std::optional<Future<void>> left;
  run([&]() -> Task<> {
    const Loop loop = Loop::current();
    const auto task = [&]() -> Task<> {
      try {
        co_await forever();
      } catch (const Cancelled&) {
        cancelled = true;
        throw;
      }
    };
    co_await to_thread([&] {
      auto future = loop.spawn(task);
      EXPECT_FALSE(future.wait_for(1ms));
      future.cancel();
      EXPECT_THROW(future.result(), Cancelled);
      left = loop.spawn(&forever);
    });
    co_await turns(2);
  });
  EXPECT_TRUE(cancelled);
  EXPECT_THROW(left->result(), Cancelled);
}

// 50. trio _core/_tests/test_run.py: test_TrioToken_run_sync_soon_starvation_resistance.
TEST(Tasks, ACallbackThatPostsItselfForEverDoesNotStarveThem) {
  int posts = 0, reached = 0;
  run([&]() -> Task<> {
    struct Again {
      Loop loop;
      int* posts;
      const int* reached;
      void operator()() const {
        ++*posts;
        if (*reached < 20) loop.post(*this);
      }
    };
    Loop::current().post(Again{Loop::current(), &posts, &reached});
    for (; reached < 20; ++reached) co_await yield_now();
  });
  EXPECT_EQ(reached, 20);
  EXPECT_GT(posts, 0);
}

// 53. trio _tests/test_threads.py: test_run_in_worker_thread_cancellation. The limiter's part, that an abandoned call
// keeps its place until it returns, is ToThread.LeavesARunningCallBehindIfAskedTo.
TEST(Tasks, ACallInAThreadNeverStartsIsWaitedForOrIsAbandonedWhenItIsCancelled) {
  run([]() -> Task<> {
    std::atomic<int> started{0};
    CancelScope before;
    before.cancel();
    const auto never = [&]() -> Task<> { co_await to_thread([&] { ++started; }); };
    EXPECT_FALSE(co_await before.run(never));
    EXPECT_EQ(started, 0);

    struct Shared {
      std::atomic<bool> go{false}, running{false};
    };
    const auto hold = [](const std::shared_ptr<Shared>& s) {
      s->running = true;
      while (!s->go) std::this_thread::yield();
      return 6;
    };
    const auto waited_for = std::make_shared<Shared>(), abandoned = std::make_shared<Shared>();
    Future<int> waits = spawn([&]() -> Task<int> { co_return co_await to_thread(hold, waited_for); });
    while (!waited_for->running) co_await yield_now();
    waits.cancel();
    co_await turns(3);
    EXPECT_FALSE(waits.done());
    waited_for->go = true;
    EXPECT_EQ(co_await waits, 6);

    Future<int> leaves = spawn([&]() -> Task<int> {
      const ToThreadOptions options{.abandon_on_cancel = true};
      co_return co_await to_thread(options, hold, abandoned);
    });
    while (!abandoned->running) co_await yield_now();
    leaves.cancel();
    EXPECT_THROW(co_await leaves, Cancelled);
    EXPECT_FALSE(abandoned->go);
    abandoned->go = true;
  });
}

ContextVar<int> number{"number", 0};

// Not among the sixty: test_asyncio/test_tasks.py: test_context_1, test_context_2; test_context.py:
// test_context_copy_1, test_context_threads_1.
TEST(Tasks, ChildrenInheritContextVarsAndKeepWhatTheySetToThemselves) {
  run([]() -> Task<> {
    number.set(1);
    const auto child = []() -> Task<int> {
      const int before = number.get();
      number.set(2);
      co_await turns(2);
      co_return before * 10 + number.get();
    };
    Future<int> a = spawn(child), b = spawn(child);
    EXPECT_EQ(co_await a, 12);
    EXPECT_EQ(co_await b, 12);
    EXPECT_EQ(number.get(), 1);
    EXPECT_EQ(co_await to_thread([] { return number.get(); }), 1);
    auto token = number.set(3);
    number.reset(std::move(token));
    EXPECT_EQ(number.get(), 1);
  });
}

// Not among the sixty: test_asyncio/test_tasks.py: test_as_completed, test_as_completed_with_timeout.
TEST(Tasks, AsCompletedGivesEachOnceInTheOrderOfTheirEnd) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    std::vector<Task<int>> tasks;
    for (const int s : {3, 1, 2}) tasks.push_back(give_after(std::chrono::seconds(s), s));
    auto completions = as_completed(std::move(tasks));
    EXPECT_EQ(co_await *co_await completions.next(), 1);
    EXPECT_THROW(co_await timeout(500ms, completions.next()), TimeoutError);
    EXPECT_EQ(co_await *co_await completions.next(), 2);
    EXPECT_EQ(co_await *co_await completions.next(), 3);
    EXPECT_FALSE(co_await completions.next());
    EXPECT_EQ(time.elapsed(), 3s);
  });
}

}  // namespace
}  // namespace plait
