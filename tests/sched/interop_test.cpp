// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/interop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::rounds;
using test::turns;

TEST(FromCallback, TakesAnAnswerThatComesBeforeStartReturns) {
  EXPECT_EQ(
      run([]() -> Task<int> { co_return co_await from_callback<int>([](Callback<int> done) { done.set_value(3); }); }),
      3);
}

TEST(FromCallback, TakesAnAnswerFromAnotherThread) {
  for (int i = 0; i < rounds(200); ++i) {
    std::thread thread;
    const auto start = [&](Callback<std::string> done) {
      thread = std::thread([done = std::move(done)]() mutable { done.set_value("hello"); });
    };
    EXPECT_EQ(run([&]() -> Task<std::string> { co_return co_await from_callback<std::string>(start); }), "hello");
    thread.join();
  }
}

TEST(FromCallback, ThrowsTheErrorThatTheCallbackIsGiven) {
  EXPECT_THROW(run([]() -> Task<> {
                 co_await from_callback<void>(
                     [](Callback<void> done) { done.set_error(std::make_exception_ptr(std::runtime_error("no"))); });
               }),
               std::runtime_error);
}

TEST(FromCallback, ThrowsThatThePromiseIsBrokenWhenTheCallbackIsDropped) {
  run([]() -> Task<> {
    EXPECT_THROW(co_await from_callback<int>([](Callback<int>) {}), std::logic_error);
    EXPECT_THROW(co_await from_callback<int>([](Callback<int>&&) {}), std::logic_error);  // not even moved from
  });
}

TEST(FromCallback, ThrowsWhatStartThrowsAndReportsNothingElse) {
  test::Unretrieved unretrieved;
  EXPECT_THROW(run([]() -> Task<> {
                 co_await from_callback<int>([](Callback<int>) { throw std::runtime_error("can't start"); });
               }),
               std::runtime_error);
  EXPECT_TRUE(unretrieved.seen().empty());
}

TEST(FromCallback, StartsNothingInACancelledScope) {
  bool started = false;
  run([&]() -> Task<> {
    Future<void> f = spawn([&]() -> Task<> {
      co_await from_callback<void>([&](Callback<void> done) {
        started = true;
        done.set_value();
      });
    });
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
  });
  EXPECT_FALSE(started);
}

TEST(FromCallback, EndsTheWaitAtOnceOnCancelWhenNothingCanStopTheOperation) {
  test::Unretrieved unretrieved;
  std::optional<Callback<int>> pending;
  run([&]() -> Task<> {
    Future<int> f = spawn([&]() -> Task<int> {
      co_return co_await from_callback<int>([&](Callback<int> done) { pending.emplace(std::move(done)); });
    });
    co_await turns(2);
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
  });
  pending->set_error(std::make_exception_ptr(1));  // comes too late, and is dropped
  EXPECT_TRUE(unretrieved.seen().empty());
}

/// A foreign operation that can be stopped, and answers all the same.
struct Foreign {
  std::optional<Callback<int>> pending;
  int stopped = 0;
  bool answers = true;

  std::function<void()> operator()(Callback<int> done) {
    pending.emplace(std::move(done));
    return [this] {
      ++stopped;
      if (answers) pending->set_error(std::make_exception_ptr(Cancelled{}));
    };
  }
};

TEST(FromCallback, AsksAnOperationToStopOnceAndLetsItsAnswerDecide) {  // [W7]
  Foreign foreign;
  foreign.answers = false;
  run([&]() -> Task<> {
    Future<int> f = spawn([&]() -> Task<int> { co_return co_await from_callback<int>(std::ref(foreign)); });
    co_await turns(3);
    f.cancel();
    f.cancel();
    co_await turns(3);
    EXPECT_EQ(foreign.stopped, 1);
    EXPECT_FALSE(f.done());
    foreign.pending->set_value(9);  // it had happened already
    EXPECT_EQ(co_await f, 9);
  });
}

TEST(FromCallback, AsksAnOperationToStopWhenTheCancelComesWhileItIsStarted) {
  Foreign foreign;
  run([&]() -> Task<> {
    Future<int> f;
    f = spawn([&]() -> Task<int> {
      const auto start = [&](Callback<int> done) {
        f.cancel();
        return foreign(std::move(done));
      };
      co_return co_await from_callback<int>(start);
    });
    EXPECT_THROW(co_await f, Cancelled);
  });
  EXPECT_EQ(foreign.stopped, 1);
}

TEST(WithStopToken, TriggersItsTokenWhenTheScopeAroundItIsCancelled) {
  run([]() -> Task<> {
    bool stopped = false;
    Future<void> f = spawn([&]() -> Task<> {
      co_await with_stop_token([&](std::stop_token token) -> Task<> {
        std::stop_callback on_stop(token, [&] { stopped = true; });
        co_await sleep(1000h);
      });
    });
    co_await turns(2);
    EXPECT_FALSE(stopped);
    f.cancel();
    EXPECT_TRUE(stopped);
    EXPECT_THROW(co_await f, Cancelled);
  });
}

TEST(CancelOn, CancelsTheTaskWhenTheTokenIsTriggeredFromAnyThread) {
  for (int i = 0; i < rounds(300); ++i) {
    std::stop_source source;
    std::thread thread;
    run([&]() -> Task<> {
      thread = std::thread([&] { source.request_stop(); });
      EXPECT_THROW(co_await cancel_on(source.get_token(), []() -> Task<> { co_await sleep(1000h); }()), Cancelled);
      co_await yield_now();  // this strand is not cancelled
    });
    thread.join();
  }
}

TEST(CancelOn, GivesTheValueWhenTheTokenComesTooLateOrNever) {
  run([]() -> Task<> {
    std::stop_source source;
    EXPECT_EQ(co_await cancel_on(source.get_token(), []() -> Task<int> { co_return 4; }()), 4);
    source.request_stop();
    EXPECT_EQ(co_await cancel_on(source.get_token(), []() -> Task<int> { co_return 5; }()), 5);
    EXPECT_THROW(co_await cancel_on(source.get_token(), turns(1)), Cancelled);
  });
}

TEST(CancelOn, IsCancelledFromOutsideAsEver) {
  run([]() -> Task<> {
    std::stop_source source;
    Future<void> f =
        spawn([&]() -> Task<> { co_await cancel_on(source.get_token(), []() -> Task<> { co_await sleep(1000h); }()); });
    co_await turns(3);
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
  });
}

TEST(CancelOn, WaitsAtTheLineOfItsCaller) {
  run([]() -> Task<> {
    const std::stop_source source;
    const auto caller = [&]() -> Task<> { co_await cancel_on(source.get_token(), test::forever()); };
    const unsigned line = __LINE__ - 1;
    Future<void> f = spawn(caller());
    co_await turns(2);
    const std::vector<StrandInfo> all = strands();
    const auto waits_here = [&](const StrandInfo& strand) { return strand.awaits_at == SourceLine{__FILE__, line}; };
    EXPECT_EQ(std::count_if(all.begin(), all.end(), waits_here), 1);
  });
}

}  // namespace
}  // namespace plait
