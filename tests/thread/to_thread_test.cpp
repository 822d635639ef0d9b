// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/to_thread.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "plait/os/futex.hpp"
#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"

namespace {

using namespace std::chrono_literals;
using plait::Future;
using plait::Task;

int most_threads() { return std::min(32, plait::os::processor_count() + 4); }

Task<> until(const std::atomic<bool>& flag) {
  while (!flag) co_await plait::yield_now();
}

/// Occupies all threads of the pool until it is opened.
class FullPool {
 public:
  Task<> occupy() {
    const auto block = [this] {
      ++running_;
      gate_.acquire();
    };
    for (int i = 0; i < most_threads(); ++i) calls_.push_back(plait::spawn(call(block)));
    while (running_ != most_threads()) co_await plait::yield_now();
  }
  void open(int threads) { gate_.release(threads); }
  Task<> ended() {
    for (Future<void>& call : calls_) co_await call;
  }

 private:
  template <class F>
  static Task<> call(F f) {
    co_await plait::to_thread(f);
  }
  std::counting_semaphore<> gate_{0};
  std::atomic<int> running_{0};
  std::vector<Future<void>> calls_;
};

TEST(ToThread, GivesWhatTheFunctionReturns) {
  plait::run([]() -> Task<> {
    EXPECT_EQ(co_await plait::to_thread([](int a, int b) { return a + b; }, 2, 3), 5);
    co_await plait::to_thread([] {});
    auto owned = co_await plait::to_thread([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(7));
    EXPECT_EQ(*owned, 7);
    int n = 1;
    int& same = co_await plait::to_thread([&n]() -> int& { return n; });
    EXPECT_EQ(&same, &n);
  });
}

TEST(ToThread, RunsOnAnotherThreadWithoutAnEventLoop) {
  plait::run([]() -> Task<> {
    const auto here = std::this_thread::get_id();
    EXPECT_NE(co_await plait::to_thread([] { return std::this_thread::get_id(); }), here);
    EXPECT_EQ(co_await plait::to_thread([] { return plait::run(plait::gather(plait::sleep(0s))), 1; }), 1);
  });
}

TEST(ToThread, ThrowsTheExceptionAtTheAwaitUnwrapped) {
  plait::run([]() -> Task<> {
    bool caught = false;
    try {
      co_await plait::to_thread([] { throw std::out_of_range("far"); });
    } catch (const std::out_of_range& e) {
      caught = std::string(e.what()) == "far";
    }
    EXPECT_TRUE(caught);
  });
}

TEST(ToThread, ServesThreadsBySyncWait) {
  EXPECT_EQ(plait::sync_wait(plait::to_thread([] { return 42; })), 42);
  EXPECT_THROW(plait::sync_wait(plait::to_thread([] { throw std::out_of_range("far"); })), std::out_of_range);
}

TEST(ToThread, LetsTheLoopGoOnMeanwhile) {
  int ticks = 0;
  const auto result = plait::testing::run([&]() -> Task<> {
    const auto ticker = [&ticks]() -> Task<> {
      for (;;) {
        co_await plait::sleep(10ms);
        ++ticks;
      }
    };
    Future<void> ticking = plait::spawn(ticker);
    co_await plait::to_thread([] { plait::sleep_for(95ms); });
    ticking.cancel();
  });
  EXPECT_EQ(ticks, 9);
  EXPECT_EQ(result.elapsed, 95ms);
}

TEST(ToThread, CountsItsThreadsInVirtualTimeOnlyWhileTheyAreBusy) {
  // The threads that this makes are idle afterwards, and known to no clock.
  for (int i = 0; i < 3; ++i) {
    plait::sync_wait(plait::to_thread([] { return 1; }));
    plait::testing::VirtualTime time;
    plait::sync_wait(plait::to_thread([] { plait::sleep_for(1h); }));
    plait::sync_wait(plait::to_thread([] { plait::sleep_for(1h); }));
    EXPECT_EQ(time.elapsed(), 2h);
  }
}

TEST(ToThread, NeverRunsACallThatWasCancelledBeforeItStarted) {
  std::atomic<bool> ran{false};
  plait::run([&]() -> Task<> {
    FullPool full;
    co_await full.occupy();
    const auto queued = [&]() -> Task<> { co_await plait::to_thread([&ran] { ran = true; }); };
    Future<void> call = plait::spawn(queued);
    co_await plait::yield_now();
    call.cancel();
    bool cancelled = false;
    try {
      co_await call;
    } catch (const plait::Cancelled&) {
      cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    full.open(most_threads());
    co_await full.ended();
    co_await plait::to_thread([] {});
  });
  EXPECT_FALSE(ran);
}

TEST(ToThread, HasThreadsOfItsOwnBesideThoseOfAPool) {
  plait::ThreadPool pool(1);
  plait::run([&]() -> Task<> {
    std::binary_semaphore gate(0);
    std::atomic<bool> busy{false};
    Future<void> blocks = pool.submit([&] {
      busy = true;
      gate.acquire();
    });
    co_await until(busy);
    EXPECT_EQ(co_await plait::to_thread([] { return 1; }), 1);  // the pool is full
    gate.release();
    co_await blocks;
    FullPool full;
    co_await full.occupy();
    Future<int> computes = pool.submit([] { return 2; });
    EXPECT_EQ(co_await computes, 2);
    full.open(most_threads());
    co_await full.ended();
    co_await pool.close();
  });
}

TEST(ToThread, RunsQueuedCallsInOrder) {
  std::vector<int> order;
  plait::run([&]() -> Task<> {
    FullPool full;
    co_await full.occupy();
    std::vector<Future<void>> calls;
    for (int i = 0; i < 20; ++i) {
      const auto queued = [&order, i]() -> Task<> { co_await plait::to_thread([&order, i] { order.push_back(i); }); };
      calls.push_back(plait::spawn(queued));
    }
    co_await plait::yield_now();
    full.open(1);  // one thread does them all
    for (Future<void>& call : calls) co_await call;
    full.open(most_threads() - 1);
    co_await full.ended();
  });
  ASSERT_EQ(order.size(), 20u);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(ToThread, WaitsForARunningCallThatIsCancelledAndItsResultCounts) {
  std::atomic<bool> running{false};
  std::binary_semaphore gate(0);
  plait::run([&]() -> Task<> {
    const auto body = [&]() -> Task<int> {
      co_return co_await plait::to_thread([&running, &gate] {
        running = true;
        gate.acquire();
        return 42;
      });
    };
    Future<int> call = plait::spawn(body);
    co_await until(running);
    call.cancel();
    for (int i = 0; i < 10; ++i) co_await plait::yield_now();
    EXPECT_FALSE(call.done());
    gate.release();
    EXPECT_EQ(co_await call, 42);
  });
}

TEST(ToThread, LeavesARunningCallBehindIfAskedTo) {
  plait::test::Unretrieved unretrieved;
  std::atomic<bool> running{false};
  std::binary_semaphore gate(0);
  plait::run([&]() -> Task<> {
    const auto body = [&]() -> Task<int> {
      co_return co_await plait::to_thread({.abandon_on_cancel = true}, [&running, &gate]() -> int {
        running = true;
        gate.acquire();
        throw std::runtime_error("nobody hears me");
      });
    };
    Future<int> call = plait::spawn(body);
    co_await until(running);
    call.cancel();
    bool cancelled = false;
    try {
      co_await call;
    } catch (const plait::Cancelled&) {
      cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    gate.release();
    while (unretrieved.seen().empty()) co_await plait::yield_now();
  });
  ASSERT_EQ(unretrieved.seen().size(), 1u);
  EXPECT_NE(unretrieved.seen()[0].find("nobody hears me"), std::string::npos);
}

TEST(ToThread, DropsTheCallWithTheAwaitableIfItIsNeverAwaited) {
  auto held = std::make_shared<int>(1);
  const auto f = [held] { return *held; };
  {
    auto call = plait::to_thread(f);
    EXPECT_EQ(held.use_count(), 3);
  }
  EXPECT_EQ(held.use_count(), 2);
}

TEST(ToThread, DestroysTheFunctionBeforeTheAwaitGoesOn) {
  plait::run([]() -> Task<> {
    auto held = std::make_shared<int>(1);
    co_await plait::to_thread([](std::shared_ptr<int> p) { return *p; }, held);
    EXPECT_EQ(held.use_count(), 1);
  });
}

TEST(ToThread, ServesManyCallersFromManyLoops) {
  std::atomic<int> sum{0};
  std::vector<std::thread> loops;
  for (int i = 0; i < 4; ++i) {
    loops.emplace_back([&sum] {
      plait::run([&sum]() -> Task<> {
        std::vector<Task<>> calls;
        const auto one = [](std::atomic<int>& total) -> Task<> { co_await plait::to_thread([&total] { ++total; }); };
        for (int k = 0; k < 500; ++k) calls.push_back(one(sum));
        co_await plait::gather(std::move(calls));
      });
    });
  }
  for (std::thread& loop : loops) loop.join();
  EXPECT_EQ(sum, 2000);
}

TEST(ToThread, SurvivesCancelsAtEveryMoment) {
  std::atomic<int> ran{0};
  int cancelled = 0, completed = 0;
  plait::run([&]() -> Task<> {
    const auto body = [&ran]() -> Task<> { co_await plait::to_thread([&ran] { ++ran; }); };
    for (int i = 0; i < 1000; ++i) {
      Future<void> call = plait::spawn(body);
      for (int k = 0; k < i % 7; ++k) co_await plait::yield_now();
      call.cancel();
      try {
        co_await call;
        ++completed;
      } catch (const plait::Cancelled&) {
        ++cancelled;
      }
    }
  });
  EXPECT_EQ(ran, completed);
  EXPECT_EQ(cancelled + completed, 1000);
}

}  // namespace
