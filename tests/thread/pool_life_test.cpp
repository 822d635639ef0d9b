// SPDX-License-Identifier: BSL-1.0
// A pool's beginning and end, its threads, its sleep: what thread_pool_test.cpp takes for granted.
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

void spin_until(const std::atomic<bool>& flag) {
  while (!flag) std::this_thread::yield();
}

// ---- Beginning and end ----

TEST(PoolLife, ThatEndedUnusedLeavesNothingToTheNext) {
  for (int round = 0; round < 5; ++round) {
    {
      ThreadPool pool(1);
      pool.shutdown();
      EXPECT_THROW(static_cast<void>(pool.submit([] {})), std::logic_error);
      EXPECT_THROW(pool.run([]() -> Task<> { co_return; }()), std::logic_error);
    }
    ThreadPool pool(1);
    EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
  }
}

TEST(PoolLife, BeginsWithTwoSubmittersAtOnce) {
  for (int round = 0; round < test::rounds(300); ++round) {
    ThreadPool pool(1);
    std::atomic<int> ready{0};
    const auto submit = [&] {
      ++ready;
      while (ready < 2) std::this_thread::yield();
      return pool.submit([] { return 1; }).result();
    };
    int other = 0;
    std::thread second([&] { other = submit(); });
    EXPECT_EQ(submit(), 1);
    second.join();
    EXPECT_EQ(other, 1);
  }
}

TEST(PoolLife, ThatWasCancelledByAnExceptionLeavesNothingToTheNext) {
  for (int round = 0; round < 3; ++round) {
    try {
      ThreadPool pool(1);
      pool.submit([] {}).result();
      throw std::runtime_error("leave");
    } catch (const std::runtime_error&) {
    }
    ThreadPool pool(1);
    pool.run([]() -> Task<> { co_await yield_now(); }());
  }
}

TEST(PoolLife, MayBeShutDownBySeveralThreads) {
  for (int round = 0; round < test::rounds(200); ++round) {
    auto pool = std::make_unique<ThreadPool>(2);
    for (int i = 0; i < 4; ++i) static_cast<void>(pool->submit([] { std::this_thread::yield(); }));
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { pool->shutdown(); });
    for (std::thread& t : threads) t.join();
  }
}

TEST(PoolLife, MayBeClosedByTasksThatAreCancelledMeanwhile) {
  for (int round = 0; round < test::rounds(200); ++round) {
    ThreadPool pool(2);
    for (int i = 0; i < 4; ++i) static_cast<void>(pool.submit([] { std::this_thread::yield(); }));
    run([&]() -> Task<> {
      std::vector<Future<void>> closing;
      for (int i = 0; i < 3; ++i) closing.push_back(spawn(pool.close()));
      for (int i = 0; i < round % 7; ++i) co_await yield_now();
      for (Future<void>& f : closing) f.cancel();
      for (Future<void>& f : closing) {
        try {
          co_await f;
        } catch (const Cancelled&) {
        }
      }
      co_await pool.close();
    });
  }
}

TEST(PoolLife, IsAwaitedByItsDestructorWhateverCancelsTheThread) {
  std::atomic<bool> begun{false}, go{false}, refused{false};
  Future<void> owner = spawn_thread([&] {
    ThreadPool pool(1);
    static_cast<void>(pool.submit([&] {
      begun = true;
      try {
        for (;;) {
          static_cast<void>(pool.submit([] {}));
          std::this_thread::yield();
        }
      } catch (const std::logic_error&) {
        refused = true;
      }
      spin_until(go);
    }));
    spin_until(begun);
  });
  spin_until(refused);
  owner.cancel();
  owner.cancel();
  go = true;
  owner.result();
}

TEST(PoolLife, EveryFutureOfASubmitThatRacesAShutdownIsDone) {
  for (int round = 0; round < test::rounds(50); ++round) {
    ThreadPool pool(2);
    std::atomic<int> submitting{0};
    std::vector<Future<int>> futures[2];
    std::vector<std::thread> submitters;
    for (auto& mine : futures) {
      submitters.emplace_back([&] {
        ++submitting;
        try {
          for (int i = 0; i < 1000; ++i) mine.push_back(pool.submit([i] { return i; }));
        } catch (const std::logic_error&) {
        }
      });
    }
    while (submitting < 2) std::this_thread::yield();
    pool.shutdown({.cancel_futures = round % 2 == 0});
    for (std::thread& t : submitters) t.join();
    for (auto& mine : futures) {
      for (std::size_t i = 0; i < mine.size(); ++i) {
        ASSERT_TRUE(mine[i].done());
        try {
          EXPECT_EQ(mine[i].result(), static_cast<int>(i));
        } catch (const Cancelled&) {
          EXPECT_EQ(round % 2, 0);
        }
      }
    }
  }
}

// ---- Places of workers ----

// [P2] The worker that a spare has run for comes back, and the spare, which is one too many now, has just made a parent
// ready.
TEST(PoolLife, AParentThatASpareMadeReadyGoesOn) {
  ThreadPool pool(1);
  for (int round = 0; round < 20; ++round) {
    Promise<void> promise;
    Future<void> future = promise.future();
    std::atomic<bool> waits{false}, back{false}, done{false};
    Future<void> call = pool.submit([&] {
      waits = true;
      future.result();
      back = true;
      for (int i = 0; i < 3'000; ++i) std::this_thread::yield();  // so that the spare sees that it is one too many
    });
    spin_until(waits);
    Event event;
    bool first_done = false;
    const auto first = [&]() -> Task<> {
      co_await event.wait();
      first_done = true;
    };
    const auto second = [&]() -> Task<> {
      event.set();
      while (!first_done) co_await yield_now();
      for (int i = 0; i < 3; ++i) co_await yield_now();  // the parent waits for this one now
      promise.set_value();
      spin_until(back);
    };
    const auto both = [&]() -> Task<> {
      co_await gather(first(), second());
      done = true;
    };
    std::thread guard([&] {  // a pool that hangs fails the test instead of hanging it
      for (int i = 0; i < 20'000 && !done; ++i) std::this_thread::sleep_for(100us);
      EXPECT_TRUE(done.exchange(true)) << "the parent was left lying";
    });
    pool.run(both());
    guard.join();
    call.result();
  }
}

// ---- Timers ----

TEST(PoolLife, NoTimerIsLostBetweenThoseWhoKeepTheTime) {
  testing::VirtualTime time;
  ThreadPool pool(2);
  const auto sleeper = [](int n) -> Task<> {
    for (int i = 0; i < 500; ++i) co_await sleep(std::chrono::microseconds(i % n + 1));
  };
  const auto all = [&]() -> Task<> { co_await gather(sleeper(2), sleeper(3), sleeper(5)); };
  pool.run(all());
}

TEST(PoolLife, NoTimerIsLostInRealTime) {
  ThreadPool pool(2);
  const auto sleeper = [](int n) -> Task<> {
    for (int i = 0; i < 300; ++i) {
      co_await sleep(std::chrono::microseconds(i * 7 % 60));
      for (int spin = 0; spin < i * n % 997; ++spin) detail::cpu_relax();
    }
  };
  const auto all = [&]() -> Task<> { co_await gather(sleeper(2), sleeper(3)); };
  pool.run(all());
}

// ---- Two pools ----

TEST(PoolLife, TasksThatWaitForEachOthersPoolsAreCancelledFromBothSides) {
  ThreadPool one(2), two(2);
  for (int round = 0; round < test::rounds(500); ++round) {
    Event never;
    std::atomic<int> waiting{0};
    const auto leaf = [&]() -> Task<> {
      ++waiting;
      co_await never.wait();
    };
    const auto there = [&](ThreadPool& other) -> Task<> { co_await on(other, leaf()); };
    std::atomic<int> ready{0};
    const auto cancel_one = [&](ThreadPool& here, ThreadPool& other) {
      Future<void> f = here.start(there(other), std::source_location::current());
      ++ready;
      while (ready < 2 || waiting < 2) std::this_thread::yield();
      f.cancel();
      EXPECT_THROW(f.result(), Cancelled);
    };
    std::thread second([&] { cancel_one(two, one); });
    cancel_one(one, two);
    second.join();
  }
}

}  // namespace
}  // namespace plait
