// SPDX-License-Identifier: BSL-1.0
// What CPython's test_concurrent_futures asks of an executor, asked of ThreadPool: executor.py, test_shutdown.py,
// test_thread_pool.py, test_init.py, test_deadlock.py. More of map is in tests/thread/pool_map_test.cpp, and
// test_idle_thread_reuse is PoolLife.StartsThreadsAsTheyAreNeeded.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"
#include "support/child_process.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

/// Holds the workers of a pool until it is told to go on.
struct Gate {
  Event open;
  std::atomic<int> waiting{0};
  void wait() {
    ++waiting;
    sync_wait(open.wait());
  }
  void until(int n) const {
    while (waiting < n) std::this_thread::yield();
  }
};

TEST(ExecutorConformance, SubmitPassesArgumentsAndGivesTheResult) {  // test_submit, test_submit_keyword
  ThreadPool pool(2);
  EXPECT_EQ(pool.submit([](int a, int b) { return a * b; }, 2, 8).result(), 16);
  EXPECT_EQ(pool.submit([](const std::string& text) { return text + "!"; }, "word").result(), "word!");
}

TEST(ExecutorConformance, ThePoolLetsGoOfTheCallBeforeItsResultIsSeen) {  // test_no_stale_references
  ThreadPool pool(1);
  auto argument = std::make_shared<int>(1);
  pool.submit([](const std::shared_ptr<int>&) {}, argument).result();
  EXPECT_EQ(argument.use_count(), 1);
}

TEST(ExecutorConformance, ASizeMustBePositive) {  // test_max_workers_negative
  EXPECT_THROW(ThreadPool(0), std::logic_error);
  EXPECT_THROW(ThreadPool(-1), std::logic_error);
}

TEST(ExecutorConformance, SubmitAfterShutdownIsRefused) {  // test_run_after_shutdown
  ThreadPool pool(1);
  pool.shutdown();
  EXPECT_THROW(static_cast<void>(pool.submit([] {})), std::logic_error);
}

TEST(ExecutorConformance, AnExceptionOfACallIsThatOfItsFuture) {  // test_future_exceptions
  ThreadPool pool(1);
  Future<int> f = pool.submit([]() -> int { throw std::out_of_range("no"); });
  EXPECT_THROW(f.result(), std::out_of_range);
  EXPECT_THROW(f.result(), std::out_of_range);  // again
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
}

TEST(ExecutorConformance, ShutdownWaitsForAllThatWasSubmitted) {  // test_shutdown_wait, test_context_manager_shutdown
  std::atomic<int> done{0};
  ThreadPool pool(2);
  for (int i = 0; i < 100; ++i) static_cast<void>(pool.submit([&] { ++done; }));
  pool.shutdown();
  EXPECT_EQ(done, 100);
}

TEST(ExecutorConformance, ShutdownWithoutWaitingLetsPendingCallsBeMade) {  // test_shutdown_no_wait
  Gate gate;
  ThreadPool pool(1);
  Future<void> first = pool.submit([&] { gate.wait(); });
  Future<int> second = pool.submit([] { return 2; });
  gate.until(1);
  pool.shutdown({.wait = false});
  EXPECT_FALSE(first.done());
  gate.open.set();
  EXPECT_EQ(second.result(), 2);
}

TEST(ExecutorConformance, ShutdownMayCancelWhatHasNotBegun) {  // test_cancel_futures
  Gate gate;
  ThreadPool pool(2);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 2; ++i) {
    futures.push_back(pool.submit([&] {
      gate.wait();
      return 1;
    }));
  }
  gate.until(2);
  for (int i = 0; i < 50; ++i) futures.push_back(pool.submit([] { return 2; }));
  std::thread opener([&] {
    while (!futures.back().done()) std::this_thread::yield();
    gate.open.set();
  });
  pool.shutdown({.cancel_futures = true});
  opener.join();
  for (std::size_t i = 0; i < futures.size(); ++i) {
    ASSERT_TRUE(futures[i].done());
    if (i < 2) {
      EXPECT_EQ(futures[i].result(), 1);
    } else {
      EXPECT_THROW(futures[i].result(), Cancelled);
    }
  }
}

TEST(ExecutorConformance, ACancelJustBeforeShutdownDoesNotHangIt) {  // test_cancel_futures_wait_false, gh-94777
  for (int round = 0; round < 200; ++round) {
    ThreadPool pool(1);
    Future<void> f = pool.submit([] {});
    Future<void> g = pool.submit([] {});
    g.cancel();
    f.cancel();
    pool.shutdown({.wait = round % 2 == 0, .cancel_futures = round % 3 == 0});
  }
}

TEST(ExecutorConformance, CancellingAgainOrTooLateDoesNothing) {  // FutureTests.test_cancel
  Gate gate;
  ThreadPool pool(1);
  Future<void> running = pool.submit([&] { gate.wait(); });
  Future<int> queued = pool.submit([] { return 1; });
  gate.until(1);
  queued.cancel();
  queued.cancel();
  EXPECT_TRUE(queued.done());
  EXPECT_THROW(queued.result(), Cancelled);
  gate.open.set();
  running.result();
  running.cancel();
  running.result();  // it keeps its value
}

TEST(ExecutorConformance, AResultWithATimeoutDoesNotCancelTheCall) {  // test_result_with_timeout
  testing::VirtualTime time;
  Gate gate;
  ThreadPool pool(1);
  Future<int> f = pool.submit([&] {
    gate.wait();
    return 5;
  });
  EXPECT_FALSE(f.wait_for(1s));
  EXPECT_FALSE(f.done());
  gate.open.set();
  EXPECT_TRUE(f.wait_for(1h));
  EXPECT_EQ(f.result(), 5);
}

TEST(ExecutorConformance, ADroppedPoolLetsItsCallsEnd) {  // test_del_shutdown, test_hang_issue12364
  std::vector<Future<int>> futures;
  {
    ThreadPool pool({.size = 2, .name = "special"});
    for (int i = 0; i < 20; ++i) futures.push_back(pool.submit([i] { return i; }));
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(), i);
}

TEST(ExecutorConformance, ThreadsAreNamedAfterTheirPool) {  // test_thread_names_assigned, test_thread_names_default
  const auto name = [] { return current_thread().name(); };
  ThreadPool special({.size = 1, .name = "special"}), one(1), another(1);
  EXPECT_EQ(special.submit(name).result(), "special-1");
  const std::string of_one = one.submit(name).result(), of_another = another.submit(name).result();
  EXPECT_TRUE(of_one.starts_with("pool") && of_one.ends_with("-1")) << of_one;
  EXPECT_TRUE(of_another.starts_with("pool") && of_another.ends_with("-1")) << of_another;
  EXPECT_NE(of_one, of_another);
}

TEST(ExecutorConformance, AMapMakesItsCallsWithoutBeingIterated) {  // test_map_submits_without_iteration, issue 11777
  std::atomic<int> finished{0};
  const std::vector<int> inputs(10);
  ThreadPool pool(2);
  auto results = pool.map([&](int) { ++finished; }, inputs, {.buffersize = 10});
  pool.shutdown();
  EXPECT_EQ(finished, 10);
  int given = 0;
  for ([[maybe_unused]] auto nothing : results) ++given;
  EXPECT_EQ(given, 10);
}

TEST(ExecutorConformance, AMapMayBeLeftAsThePoolIsShutDown) {  // test_shutdown_race_issue12456
  for (int round = 0; round < 100; ++round) {
    ThreadPool pool(2);
    {
      const std::vector<int> inputs(3, 2);
      auto results = pool.map([](int n) { return n; }, inputs);
    }
    pool.shutdown();
  }
}

TEST(ExecutorConformance, TheTimeOfAMapCountsFromItsBeginning) {  // test_map_timeout
  testing::VirtualTime time;
  ThreadPool pool(3);
  int given = 0;
  {
    const std::vector<int> seconds{0, 0, 6};
    auto results = pool.map([](int n) { sleep_for(std::chrono::seconds(n)); }, seconds);
    const auto all = [&]() -> Task<> {
      while ((co_await results.next()).has_value()) ++given;
    };
    EXPECT_THROW(sync_wait(timeout(5s, all())), TimeoutError);
  }  // which cancels the one that sleeps
  EXPECT_EQ(given, 2);
  EXPECT_EQ(time.elapsed(), 5s);
}

TEST(ExecutorConformance, AMapThatTimesOutCancelsTheCallItWaitsForAndThoseBehindIt) {
  // test_executor_map_current_future_cancel
  std::string log;
  ThreadPool pool(1);
  Gate gate;
  const auto call = [&](const std::string& name) {
    log += name + " begins;";
    gate.wait();
    log += name + " ends;";
  };
  Future<void> first = pool.submit(call, "first");
  gate.until(1);
  {
    const std::vector<std::string> names{"second", "third"};
    auto results = pool.map(call, names);
    EXPECT_THROW(static_cast<void>(sync_wait(timeout(0s, results.next()))), TimeoutError);
  }
  gate.open.set();
  first.result();
  pool.shutdown();
  EXPECT_EQ(log, "first begins;first ends;");
}

TEST(ExecutorConformance, AMapHoldsNoResultThatItGave) {  // test_free_reference, issue 14406
  ThreadPool pool(2);
  const std::vector<int> inputs(10);
  const auto make = [](int) { return std::make_shared<int>(1); };
  for (auto& result : pool.map(make, inputs)) {
    const std::weak_ptr<int> watched = result;
    std::move(result).reset();
    EXPECT_TRUE(watched.expired());
  }
  std::weak_ptr<int> before;
  for (auto& result : pool.map(make, inputs, {.chunksize = 1})) {
    EXPECT_TRUE(before.expired());
    before = result;
  }
  auto results = pool.map(make, inputs);
  plait::run([&]() -> Task<> {
    for (int i = 0; i < 10; ++i) {
      std::optional<std::shared_ptr<int>> result = co_await results.next();
      EXPECT_EQ(result->use_count(), 1);
    }
  });
}

TEST(ExecutorConformance, ACallMayFork) {  // test_process_fork_from_a_threadpool, test_hang_global_shutdown_lock
  ThreadPool pool(1), busy(1);
  std::atomic<bool> stop{false};
  Future<void> submits = busy.submit([&] {
    while (!stop) busy.submit([] {}).result();
  });
  for (int round = 0; round < test::rounds(50); ++round) {
    const auto forks = [] {
      return test::in_forked_child([] {
        if (test::kSanitized) return true;  // ThreadSanitizer starts no threads there
        ThreadPool own(1);
        return own.submit([] { return 2; }).result() == 2;
      });
    };
    EXPECT_TRUE(pool.submit(forks).result());
  }
  stop = true;
  submits.result();
}

TEST(ExecutorConformance, ACallMaySubmitWhileThePoolIsShutDown) {  // test_hang_gh83386, test_shutdown_deadlock
  for (int round = 0; round < 100; ++round) {
    ThreadPool pool(2);
    std::atomic<int> outcomes{0};
    for (int i = 0; i < 4; ++i) {
      static_cast<void>(pool.submit([&] {
        try {
          EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
        } catch (const std::logic_error&) {  // refused
        }
        ++outcomes;
      }));
    }
    pool.shutdown();
    EXPECT_EQ(outcomes, 4);
  }
}

TEST(ExecutorConformance, ACallMayShutItsOwnPoolDown) {  // test_thread_terminate, executor shutdown from a worker
  ThreadPool pool(1);
  pool.submit([&] {
        EXPECT_THROW(pool.shutdown(), std::logic_error);  // it would wait for itself
        pool.shutdown({.wait = false});
      })
      .result();
  EXPECT_THROW(static_cast<void>(pool.submit([] {})), std::logic_error);
}

TEST(ExecutorConformance, CallsThatWaitForEachOtherInAChainAllEnd) {  // the deadlocks of the documentation
  ThreadPool pool(1);
  EXPECT_EQ(pool.submit([&] {
                  Future<int> b = pool.submit([&] { return pool.submit([] { return 5; }).result() + 1; });
                  return b.result() + 1;
                })
                .result(),
            7);
}

TEST(ExecutorConformance, ABurstOfCallsIsAllMade) {  // test_saturation
  Gate gate;
  ThreadPool pool(4);
  std::atomic<int> done{0};
  for (int i = 0; i < 15 * 4; ++i) {
    static_cast<void>(pool.submit([&] {
      gate.wait();
      ++done;
    }));
  }
  gate.until(4);
  EXPECT_EQ(gate.waiting, 4);
  gate.open.set();
  pool.shutdown();
  EXPECT_EQ(done, 60);
}

TEST(ExecutorConformance, EachThreadIsInitializedOnce) {  // ThreadPoolInitializerTests
  static std::atomic<int> initialized;
  initialized = 0;
  ThreadPool pool({.size = 2, .initializer = [] { ++initialized; }});
  Gate gate;
  Future<void> a = pool.submit([&] { gate.wait(); }), b = pool.submit([&] { gate.wait(); });
  gate.until(2);
  gate.open.set();
  a.result();
  b.result();
  for (int i = 0; i < 10; ++i) pool.submit([] {}).result();
  EXPECT_EQ(initialized, 2);
}

}  // namespace
}  // namespace plait
