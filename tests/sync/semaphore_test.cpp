// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/semaphore.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::rounds;
using test::turns;

Task<> take(Semaphore& semaphore, std::string& log, char mark) {
  co_await semaphore.acquire();
  log.push_back(mark);
}

TEST(Semaphore, CountsItsPermits) {
  Semaphore semaphore(2);
  EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.try_acquire());
  EXPECT_EQ(semaphore.value(), 0);
  semaphore.release(3);
  EXPECT_EQ(semaphore.value(), 3);
}

TEST(Semaphore, RefusesNumbersThatMakeNoSense) {
  EXPECT_THROW(Semaphore(-1), std::logic_error);
  EXPECT_THROW(BoundedSemaphore(-1), std::logic_error);
  Semaphore semaphore(1);
  EXPECT_THROW(semaphore.release(0), std::logic_error);
  EXPECT_THROW(semaphore.release(-5), std::logic_error);
  EXPECT_THROW(semaphore.release(std::numeric_limits<std::ptrdiff_t>::max()), std::logic_error);
  EXPECT_EQ(semaphore.value(), 1);
}

TEST(Semaphore, IsHeldByItsGuardUntilTheGuardDies) {
  Semaphore semaphore(1);
  testing::run([&]() -> Task<> {
    auto guard = co_await semaphore.guard();
    EXPECT_EQ(semaphore.value(), 0);
    auto moved = std::move(guard);
    EXPECT_EQ(semaphore.value(), 0);
  });
  EXPECT_EQ(semaphore.value(), 1);
  {
    auto guard = sync_wait(semaphore.guard());
    EXPECT_EQ(semaphore.value(), 0);
  }
  EXPECT_EQ(semaphore.value(), 1);
}

TEST(Semaphore, ServesManyWaitersWithOneReleaseAndKeepsTheRest) {
  const int n = 100;  // more than one batch
  Semaphore semaphore(0);
  std::string log;
  testing::run([&]() -> Task<> {
    std::vector<Future<void>> all;
    for (int i = 0; i < n; ++i) all.push_back(spawn(take(semaphore, log, static_cast<char>('0' + i % 10))));
    co_await turns(2);
    EXPECT_EQ(semaphore.statistics().waiters, 100u);
    semaphore.release(n - 1);
    for (int i = 0; i < n - 1; ++i) co_await all[static_cast<std::size_t>(i)];
    EXPECT_FALSE(all.back().done());
    semaphore.release(5);
    co_await all.back();
  });
  EXPECT_EQ(semaphore.value(), 4);
  for (int i = 0; i < n; ++i) EXPECT_EQ(log[static_cast<std::size_t>(i)], '0' + i % 10);
}

TEST(Semaphore, IsNotTakenByARunningStrandThatComesBehindWaiters) {
  testing::run([]() -> Task<> {
    Semaphore semaphore(0);
    std::string log;
    Future<void> a = spawn(take(semaphore, log, 'a')), b = spawn(take(semaphore, log, 'b'));
    co_await turns(2);
    semaphore.release();
    EXPECT_FALSE(semaphore.try_acquire());  // it is a's, who has not run yet; b waits
    co_await a;
    EXPECT_FALSE(semaphore.try_acquire());
    semaphore.release();
    co_await b;
    EXPECT_EQ(semaphore.value(), 0);
  });
}

TEST(Semaphore, GetsThePermitBackWhenTheChosenWaiterIsCancelledBeforeItRuns) {  // [W10]
  testing::run([]() -> Task<> {
    Semaphore semaphore(0);
    std::string log;
    Future<void> a = spawn(take(semaphore, log, 'a'));
    co_await turns(2);
    semaphore.release();
    a.cancel();
    EXPECT_EQ(semaphore.value(), 1);
    co_await turns(2);
    EXPECT_TRUE(a.done());
    EXPECT_EQ(log, "");
    EXPECT_TRUE(semaphore.try_acquire());
  });
}

TEST(Semaphore, PassesThePermitOnWhenTheChosenWaiterIsCancelledBeforeItRuns) {  // [W10]
  testing::run([]() -> Task<> {
    Semaphore semaphore(0);
    std::string log;
    Future<void> a = spawn(take(semaphore, log, 'a')), b = spawn(take(semaphore, log, 'b'));
    co_await turns(2);
    semaphore.release();
    a.cancel();
    co_await b;
    co_await turns(1);
    EXPECT_TRUE(a.done());
    EXPECT_EQ(log, "b");
    EXPECT_EQ(semaphore.value(), 0);
  });
}

TEST(Semaphore, LosesNoPermitWhereverATaskIsCancelled) {
  Semaphore semaphore(1);
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        Future<void> other = spawn([&]() -> Task<> {
          auto guard = co_await semaphore.guard();
          co_await turns(2);
        });
        co_await turns(1);
        {
          auto guard = co_await semaphore.guard();
          co_await turns(1);
        }
        co_await semaphore.acquire();
        semaphore.release();
        co_await other;
      },
      [&](const testing::CancelPoint&) {
        EXPECT_EQ(semaphore.value(), 1);
        EXPECT_EQ(semaphore.statistics().waiters, 0u);
      });
  EXPECT_GT(runs, 10);
}

TEST(Semaphore, IsLeftByACancelledThread) {
  Semaphore semaphore(0);
  run([&]() -> Task<> {
    Future<void> thread = spawn_thread([&] { sync_wait(semaphore.acquire()); });
    while (semaphore.statistics().waiters == 0) co_await sleep(0s);
    thread.cancel();
    EXPECT_THROW(co_await thread, Cancelled);
  });
  EXPECT_EQ(semaphore.value(), 0);
  semaphore.release();
  EXPECT_EQ(semaphore.value(), 1);
}

TEST(Semaphore, LetsInNoMoreThanItsPermitsAmongTasksOfTwoLoopsAndThreads) {
  const int n = rounds(5000);
  Semaphore semaphore(2);
  std::atomic<int> inside{0}, most{0};
  std::atomic<long> entries{0};
  const auto enter = [&] {
    const int now_inside = ++inside;
    if (now_inside > most) most = now_inside;
    EXPECT_LE(now_inside, 2);
    ++entries;
    --inside;
  };
  const auto task = [&](unsigned seed) -> Task<> {
    std::mt19937 random(seed);
    for (int i = 0; i < n; ++i) {
      auto guard = co_await semaphore.guard();
      if (random() % 8 == 0) co_await yield_now();
      enter();
    }
  };
  const auto loop = [&](unsigned seed) { run([&]() -> Task<> { co_await gather(task(seed), task(seed + 1)); }); };
  const auto thread = [&] {
    for (int i = 0; i < n; ++i) {
      auto guard = sync_wait(semaphore.guard());
      enter();
    }
  };
  std::thread strands[] = {std::thread(loop, 1), std::thread(loop, 3), std::thread(thread), std::thread(thread)};
  for (std::thread& t : strands) t.join();
  EXPECT_EQ(entries, 6L * n);
  EXPECT_EQ(semaphore.value(), 2);
}

TEST(Semaphore, LosesNoPermitWhenCancelsRaceReleasesOfOtherThreads) {
  const int n = rounds(3000);
  Semaphore semaphore(0);
  long taken = 0;
  std::thread releaser([&] {
    for (int i = 0; i < n; ++i) semaphore.release();
  });
  run([&]() -> Task<> {
    for (int i = 0; i < n; ++i) {
      Future<void> f = spawn([&]() -> Task<> {
        co_await semaphore.acquire();
        ++taken;
      });
      co_await turns(1 + i % 3);
      f.cancel();
      while (!f.done()) co_await yield_now();
    }
  });
  releaser.join();
  EXPECT_EQ(taken + semaphore.value(), n);
}

TEST(Semaphore, LosesNoPermitWhenThreadsAreCancelledWhileTheyAreServed) {
  const int n = rounds(300);
  Semaphore semaphore(0);
  std::atomic<long> taken{0};
  run([&]() -> Task<> {
    for (int i = 0; i < n; ++i) {
      Future<void> thread = spawn_thread([&] {
        sync_wait(semaphore.acquire());
        ++taken;
      });
      while (i % 2 == 0 && semaphore.statistics().waiters == 0 && !thread.done()) co_await sleep(0s);
      semaphore.release();
      thread.cancel();
      try {
        co_await thread;
      } catch (const Cancelled&) {
      }
    }
  });
  EXPECT_EQ(taken + semaphore.value(), n);
}

TEST(Semaphore, RefusesToBlockALoopEvenWhenAPermitIsFree) {
  Semaphore semaphore(1);
  run([&]() -> Task<> {
    EXPECT_THROW(sync_wait(semaphore.acquire()), std::logic_error);
    co_return;
  });
  EXPECT_EQ(semaphore.value(), 1);
}

TEST(BoundedSemaphore, RefusesToBeReleasedMoreOftenThanItWasAcquired) {
  BoundedSemaphore semaphore(2);
  EXPECT_THROW(semaphore.release(), std::logic_error);
  EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_THROW(semaphore.release(2), std::logic_error);
  semaphore.release();
  EXPECT_EQ(semaphore.value(), 2);
}

TEST(SemaphoreDeathTest, StopsTheProgramWhenItIsDestroyedWithWaitersAndCountsThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto semaphore = std::make_unique<Semaphore>(0);
                 std::string log;
                 Future<void> a = spawn(take(*semaphore, log, 'a')), b = spawn(take(*semaphore, log, 'b'));
                 co_await turns(2);
                 semaphore.reset();
               }),
               "a Semaphore was destroyed with 2 waiter");
}

}  // namespace
}  // namespace plait
