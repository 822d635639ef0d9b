// SPDX-License-Identifier: BSL-1.0
#include "plait/process/shared_lock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/process/shared_array.hpp"
#include "plait/process/shared_value.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"
#include "support/child_process.hpp"
#include "support/forked.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::Forked;
using test::rounds;
using test::turns;

TEST(SharedLock, IsTakenAndFreedWithoutWaiting) {
  shared::Lock lock;
  EXPECT_FALSE(lock.locked());
  EXPECT_TRUE(lock.try_lock());
  EXPECT_TRUE(lock.locked());
  EXPECT_FALSE(lock.try_lock());
  EXPECT_FALSE(lock.try_lock_for(1ms));
  shared::Lock copy = lock;
  EXPECT_TRUE(copy == lock);
  copy.unlock();
  EXPECT_FALSE(lock.locked());
  EXPECT_THROW(lock.release(), std::logic_error);
  EXPECT_THROW((void)lock.try_lock_for(std::chrono::duration<double>(std::nan(""))), std::logic_error);
  EXPECT_FALSE(lock.locked());
}

TEST(SharedLock, RefusesToBlockALoopEvenWhenItIsFree) {
  shared::Lock lock;
  run([&]() -> Task<> {
    EXPECT_THROW(lock.lock(), std::logic_error);
    EXPECT_THROW((void)lock.try_lock_for(1ms), std::logic_error);
    co_return;
  });
}

TEST(SharedLock, KeepsProcessesAndTheirThreadsAndTasksApart) {
  shared::Lock lock;
  shared::Value<long> total(0);
  const int n = rounds(20'000);
  const auto by_thread = [=] {
    for (int i = 0; i < n; ++i) {
      std::scoped_lock guard(lock);
      ++*total;
    }
  };
  const auto by_tasks = [=] {
    run([&]() -> Task<> {
      const auto add = [&]() -> Task<> {
        for (int i = 0; i < n / 10; ++i) {
          auto guard = co_await lock.guard();
          ++*total;
          if (i % 16 == 0) co_await yield_now();
        }
      };
      co_await gather(add(), add());
    });
  };
  Forked a([&] { by_thread(); }), b([&] {
    std::thread other(by_thread);
    by_tasks();
    other.join();
  });
  by_tasks();
  by_thread();
  EXPECT_TRUE(a.ends_well());
  EXPECT_TRUE(b.ends_well());
  EXPECT_EQ(*total, 3L * n + 4L * (n / 10));
  EXPECT_FALSE(lock.locked());
}

TEST(SharedLock, ThrowsOwnerDiedUntilItIsRecovered) {
  PLAIT_TEST_NEEDS_FORK();
  shared::Lock lock;
  shared::Value<std::atomic<int>> held(0);
  Forked holder([&] {
    lock.lock();
    *held = 1;
    Forked::wait_for_ever();
  });
  test::until([&] { return *held == 1; });
  std::vector<std::thread> waiters;
  std::atomic<int> told = 0;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([&] {
      EXPECT_THROW(lock.lock(), OwnerDied);
      ++told;
    });
  }
  std::thread task([&] {
    run([&]() -> Task<> {
      EXPECT_THROW(co_await lock.acquire(), OwnerDied);
      ++told;
    });
  });
  EXPECT_FALSE(lock.recover());
  holder.kill();
  for (std::thread& waiter : waiters) waiter.join();
  task.join();
  EXPECT_EQ(told, 4);
  EXPECT_THROW(lock.lock(), OwnerDied);
  EXPECT_THROW((void)lock.try_lock(), OwnerDied);
  EXPECT_TRUE(lock.recover());
  EXPECT_FALSE(lock.recover());
  EXPECT_FALSE(lock.try_lock());
  lock.unlock();
  std::scoped_lock guard(lock);
}

TEST(SharedLock, IsGivenToEachWhoWaits_WhenItsHolderEnds) {
  shared::Lock lock;
  shared::Value<std::atomic<int>> held(0), done(0);
  Forked holder([&] {
    lock.lock();
    *held = 1;
    test::until([&] { return *held == 2; });
    lock.unlock();
  });
  test::until([&] { return *held == 1; });
  const auto take = [&] {
    std::scoped_lock guard(lock);
    ++*done;
  };
  Forked a(take), b(take), c(take);
  *held = 2;
  EXPECT_TRUE(a.ends_well() && b.ends_well() && c.ends_well() && holder.ends_well());
  EXPECT_EQ(*done, 3);
}

TEST(SharedLock, MayNotBeReleasedByAnotherProcess) {
  PLAIT_TEST_NEEDS_FORK();
  shared::Lock lock;
  lock.lock();
  Forked stranger([&] { EXPECT_THROW(lock.unlock(), std::logic_error); });
  EXPECT_TRUE(stranger.ends_well());
  EXPECT_TRUE(lock.locked());
  lock.unlock();
}

TEST(SharedLock, IsFreeWhereverATaskIsCancelled) {
  shared::Lock lock;
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

TEST(SharedLock, IsLeftByACancelledThreadInAcquireButNotInLock) {
  shared::Lock lock;
  bool locked = false;
  run([&]() -> Task<> {
    co_await lock.acquire();
    Future<void> acquires = spawn_thread([&] { sync_wait(lock.acquire()); });
    Future<void> locks = spawn_thread([&] {
      std::scoped_lock guard(lock);
      locked = true;
    });
    co_await sleep(5ms);
    acquires.cancel();
    locks.cancel();
    EXPECT_THROW(co_await acquires, Cancelled);
    EXPECT_FALSE(locks.done());
    lock.release();
    co_await locks;
  });
  EXPECT_TRUE(locked);
  EXPECT_FALSE(lock.locked());
}

TEST(SharedLock, GivesUpAtATimeout_OfATaskOnAPoolToo) {
  shared::Lock lock;
  lock.lock();
  run([&]() -> Task<> { EXPECT_THROW(co_await timeout(1ms, lock.acquire()), TimeoutError); });
  ThreadPool pool(2);
  pool.submit([&] { EXPECT_FALSE(lock.try_lock_for(1ms)); }).result();
  sync_wait(on(pool, [&]() -> Task<> { EXPECT_THROW(co_await timeout(1ms, lock.acquire()), TimeoutError); }()));
  lock.unlock();
  EXPECT_TRUE(lock.try_lock());
  lock.unlock();
}

TEST(SharedLockDeath, SaysWhenTheLastHandleDiesUnderAWaiter) {
  PLAIT_TEST_NEEDS_FORK();
  EXPECT_DEATH(
      {
        auto lock = std::make_unique<shared::Lock>();
        run([&]() -> Task<> {
          co_await lock->acquire();
          Future<void> waits = spawn([&]() -> Task<> { co_await lock->acquire(); });
          co_await turns(2);
          lock.reset();
        });
      },
      "shared::Lock died in this process with 1 waiter");
}

struct Point {
  double x = 1, y = 2;
};

TEST(SharedValue, IsOneObjectForAllProcesses) {
  shared::Value<Point> point;
  shared::Array<double> array(1 << 20);
  shared::Memory memory(4096);
  EXPECT_EQ(point->x, 1);
  array[7] = 2.5;
  Forked child([&] {
    point->y = 7;
    array[8] = array[7] * 2;
    memory.bytes()[4095] = std::byte{42};
    const shared::Lock lock = array.get_lock();
    std::scoped_lock guard(lock);
  });
  EXPECT_TRUE(child.ends_well());
  EXPECT_EQ(point->y, 7);
  EXPECT_EQ(array[8], 5.0);
  EXPECT_EQ(array.at(9), 0.0);
  EXPECT_THROW(array.at(1 << 20), std::out_of_range);
  EXPECT_EQ(memory.bytes()[4095], std::byte{42});
}

/// What `value` becomes when it is sent to this very process.
template <class T>
T round_trip(const T& value) {
  Encoder encoder;
  Codec<T>::write(encoder, value);
  Decoder decoder(encoder.bytes(), encoder.descriptors());
  return Codec<T>::read(decoder);
}

TEST(SharedHandle, FindsTheMappingThatIsThere_WhenItComesBack) {
  shared::Value<int> value(3);
  const shared::Value<int> back = round_trip(value);
  EXPECT_EQ(&*back, &*value);
  EXPECT_TRUE(round_trip(value.get_lock()) == value.get_lock());
  shared::Array<int> array(std::vector<int>{1, 2, 3});
  EXPECT_EQ(round_trip(array).data(), array.data());
  EXPECT_EQ(round_trip(array).size(), 3u);
  shared::Lock lock;
  EXPECT_TRUE(round_trip(lock) == lock);
}

TEST(SharedHandle, RefusesWhatIsSomethingElse) {
  Encoder encoder;
  Codec<shared::Value<int>>::write(encoder, shared::Value<int>(1));
  Decoder decoder(encoder.bytes(), encoder.descriptors());
  EXPECT_THROW(Codec<shared::Value<double>>::read(decoder), DecodeError);
}

}  // namespace
}  // namespace plait
