// SPDX-License-Identifier: BSL-1.0
#include "plait/testing/virtual_time.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plait/plait.hpp"
#include "testing/virtual_clock.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

Task<> sleeps(int n, Duration span) {
  for (int i = 0; i < n; ++i) co_await sleep(span);
}

TEST(VirtualTime, RunsFourHundredAndFiftySecondsQuicklyAndExactly) {  // trio's test_mock_clock_autojump
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(testing::run(sleeps(450, 1s)).elapsed, 450s);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
}

TEST(VirtualTime, CanBeUsedAgainAfterARunThatWentFarAhead) {
  EXPECT_EQ(testing::run(sleeps(1, 100h)).elapsed, 100h);
  EXPECT_EQ(testing::run(sleeps(3, 1s)).elapsed, 3s);
  run(sleeps(1, 1ms));  // and the real clock works on the same loop
}

TEST(VirtualTime, GivesTheValueAndTheTime) {
  const auto result = testing::run([]() -> Task<std::string> {
    co_await sleep(5min);
    co_return "value";
  });
  EXPECT_EQ(result.value, "value");
  EXPECT_EQ(result.elapsed, 5min);
}

TEST(VirtualTime, PassesOnWhatTheTaskThrows) {
  EXPECT_THROW(testing::run([]() -> Task<> {
                 co_await sleep(1h);
                 throw std::runtime_error("late");
               }),
               std::runtime_error);
  EXPECT_EQ(testing::run(sleeps(1, 1s)).elapsed, 1s);
}

TEST(VirtualTime, StandsStillWhileSomethingRuns) {
  testing::run([]() -> Task<> {
    const TimePoint start = now();
    Future<void> sleeper = spawn(sleeps(1, 10s));
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(now(), start);
      co_await yield_now();
    }
    co_await sleeper;
    EXPECT_EQ(now(), start + 10s);
  });
}

TEST(VirtualTime, RefusesASecondOne) {
  testing::VirtualTime time;
  EXPECT_THROW(testing::VirtualTime{}, std::logic_error);
}

TEST(VirtualTime, WakesStrandsOfOneInstantInTheOrderInWhichTheySlept) {
  std::vector<int> order;
  testing::run([&]() -> Task<> {
    const auto sleeper = [&](int i) -> Task<> {
      co_await sleep_until(now() + 1s);
      order.push_back(i);
    };
    std::vector<Task<>> tasks;
    for (int i = 0; i < 100; ++i) tasks.push_back(sleeper(i));
    co_await gather(std::move(tasks));
  });
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order.size(), 100u);
}

std::vector<int> order_of(std::uint64_t seed) {
  std::vector<int> order;
  testing::run(
      [&]() -> Task<> {
        const auto worker = [&](int i) -> Task<> {
          for (int k = 0; k < 3; ++k) {
            order.push_back(i);
            co_await yield_now();
          }
        };
        std::vector<Task<>> tasks;
        for (int i = 0; i < 8; ++i) tasks.push_back(worker(i));
        co_await gather(std::move(tasks));
      },
      {.seed = seed});
  return order;
}

TEST(SeededOrder, IsTheSameForTheSameSeedAndDiffersBetweenSeeds) {
  EXPECT_EQ(order_of(1), order_of(1));
  EXPECT_EQ(order_of(7), order_of(7));
  EXPECT_NE(order_of(1), order_of(2));
  EXPECT_NE(order_of(0), order_of(1));
  EXPECT_EQ(order_of(1).size(), 24u);
}

TEST(VirtualTime, LetsAForeignThreadWaitOnIt) {
  Duration slept{};
  testing::run([&]() -> Task<> {
    Promise<int> done;
    Future<int> answer = done.future();
    std::thread foreign([&] {
      const TimePoint start = now();
      sleep_for(30s);
      slept = now() - start;
      done.set_value(4);
    });
    EXPECT_EQ(co_await answer, 4);
    foreign.join();
  });
  EXPECT_EQ(slept, 30s);
}

TEST(VirtualTime, StandsStillWhileAForeignThreadThatHasWaitedRuns) {  // [W9]
  testing::VirtualTime time;
  std::atomic<int> wrong{0};
  const auto sleeper = [&](Duration span) {
    for (int i = 0; i < 100; ++i) {
      sleep_for(span);
      const TimePoint start = now();
      for (int k = 0; k < 20; ++k) {
        std::this_thread::yield();
        if (now() != start) ++wrong;
      }
    }
  };
  std::vector<std::thread> threads;
  Promise<int> all;
  Future<int> ended = all.future();
  std::atomic<int> live{3};
  for (const Duration span : {Duration(1s), Duration(2s), Duration(500ms)}) {
    threads.emplace_back([&, span] {
      sleeper(span);
      if (--live == 0) all.set_value(1);
    });
  }
  EXPECT_EQ(ended.result(), 1);
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(time.elapsed(), 200s);
}

/// What is written to std::cerr, and a flag once it contains a line.
class CerrWatch : public std::stringbuf {
 public:
  CerrWatch() : before_(std::cerr.rdbuf(this)) {}
  ~CerrWatch() override { std::cerr.rdbuf(before_); }
  std::atomic<bool> complete{false};

 protected:
  std::streamsize xsputn(const char* text, std::streamsize length) override {
    const std::streamsize n = std::stringbuf::xsputn(text, length);
    if (str().find("waiting for a lock") != std::string::npos) complete = true;
    return n;
  }

 private:
  std::streambuf* before_;
};

TEST(VirtualTime, SaysWhoWaitsWhenEverythingWaitsForGood) {
  testing::detail::Clock& clock = testing::detail::Clock::instance();
  const Duration patience = std::exchange(clock.patience, Duration(1ms));
  CerrWatch cerr;
  Lock lock;
  std::thread rescuer;
  testing::run([&]() -> Task<> {
    co_await lock.acquire();
    rescuer = std::thread([&, loop = Loop::current()] {
      while (!cerr.complete) std::this_thread::yield();
      loop.post([&] { lock.release(); });
    });
    co_await lock.acquire();
    lock.release();
  });
  rescuer.join();
  clock.patience = patience;
  EXPECT_NE(cerr.str().find("in virtual time everything waits"), std::string::npos) << cerr.str();
}

TEST(VirtualTime, GoesOnWhenAForeignThreadEnds) {
  // The thread is due first; the loop's deadline must come although the thread never waits again.
  const auto elapsed = testing::run([&]() -> Task<> {
                         std::thread([] { sleep_for(1s); }).detach();
                         co_await sleep(2s);
                       }).elapsed;
  EXPECT_EQ(elapsed, 2s);
}

TEST(VirtualTime, DrivesSeveralLoopsAtOnce) {
  testing::VirtualTime time;
  std::atomic<int> live{3};
  Promise<int> all;
  Future<int> ended = all.future();
  std::vector<Duration> took(3);
  std::vector<std::thread> loops;
  for (int i = 0; i < 3; ++i) {
    loops.emplace_back([&, i] {
      const TimePoint start = now();
      run(sleeps(50, (i + 1) * 1s));
      took[static_cast<std::size_t>(i)] = now() - start;
      if (--live == 0) all.set_value(1);
    });
  }
  ended.result();
  for (std::thread& t : loops) t.join();
  for (int i = 0; i < 3; ++i) EXPECT_GE(took[static_cast<std::size_t>(i)], (i + 1) * 50s);
  EXPECT_LE(time.elapsed(), 301s);  // they may start one after the other
}

TEST(VirtualTime, LeavesNoCountBehindWhenItEndsBeforeAThreadThatItCounted) {
  std::atomic<bool> go{false};
  std::thread foreign;
  {
    testing::VirtualTime time;
    Promise<int> counted;
    Future<int> f = counted.future();
    foreign = std::thread([&] {
      sleep_for(1s);
      counted.set_value(1);
      while (!go) std::this_thread::yield();
    });
    f.result();
  }
  testing::VirtualTime second;
  const TimePoint start = now();
  go = true;
  foreign.join();  // it leaves the count of the first clock, not of this one
  EXPECT_EQ(now(), start);
  sleep_for(3s);
  EXPECT_EQ(now(), start + 3s);
}

TEST(VirtualTime, StandsStillWhileAThreadRunsThatWasWokenAsItFellAsleep) {
  testing::VirtualTime time;
  using detail::Parker;
  Parker& here = detail::this_thread_strand().parker;
  std::atomic<Parker*> there{nullptr};
  std::atomic<int> turn{0};  // odd: the other's
  std::atomic<int> moved{0};
  constexpr int kRounds = 10'000;
  std::thread other([&] {
    Parker& self = detail::this_thread_strand().parker;
    there = &self;
    for (int round = 0; round < kRounds; ++round) {
      const TimePoint start = now();
      while (turn % 2 == 0) self.park(start + 1h);
      std::this_thread::yield();
      if (now() != start) ++moved;
      ++turn;
      here.unpark();
    }
  });
  while (!there) std::this_thread::yield();
  for (int round = 0; round < kRounds; ++round) {
    ++turn;
    there.load()->unpark();
    while (turn % 2 == 1) here.park(detail::kNever);
  }
  other.join();
  EXPECT_EQ(moved, 0);
}

TEST(VirtualTime, WakesAThreadByALockAndNotByTime) {
  testing::VirtualTime time;
  Lock lock;
  lock.lock();
  std::atomic<bool> held{false};
  Promise<int> done;
  Future<int> ended = done.future();
  std::thread foreign([&] {
    held = lock.try_lock_for(1h);
    done.set_value(1);
  });
  sleep_for(10s);
  lock.unlock();
  ended.result();
  foreign.join();
  EXPECT_TRUE(held);
  EXPECT_EQ(time.elapsed(), 10s);
  lock.unlock();
}

}  // namespace
}  // namespace plait
