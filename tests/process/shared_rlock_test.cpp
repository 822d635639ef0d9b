// SPDX-License-Identifier: BSL-1.0
#include "plait/process/shared_rlock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "plait/plait.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "support/build.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::rounds;

void add_by_thread(const shared::RLock& lock, const shared::Value<long>& total, int n) {
  for (int i = 0; i < n; ++i) {
    std::scoped_lock outer(lock);
    std::scoped_lock inner(lock);
    ++*total;
  }
}
void add_by_tasks(const shared::RLock& lock, const shared::Value<long>& total, int n) {
  run([&]() -> Task<> {
    const auto add = [&]() -> Task<> {
      for (int i = 0; i < n; ++i) {
        auto outer = co_await lock.guard();
        if (i % 16 == 0) co_await yield_now();
        auto inner = co_await lock.guard();
        ++*total;
      }
    };
    co_await gather(add(), add());
  });
}

TEST(SharedRLock, IsTakenAgainByItsHolderAlone) {
  const shared::RLock lock;
  std::scoped_lock once(lock);
  {
    std::scoped_lock twice(lock);
    EXPECT_TRUE(lock.try_lock());
    lock.unlock();
  }
  EXPECT_TRUE(lock.locked());
  std::thread([&] {
    EXPECT_FALSE(lock.try_lock());
    EXPECT_FALSE(lock.try_lock_for(1ms));
    EXPECT_THROW(lock.unlock(), std::logic_error);
  }).join();
}

TEST(SharedRLock, IsFreeAfterAsManyReleases) {
  const shared::RLock lock;
  run([&]() -> Task<> {
    co_await lock.acquire();
    co_await lock.acquire();
    auto inner = co_await lock.guard();
    lock.release();
    lock.release();
    const auto other = [&]() -> Task<bool> { co_return lock.try_acquire(); };
    EXPECT_FALSE(co_await spawn(other()));
  });
  EXPECT_FALSE(lock.locked());
  EXPECT_THROW(lock.unlock(), std::logic_error);
}

TEST(SharedRLock, KeepsProcessesThreadsAndTasksApart) {
  const shared::RLock lock;
  shared::Value<long> total(0);
  const int n = rounds(5'000);
  Process a(add_by_thread, lock, total, n), b(add_by_tasks, lock, total, n / 10);
  a.start();
  b.start();
  std::thread other([&] { add_by_thread(lock, total, n); });
  add_by_tasks(lock, total, n / 10);
  other.join();
  a.join();
  b.join();
  EXPECT_EQ(a.exitcode(), 0);
  EXPECT_EQ(b.exitcode(), 0);
  EXPECT_EQ(*total, 2L * n + 4L * (n / 10));
  EXPECT_FALSE(lock.locked());
}

TEST(SharedRLock, ThrowsOwnerDiedUntilItIsRecovered) {
  const shared::RLock lock;
  const shared::Event held;
  const auto hold = [](const shared::RLock& mine, shared::Event done) {
    mine.lock();
    mine.lock();
    done.set();
    sync_wait(sleep(1000h));
  };
  Process holder(hold, lock, held);
  holder.start();
  sync_wait(held.wait());
  std::thread waiter([&] { EXPECT_THROW(lock.lock(), OwnerDied); });
  EXPECT_FALSE(lock.recover());
  holder.kill();
  waiter.join();
  holder.join();
  EXPECT_THROW((void)lock.try_lock(), OwnerDied);
  EXPECT_TRUE(lock.recover());
  lock.lock();
  lock.unlock();
  EXPECT_TRUE(lock.locked());
  lock.unlock();
  EXPECT_FALSE(lock.locked());
}

TEST(SharedRLock, IsFreeWhereverATaskIsCancelled) {
  std::optional<shared::RLock> lock;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        lock.emplace();
        const auto use = [&]() -> Task<> {
          auto outer = co_await lock->guard();
          co_await yield_now();
          auto inner = co_await lock->guard();
        };
        co_await gather(use(), use());
      },
      [&](const testing::CancelPoint&) { EXPECT_FALSE(lock->locked()); });
}

}  // namespace
}  // namespace plait
