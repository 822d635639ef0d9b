// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/lock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
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

TEST(Lock, IsTakenAndFreedWithoutWaiting) {
  Lock lock;
  EXPECT_FALSE(lock.locked());
  EXPECT_TRUE(lock.try_acquire());
  EXPECT_TRUE(lock.locked());
  EXPECT_FALSE(lock.try_lock());
  lock.release();
  EXPECT_FALSE(lock.locked());
}

TEST(Lock, MayBeTakenByWhateverTheStandardLibraryHasForLocks) {
  Lock a, b;
  {
    std::scoped_lock both(a, b);
    EXPECT_TRUE(a.locked() && b.locked());
  }
  {
    std::unique_lock late(a, std::defer_lock);
    EXPECT_TRUE(late.try_lock_for(1ms));
  }
  EXPECT_FALSE(a.locked() || b.locked());
}

TEST(Lock, RefusesARelease_WhenItIsFree) {
  Lock lock;
  EXPECT_THROW(lock.release(), std::logic_error);
  EXPECT_THROW(lock.unlock(), std::logic_error);
  EXPECT_TRUE(lock.try_acquire());  // it works as before
  lock.release();
}

template <class L>
class BlockingLock : public ::testing::Test {};
using BlockingLocks = ::testing::Types<Lock, RLock>;
TYPED_TEST_SUITE(BlockingLock, BlockingLocks);

TYPED_TEST(BlockingLock, RefusesToBlockALoopEvenWhenItIsFree) {
  TypeParam lock;
  run([&]() -> Task<> {
    EXPECT_THROW(lock.lock(), std::logic_error);
    EXPECT_THROW((void)lock.try_lock_for(1ms), std::logic_error);
    EXPECT_THROW(sync_wait(lock.acquire()), std::logic_error);
    EXPECT_TRUE(lock.try_lock());
    lock.unlock();
    co_return;
  });
}

TEST(Lock, IsHeldByItsGuardUntilTheGuardDies) {
  Lock lock;
  run([&]() -> Task<> {
    {
      auto guard = co_await lock.guard();
      EXPECT_TRUE(lock.locked());
      auto moved = std::move(guard);
      EXPECT_TRUE(lock.locked());
    }
    EXPECT_FALSE(lock.locked());
  });
  {
    auto guard = sync_wait(lock.guard());
    EXPECT_TRUE(lock.locked());
  }
  EXPECT_FALSE(lock.locked());
}

Task<> take(Lock& lock, std::string& log, char mark) {
  auto guard = co_await lock.guard();
  log.push_back(mark);
}

TEST(Lock, IsNotTheCancellersFaultWhenAStrangerReleasedItInItsPlace) {  // [W10]
  Lock lock;
  std::string log;
  run([&]() -> Task<> {
    co_await lock.acquire();
    Future<void> a = spawn(take(lock, log, 'a'));
    co_await turns(3);
    lock.release();
    lock.release();  // once too often: it was handed to a
    a.cancel();
    co_await turns(2);
    EXPECT_TRUE(a.done());
  });
  EXPECT_EQ(log, "");
  EXPECT_FALSE(lock.locked());
}

TEST(Lock, IsFreeWhenTheOnlyOneItWasHandedToIsCancelledBeforeItRuns) {  // [W10]
  Lock lock;
  std::string log;
  run([&]() -> Task<> {
    co_await lock.acquire();
    Future<void> a = spawn(take(lock, log, 'a'));
    co_await turns(2);
    lock.release();
    EXPECT_TRUE(lock.statistics().locked);
    a.cancel();
    EXPECT_FALSE(lock.locked());
    co_await turns(1);
  });
  EXPECT_EQ(log, "");
}

TEST(Lock, IsFreeWhereverATaskIsCancelled) {
  Lock lock;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        Future<void> other = spawn([&]() -> Task<> {
          auto guard = co_await lock.guard();
          co_await turns(2);
        });
        co_await turns(1);
        {
          auto guard = co_await lock.guard();
          co_await turns(1);
        }
        co_await other;
      },
      [&](const testing::CancelPoint&) { EXPECT_FALSE(lock.locked()); });
  EXPECT_GT(runs, 8);
}

TEST(Lock, IsLeftByACancelledThreadInAcquireButNotInLock) {
  Lock lock;
  bool locked = false;
  run([&]() -> Task<> {
    co_await lock.acquire();
    Future<void> acquires = spawn_thread([&] { sync_wait(lock.acquire()); });
    while (lock.statistics().waiters < 1) co_await sleep(0s);
    Future<void> locks = spawn_thread([&] {
      std::scoped_lock guard(lock);
      locked = true;
    });
    while (lock.statistics().waiters < 2) co_await sleep(0s);
    acquires.cancel();
    locks.cancel();
    EXPECT_THROW(co_await acquires, Cancelled);
    EXPECT_EQ(lock.statistics().waiters, 1u);
    lock.release();
    co_await locks;
  });
  EXPECT_TRUE(locked);
  EXPECT_FALSE(lock.locked());
}

TEST(Lock, IsNotLostWhenThreadsAreCancelledWhileItIsReleased) {
  const int n = rounds(300);
  Lock lock;
  run([&]() -> Task<> {
    for (int i = 0; i < n; ++i) {
      co_await lock.acquire();
      Future<void> thread = spawn_thread([&] { auto guard = sync_wait(lock.guard()); });
      while (i % 2 == 0 && lock.statistics().waiters == 0) co_await sleep(0s);
      lock.release();
      thread.cancel();
      try {
        co_await thread;
      } catch (const Cancelled&) {
      }
      EXPECT_FALSE(lock.locked());
    }
  });
}

TEST(Lock, IsNotTakenInACancelledScope) {  // behaviour 25's rule: a checkpoint even when it could complete at once
  Lock lock;
  run([&]() -> Task<> {
    Future<void> f = spawn([&]() -> Task<> { co_await lock.acquire(); });
    f.cancel();
    while (!f.done()) co_await yield_now();
    EXPECT_FALSE(lock.locked());
  });
}

TEST(Lock, LetsNobodyStarveWhenItIsTakenWithoutWaitingForEver) {
  Lock lock;
  bool stop = false;
  run([&]() -> Task<> {
    Future<void> greedy = spawn([&]() -> Task<> {
      while (!stop) {
        co_await lock.acquire();
        lock.release();
      }
    });
    co_await turns(10);
    stop = true;
    co_await greedy;
  });
}

TEST(Lock, GivesUpAtTheDeadlineOfTryLockFor) {
  testing::VirtualTime time;
  Lock lock;
  ASSERT_TRUE(lock.try_lock());
  EXPECT_FALSE(lock.try_lock_for(3s));
  EXPECT_EQ(time.elapsed(), 3s);
  EXPECT_FALSE(lock.try_lock_for(0s));
  EXPECT_FALSE(lock.try_lock_for(-1h));
  EXPECT_THROW((void)lock.try_lock_for(std::chrono::duration<double>(NAN)), std::logic_error);
  lock.unlock();
  EXPECT_TRUE(lock.try_lock_for(0s));
  lock.unlock();
}

/// What `lock` guards; nobody else may hold it meanwhile.
struct Section {
  Lock lock;
  int inside = 0;
  long entries = 0;

  void pass() {
    EXPECT_EQ(++inside, 1);
    ++entries;
    --inside;
  }
};

Task<> pass_often(Section& section, int n) {
  for (int i = 0; i < n; ++i) {
    auto guard = co_await section.lock.guard();
    section.pass();
    if (i % 16 == 0) co_await yield_now();
  }
}

void pass_often_in_thread(Section& section, int n) {
  for (int i = 0; i < n; ++i) {
    std::scoped_lock guard(section.lock);
    section.pass();
  }
}

TEST(Lock, IsHeldByOneAmongTasksOfTwoLoopsAndThreads) {
  const int n = rounds(20'000);
  Section section;
  const auto loop = [&] {
    run([&]() -> Task<> { co_await gather(pass_often(section, n), pass_often(section, n), pass_often(section, n)); });
  };
  const auto thread = [&] { pass_often_in_thread(section, n); };
  std::thread strands[] = {std::thread(loop), std::thread(loop), std::thread(thread), std::thread(thread)};
  for (std::thread& t : strands) t.join();
  EXPECT_EQ(section.entries, 8L * n);
}

TEST(Lock, IsNeitherLostNorDoubledWhenTimeoutsRaceReleases) {
  // Waits of about as long as the lock is held, so that deadlines and hand-overs meet.
  const int n = rounds(4000);
  Section section;
  std::atomic<long> taken{0};
  const auto thread = [&](unsigned seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < n; ++i) {
      if (section.lock.try_lock_for(std::chrono::microseconds(random() % 60))) {
        section.pass();
        ++taken;
        if (random() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 50));
        section.lock.unlock();
      }
    }
  };
  const auto loop = [&] {
    run([&]() -> Task<> {
      for (int i = 0; i < n; ++i) {
        Future<void> f = spawn([&]() -> Task<> {
          auto guard = co_await section.lock.guard();
          section.pass();
          ++taken;
        });
        co_await turns(i % 3);
        f.cancel();
        while (!f.done()) co_await yield_now();
      }
    });
  };
  std::thread strands[] = {std::thread(thread, 1), std::thread(thread, 2), std::thread(thread, 3), std::thread(loop)};
  for (std::thread& t : strands) t.join();
  EXPECT_EQ(section.entries, taken);
  EXPECT_FALSE(section.lock.locked());
}

TEST(Lock, LosesNoWakeUpBetweenThreads) {
  // Short sections and long queues: a lost wake-up would leave all of them asleep.
  const int n = rounds(20'000);
  Section section;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] { pass_often_in_thread(section, n); });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(section.entries, 6L * n);
}

/// Two threads that take `lock` again and again.
class HammeredByTwo {
 public:
  explicit HammeredByTwo(Lock& lock) : lock_(lock), a_([this] { hammer(); }), b_([this] { hammer(); }) {}
  ~HammeredByTwo() {
    stop_ = true;
    a_.join();
    b_.join();
  }

 private:
  void hammer() {
    while (!stop_) {
      std::scoped_lock guard(lock_);
      for (int i = 0; i < 50; ++i) detail::cpu_relax();
    }
  }
  Lock& lock_;
  std::atomic<bool> stop_{false};
  std::thread a_, b_;
};

TEST(Lock, ReachesASleepingThreadAlthoughTwoOthersHammerOnIt) {
  Lock lock;
  HammeredByTwo threads(lock);
  const int n = rounds(200);
  for (int i = 0; i < n; ++i) {
    // Barging ends after 1 ms; the rest of the bound is for a machine whose cores are busy with other things.
    EXPECT_TRUE(lock.try_lock_for(5s));
    lock.unlock();
  }
}

TEST(Lock, ReachesATaskAlthoughTwoThreadsHammerOnIt) {
  Lock lock;
  HammeredByTwo threads(lock);
  run([&]() -> Task<> {
    for (int i = 0; i < rounds(200); ++i) auto guard = co_await lock.guard();
  });
}

TEST(Lock, HandsMemoryFromReleaseToAcquire) {
  // The plain ints of Section would be a data race otherwise; here: between a task and a thread, strictly in turns.
  Lock lock;
  int shared = 0;
  std::thread thread([&] {
    for (int i = 0; i < rounds(2000); ++i) {
      sync_wait(lock.acquire());
      ++shared;
      lock.release();
    }
  });
  run([&]() -> Task<> {
    for (int i = 0; i < rounds(2000); ++i) {
      co_await lock.acquire();
      ++shared;
      lock.release();
    }
  });
  thread.join();
  EXPECT_EQ(shared, 2 * rounds(2000));
}

TEST(LockDeathTest, StopsTheProgramWhenItIsDestroyedHeld) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Lock lock;
        lock.lock();
      },
      "a Lock was destroyed while it was held, with 0 waiter");
}

TEST(LockDeathTest, StopsTheProgramWhenItIsDestroyedWithWaitersAndCountsThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto lock = std::make_unique<Lock>();
                 std::string log;
                 co_await lock->acquire();
                 Future<void> a = spawn(take(*lock, log, 'a')), b = spawn(take(*lock, log, 'b'));
                 co_await turns(2);
                 lock.reset();
               }),
               "a Lock was destroyed while it was held, with 2 waiter");
}

}  // namespace
}  // namespace plait
