// SPDX-License-Identifier: BSL-1.0
//
// What the tests of CPython, trio and anyio ask of locks, semaphores and limiters, asked of ours; first in virtual
// time, then (tests named …AcrossThreads) with two loops on two threads and plain threads. Each test names its source.
// Where asyncio says "in one tick": between the grant and the resumption. Here that is the rest of the turn of whoever
// grants, as a chosen task can't go on before; across threads its loop is kept busy.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::rounds;
using test::turns;

class OneToken : public CapacityLimiter {
 public:
  OneToken() : CapacityLimiter(1) {}
};

/// Everything that can be taken by one strand at a time.
template <class L>
class LockLike : public ::testing::Test {
 protected:
  static Task<> take(L& lock, std::string& log, char mark) {
    auto guard = co_await lock.guard();
    log.push_back(mark);
  }
};
using LockLikes = ::testing::Types<Lock, RLock, Condition, Semaphore, BoundedSemaphore, OneToken>;
TYPED_TEST_SUITE(LockLike, LockLikes);

// 1. test_asyncio/test_locks.py: LockTests.test_cancel_release_race
TYPED_TEST(LockLike, GoesToTheNextWhenTheFirstIsCancelledAndItIsReleasedInOneTurn) {
  for (const bool cancel_first : {true, false}) {
    std::string log;
    testing::run([&]() -> Task<> {
      TypeParam lock;
      co_await lock.acquire();
      Future<void> a = spawn(this->take(lock, log, 'a')), b = spawn(this->take(lock, log, 'b')),
                   c = spawn(this->take(lock, log, 'c'));
      co_await turns(3);
      if (cancel_first) a.cancel();
      lock.release();
      if (!cancel_first) a.cancel();
      EXPECT_EQ(log, "");
      co_await turns(1);
      EXPECT_EQ(log.substr(0, 1), "b");
      co_await b;
      co_await c;
      EXPECT_TRUE(a.done());
      EXPECT_TRUE(lock.try_acquire());
      lock.release();
    });
    EXPECT_EQ(log, "bc");
  }
}

// 2. test_asyncio/test_locks.py: LockTests.test_finished_waiter_cancelled
TYPED_TEST(LockLike, IsNotLostWhenTheFirstIsCancelledBeforeItRuns) {
  std::string log;
  testing::run([&]() -> Task<> {
    TypeParam lock;
    co_await lock.acquire();
    Future<void> a = spawn(this->take(lock, log, 'a'));
    co_await turns(1);
    Future<void> b = spawn(this->take(lock, log, 'b'));
    co_await turns(1);
    a.cancel();
    lock.release();
    EXPECT_TRUE(co_await move_on_after(1s, b));
  });
  EXPECT_EQ(log, "b");
}

// 10. anyio, tests/test_synchronization.py:
// TestCapacityLimiter.test_nowait_acquire_after_release_does_not_oversubscribe
TYPED_TEST(LockLike, CantBeTakenByTheReleaserWhileSomebodyWaits) {
  std::string log;
  testing::run([&]() -> Task<> {
    TypeParam lock;
    co_await lock.acquire();
    Future<void> a = spawn(this->take(lock, log, 'a'));
    co_await turns(1);
    lock.release();
    EXPECT_FALSE(lock.try_acquire());
    co_await a;
    EXPECT_TRUE(lock.try_acquire());
    lock.release();
  });
}

// 11. trio, _tests/test_sync.py: test_generic_lock_fifo_fairness
TYPED_TEST(LockLike, GoesRoundAmongTasksInStrictRotation) {
  std::string log, expected;
  testing::run([&]() -> Task<> {
    TypeParam lock;
    const auto loop = [&](char mark) -> Task<> {
      for (int i = 0; i < 20; ++i) {
        auto guard = co_await lock.guard();
        log.push_back(mark);
        co_await yield_now();
      }
    };
    co_await gather(loop('a'), loop('b'), loop('c'));
  });
  for (int i = 0; i < 20; ++i) expected += "abc";
  EXPECT_EQ(log, expected);
}

// 1 and 2, with a waiter on each of two loops and one in a thread, of which one is cancelled as the lock is released.
TYPED_TEST(LockLike, IsTakenByAllOthersWhenOneIsCancelledAcrossThreads) {
  const int n = rounds(200);
  for (int i = 0; i < n; ++i) {
    TypeParam lock;
    std::atomic<int> taken{0}, waiting{0};
    std::atomic<bool> released{false};
    int expected = 3;
    if (!lock.try_acquire()) FAIL();
    const auto take = [&]() -> Task<> {
      auto guard = co_await lock.guard();
      ++taken;
    };
    const auto loop = [&](int cancel) {
      run([&]() -> Task<> {
        Future<void> f = spawn(take());
        co_await turns(1);
        ++waiting;
        if (cancel == 0) co_return co_await f;
        // Keeps the loop busy until the lock is released: a grant is held back meanwhile.
        while (cancel == 2 && !released) std::this_thread::yield();
        f.cancel();
        while (!f.done()) co_await yield_now();
        try {
          co_await f;
        } catch (const Cancelled&) {
          --expected;
        }
      });
    };
    std::thread strands[] = {std::thread(loop, 1 + i % 2), std::thread(loop, 0), std::thread([&] {
                               ++waiting;
                               auto guard = sync_wait(lock.guard());
                               ++taken;
                             })};
    while (waiting < 3) std::this_thread::yield();
    lock.release();
    released = true;
    for (std::thread& t : strands) t.join();
    EXPECT_EQ(taken, expected);
    EXPECT_TRUE(lock.try_acquire());
    lock.release();
  }
}

// 7. test_asyncio/test_locks.py: SemaphoreTests.test_acquire_hang, test_acquire_no_hang
TEST(SemaphoreConformance, LosesNoPermitWhenAWaiterIsCancelledQueuedOrGranted) {
  for (const bool granted : {false, true}) {
    testing::run([&]() -> Task<> {
      Semaphore semaphore(1);
      co_await semaphore.acquire();
      const auto acquire = [&]() -> Task<> { co_await semaphore.acquire(); };
      Future<void> first = spawn(acquire()), second = spawn(acquire());
      co_await turns(1);
      if (granted) {
        semaphore.release();
        first.cancel();
      } else {
        first.cancel();
        semaphore.release();
      }
      co_await second;
      semaphore.release();
      EXPECT_TRUE(co_await move_on_after(1s, semaphore.acquire()));
    });
  }
}

// 8. test_asyncio/test_locks.py: SemaphoreTests.test_acquire_fifo_order_4
TEST(SemaphoreConformance, IsStrictlyFirstComeFirstServedEvenForTheReleaser) {
  std::string log;
  testing::run([&]() -> Task<> {
    Semaphore semaphore(0);
    const auto acquire = [&](char mark) -> Task<> {
      co_await semaphore.acquire();
      log.push_back(mark);
    };
    Future<void> a = spawn(acquire('1')), b = spawn(acquire('2')), c = spawn(acquire('3'));
    co_await turns(1);
    for (int i = 0; i < 4; ++i) semaphore.release();
    co_await acquire('4');
    co_await a;
    co_await b;
    co_await c;
    // The releaser finds the fourth permit free at once; the first three went to the others at their release.
    EXPECT_EQ(semaphore.value(), 0);
    std::sort(log.begin(), log.end());
    EXPECT_EQ(log, "1234");
    log.clear();

    Future<void> d = spawn(acquire('1')), e = spawn(acquire('2')), f = spawn(acquire('3'));
    co_await turns(1);
    for (int i = 0; i < 3; ++i) semaphore.release();
    EXPECT_FALSE(semaphore.try_acquire());
    Future<void> g = spawn(acquire('4'));
    co_await turns(2);
    EXPECT_EQ(log, "123");
    semaphore.release();
    co_await g;
  });
  EXPECT_EQ(log, "1234");
}

// 8, with waiters on two loops and in threads, in turns.
TEST(SemaphoreConformance, IsFirstComeFirstServedAcrossThreads) {
  const int n = rounds(100);
  for (int round = 0; round < n; ++round) {
    Semaphore semaphore(0);
    std::string log;  // each is written before the next permit is released
    std::atomic<int> served{0};
    const auto wait_until_queued = [&](std::size_t waiters) {
      while (semaphore.statistics().waiters < waiters) std::this_thread::yield();
    };
    const auto in_task = [&](char mark) {
      run([&]() -> Task<> {
        co_await semaphore.acquire();
        log.push_back(mark);
        ++served;
      });
    };
    const auto in_thread = [&](char mark) {
      sync_wait(semaphore.acquire());
      log.push_back(mark);
      ++served;
    };
    std::vector<std::thread> strands;
    for (std::size_t i = 0; i < 4; ++i) {
      const char mark = static_cast<char>('1' + i);
      if (i % 2 == 0) {
        strands.emplace_back(in_task, mark);
      } else {
        strands.emplace_back(in_thread, mark);
      }
      wait_until_queued(i + 1);
    }
    for (int i = 0; i < 4; ++i) {
      semaphore.release();
      EXPECT_FALSE(i < 3 && semaphore.try_acquire());
      while (served <= i) std::this_thread::yield();
    }
    for (std::thread& t : strands) t.join();
    EXPECT_EQ(log, "1234");
    EXPECT_EQ(semaphore.value(), 0);
  }
}

// 11, for threads of a Semaphore: who holds it gives it on when the other two queue.
TEST(SemaphoreConformance, GoesRoundInStrictRotationAcrossThreads) {
  const int n = rounds(100);
  Semaphore semaphore(0);
  std::string log, expected;
  const auto loop = [&](char mark) {
    for (int i = 0; i < n; ++i) {
      auto guard = sync_wait(semaphore.guard());
      log.push_back(mark);
      while (i < n - 1 && semaphore.statistics().waiters < 2) std::this_thread::yield();
    }
  };
  std::vector<std::thread> threads;
  for (const char mark : {'a', 'b', 'c'}) {
    threads.emplace_back(loop, mark);
    while (semaphore.statistics().waiters < threads.size()) std::this_thread::yield();
  }
  semaphore.release();
  for (std::thread& t : threads) t.join();
  for (int i = 0; i < n; ++i) expected += "abc";
  EXPECT_EQ(log, expected);
}

// 9. anyio, tests/test_synchronization.py: TestSemaphore.test_cancel_after_release
TEST(SemaphoreConformance, HasThePermitBackWhenGrantAndCancelFallTogether) {
  testing::run([]() -> Task<> {
    Semaphore semaphore(1);
    co_await semaphore.acquire();
    bool acquired = false;
    Future<void> f = spawn([&]() -> Task<> {
      co_await semaphore.acquire();
      acquired = true;
    });
    co_await turns(1);
    semaphore.release();
    f.cancel();
    while (!f.done()) co_await yield_now();
    EXPECT_THROW(co_await f, Cancelled);
    EXPECT_FALSE(acquired);
    EXPECT_EQ(semaphore.value(), 1);
    EXPECT_EQ(semaphore.statistics().waiters, 0u);
  });
}

// 10, as anyio has it: borrowed never exceeds total.
TEST(CapacityLimiterConformance, IsNotOversubscribedByTryAcquireAfterRelease) {
  testing::run([]() -> Task<> {
    CapacityLimiter limiter(1);
    co_await limiter.acquire();
    Future<void> f = spawn([&]() -> Task<> { auto guard = co_await limiter.guard(); });
    co_await turns(1);
    limiter.release();
    EXPECT_FALSE(limiter.try_acquire());
    EXPECT_EQ(limiter.borrowed_tokens(), 1u);
    co_await f;
    EXPECT_EQ(limiter.borrowed_tokens(), 0u);
  });
}

// 12. trio, _tests/test_sync.py: test_CapacityLimiter_change_total_tokens
TEST(CapacityLimiterConformance, WakesTheRightNumberWhenTheTotalRisesAndHoldsBackWhenItFalls) {
  testing::run([]() -> Task<> {
    CapacityLimiter limiter(2);
    std::string log;
    int leave = 0;  // how many may give their token back
    const auto borrow = [&](char mark) -> Task<> {
      auto guard = co_await limiter.guard();
      log.push_back(mark);
      while (leave == 0) co_await sleep(1s);
      --leave;
    };
    std::vector<Future<void>> all;
    for (int i = 0; i < 5; ++i) all.push_back(spawn(borrow(static_cast<char>('1' + i))));
    co_await sleep(100ms);
    EXPECT_EQ(log, "12");
    EXPECT_EQ(limiter.statistics().waiters, 3u);
    limiter.total_tokens(4);
    EXPECT_EQ(limiter.statistics().waiters, 1u);
    co_await turns(2);
    EXPECT_EQ(log, "1234");
    limiter.total_tokens(1);
    EXPECT_EQ(limiter.borrowed_tokens(), 4u);
    leave = 3;
    co_await sleep(2s);
    EXPECT_EQ(limiter.borrowed_tokens(), 1u);
    EXPECT_EQ(log, "1234");  // still as many as there are
    leave = 1;
    co_await sleep(2s);
    EXPECT_EQ(log, "12345");
    leave = 1;
    for (Future<void>& f : all) co_await f;
    EXPECT_EQ(limiter.available_tokens(), 1u);
  });
}

}  // namespace
}  // namespace plait
