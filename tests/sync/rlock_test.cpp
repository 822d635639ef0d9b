// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/rlock.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

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

Task<> take(RLock& lock, std::string& log, char mark) {
  auto guard = co_await lock.guard();
  log.push_back(mark);
}

TEST(RLock, IsTakenAgainByItsHolderAndFreeAfterAsManyReleases) {
  RLock lock;
  testing::run([&]() -> Task<> {
    auto outer = co_await lock.guard();
    co_await lock.acquire();
    EXPECT_TRUE(lock.try_acquire());
    EXPECT_EQ(lock.statistics().depth, 3u);
    lock.release();
    lock.release();
    EXPECT_TRUE(lock.locked());
  });
  EXPECT_FALSE(lock.locked());
}

TEST(RLock, IsTakenAgainByAThread) {
  RLock lock;
  std::scoped_lock a(lock);
  std::unique_lock b(lock);
  EXPECT_TRUE(lock.try_lock_for(0s));
  EXPECT_TRUE(lock.try_lock());
  sync_wait(lock.acquire());
  auto guard = sync_wait(lock.guard());
  EXPECT_EQ(lock.statistics().depth, 6u);
  for (int i = 0; i < 3; ++i) lock.unlock();
}

TEST(RLock, BelongsToTheThreadThatTakesItWithATimeout) {
  RLock lock;
  sync_wait(timeout(1h, lock.acquire()));
  sync_wait(timeout(1h, lock.acquire()));
  lock.lock();
  EXPECT_EQ(lock.statistics().depth, 3u);
  for (int i = 0; i < 3; ++i) lock.unlock();
  EXPECT_FALSE(lock.locked());
}

TEST(RLock, ExcludesAnotherTaskOfTheSameThread) {
  std::string log;
  testing::run([&]() -> Task<> {
    RLock lock;
    co_await lock.acquire();
    co_await lock.acquire();
    Future<void> other = spawn(take(lock, log, 'b'));
    co_await turns(2);
    EXPECT_EQ(lock.statistics().waiters, 1u);
    lock.release();
    co_await turns(2);
    log.push_back('a');
    lock.release();
    EXPECT_FALSE(lock.try_acquire());  // it is handed over already
    co_await other;
  });
  EXPECT_EQ(log, "ab");
}

TEST(RLock, RefusesToBeReleasedByAStranger) {
  RLock lock;
  EXPECT_THROW(lock.release(), std::logic_error);
  std::string sentence;
  testing::run([&]() -> Task<> {
    Future<void> holder = spawn(
        [&]() -> Task<> {
          auto guard = co_await lock.guard();
          co_await turns(3);
        },
        {.name = "the holder"});
    co_await turns(1);
    EXPECT_EQ(lock.statistics().holder, "the holder");
    try {
      lock.release();
    } catch (const std::logic_error& error) {
      sentence = error.what();
    }
    co_await holder;
  });
  EXPECT_EQ(
      sentence,
      "plait: RLock::release(): the RLock is held by \"the holder\", and the caller is another strand; only its holder "
      "may release it.");
  EXPECT_TRUE(lock.try_lock());
  std::thread([&] { EXPECT_THROW(lock.unlock(), std::logic_error); }).join();
  lock.unlock();
}

TEST(RLock, IsFreeWhereverATaskIsCancelled) {
  RLock lock;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        Future<void> other = spawn([&]() -> Task<> {
          auto guard = co_await lock.guard();
          co_await turns(2);
        });
        co_await turns(1);
        {
          auto outer = co_await lock.guard();
          auto inner = co_await lock.guard();
          co_await turns(1);
        }
        co_await other;
      },
      [&](const testing::CancelPoint&) { EXPECT_FALSE(lock.locked()); });
  EXPECT_GT(runs, 8);
}

TEST(RLock, KeepsItsDepthWhenATaskThatTakesItForEverIsCancelled) {  // a cancel while it yields with a grant [W10]
  RLock lock;
  testing::run([&]() -> Task<> {
    Future<void> greedy = spawn([&]() -> Task<> {
      auto outer = co_await lock.guard();
      for (;;) auto inner = co_await lock.guard();
    });
    co_await turns(2);
    EXPECT_EQ(lock.statistics().depth, 1u);
    greedy.cancel();
    while (!greedy.done()) co_await yield_now();
  });
  EXPECT_FALSE(lock.locked());
}

TEST(RLock, IsLeftByACancelledThread) {
  RLock lock;
  run([&]() -> Task<> {
    co_await lock.acquire();
    Future<void> thread = spawn_thread([&] { auto guard = sync_wait(lock.guard()); });
    while (lock.statistics().waiters == 0) co_await sleep(0s);
    thread.cancel();
    EXPECT_THROW(co_await thread, Cancelled);
    lock.release();
  });
  EXPECT_FALSE(lock.locked());
}

TEST(RLock, GivesUpAtTheDeadlineOfTryLockFor) {
  testing::VirtualTime time;
  RLock lock;
  Thread holder([&] {
    std::scoped_lock guard(lock);
    sleep_for(10s);
  });
  holder.start();
  sleep_for(1s);
  EXPECT_FALSE(lock.try_lock_for(3s));
  EXPECT_EQ(time.elapsed(), 4s);
  EXPECT_TRUE(lock.try_lock_for(1h));
  EXPECT_EQ(time.elapsed(), 10s);
  lock.unlock();
  holder.join();
}

TEST(RLock, IsHeldByOneStrandAmongTasksOfTwoLoopsAndThreads) {
  const int n = rounds(5000);
  RLock lock;
  int inside = 0;
  long entries = 0;
  const auto pass = [&] {
    EXPECT_EQ(++inside, 1);
    ++entries;
    --inside;
  };
  const auto task = [&]() -> Task<> {
    for (int i = 0; i < n; ++i) {
      auto outer = co_await lock.guard();
      auto inner = co_await lock.guard();
      pass();
      if (i % 16 == 0) co_await yield_now();
    }
  };
  const auto loop = [&] { run([&]() -> Task<> { co_await gather(task(), task()); }); };
  const auto thread = [&] {
    for (int i = 0; i < n; ++i) {
      std::scoped_lock outer(lock);
      std::scoped_lock inner(lock);
      pass();
    }
  };
  std::thread strands[] = {std::thread(loop), std::thread(loop), std::thread(thread), std::thread(thread)};
  for (std::thread& t : strands) t.join();
  EXPECT_EQ(entries, 6L * n);
}

TEST(RLockDeathTest, StopsTheProgramWhenItIsDestroyedHeld) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        RLock lock;
        lock.lock();
      },
      "an RLock was destroyed while it was held by \"main\", with 0 waiter");
}

TEST(RLockDeathTest, StopsTheProgramWhenItIsDestroyedWithWaitersAndCountsThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto lock = std::make_unique<RLock>();
                 std::string log;
                 co_await lock->acquire();
                 Future<void> a = spawn(take(*lock, log, 'a')), b = spawn(take(*lock, log, 'b'));
                 co_await turns(2);
                 lock.reset();
               }),
               "an RLock was destroyed while it was held.*, with 2 waiter");
}

}  // namespace
}  // namespace plait
