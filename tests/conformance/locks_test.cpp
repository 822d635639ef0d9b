// SPDX-License-Identifier: BSL-1.0
//
// What the tests of CPython, trio and anyio ask of locks, conditions, events, semaphores, barriers and limiters, asked
// of ours; first in virtual time, then (tests named …AcrossThreads) with two loops on two threads and plain threads.
// Each test names its source. Where asyncio says "in one tick": between the grant and the resumption. Here that is the
// rest of the turn of whoever grants, as a chosen task can't go on before; across threads its loop is kept busy.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"
#include "support/waiting.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::rounds;
using test::turns;
using testing::VirtualTime;

class OneToken : public CapacityLimiter {
 public:
  OneToken() : CapacityLimiter(1) {}
};

/// Runs `body` for at most `limit`: true if it ended in time.
Task<bool> in_time(Duration limit, Task<> body) {
  Future<void> work = spawn(std::move(body));
  Future<void> timer = spawn([&]() -> Task<> {
    co_await sleep(limit);
    work.cancel();
  });
  bool done = true;
  try {
    co_await work;
  } catch (const Cancelled&) {
    done = false;
  }
  timer.cancel();
  while (!timer.done()) co_await yield_now();
  co_return done;
}

Task<> end_of(Future<void>& future) { co_await future; }

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
    EXPECT_TRUE(co_await in_time(1s, end_of(b)));
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
      EXPECT_TRUE(co_await in_time(1s, acquire()));
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

/// A Condition, and items that somebody makes.
struct Store {
  Condition condition;
  int items = 0, consumed = 0;

  Task<> consume() {
    auto guard = co_await condition.guard();
    while (items == 0) co_await condition.wait();
    --items;
    ++consumed;
  }
  void consume_in_thread() {
    auto guard = sync_wait(condition.guard());
    while (items == 0) sync_wait(condition.wait());
    --items;
    ++consumed;
  }
};

// 3. test_asyncio/test_locks.py: ConditionTests.test_cancelled_wakeup
TEST(ConditionConformance, HandsANotificationOnWhenTheOneChosenIsCancelledBeforeItRuns) {
  testing::run([]() -> Task<> {
    Store store;
    Future<void> a = spawn(store.consume()), b = spawn(store.consume());
    co_await turns(3);
    co_await store.condition.acquire();
    ++store.items;
    store.condition.notify(1);
    store.condition.release();
    a.cancel();  // it has the Lock and the notification, and has not run
    EXPECT_TRUE(co_await in_time(1s, end_of(b)));
    EXPECT_EQ(store.consumed, 1);
    EXPECT_TRUE(a.done());
  });
}

// 4. test_asyncio/test_locks.py: ConditionTests.test_cancelled_wakeup_relock
TEST(ConditionConformance, HandsANotificationOnWhenTheOneChosenIsCancelledWhileItTakesTheLockAgain) {
  testing::run([]() -> Task<> {
    Store store;
    Future<void> a = spawn(store.consume()), b = spawn(store.consume());
    co_await turns(3);
    co_await store.condition.acquire();
    ++store.items;
    store.condition.notify(1);
    co_await turns(2);  // a queues for the Lock
    a.cancel();
    co_await turns(2);
    store.condition.release();
    EXPECT_TRUE(co_await in_time(1s, end_of(b)));
    EXPECT_EQ(store.consumed, 1);
  });
}

// 3 and 4 across threads: three consumers, one of them cancelled at any moment, as one item is made.
TEST(ConditionConformance, LosesNoItemWhenAConsumerIsCancelledAcrossThreads) {
  const int n = rounds(300);
  for (int i = 0; i < n; ++i) {
    Store store;
    std::atomic<bool> made{false};
    bool cancelled = false;
    const auto cancel_one = [&] {
      run([&]() -> Task<> {
        Future<void> f = spawn(store.consume());
        co_await turns(2);
        while (i % 2 == 0 && !made) std::this_thread::yield();  // holds it between grant and resumption
        f.cancel();
        while (!f.done()) co_await yield_now();
        try {
          co_await f;
        } catch (const Cancelled&) {
          cancelled = true;
        }
      });
    };
    std::thread first(cancel_one);
    std::thread others[] = {std::thread([&] { run(store.consume()); }),
                            std::thread([&] { store.consume_in_thread(); })};
    const auto make = [&] {
      std::scoped_lock guard(store.condition);
      ++store.items;
      store.condition.notify(1);
    };
    make();
    made = true;
    make();
    first.join();
    if (!cancelled) make();  // it was quicker, so somebody lacks an item
    for (std::thread& t : others) t.join();
    EXPECT_EQ(store.items, 0);
    EXPECT_EQ(store.consumed, cancelled ? 2 : 3);
    EXPECT_FALSE(store.condition.locked());
  }
}

// 5. test_asyncio/test_locks.py: ConditionTests.test_cancelled_error_re_aquire, test_wait_cancel_contested
TEST(ConditionConformance, LeavesAWaitThatIsCancelledOnlyWithTheLockAndAsCancelled) {
  for (const bool notified : {false, true}) {
    testing::run([&]() -> Task<> {
      Condition condition;
      bool cancelled = false;
      Future<void> f = spawn([&]() -> Task<> {
        auto guard = co_await condition.guard();
        try {
          co_await condition.wait();
        } catch (const Cancelled&) {
          cancelled = condition.locked();
          throw;
        }
      });
      co_await turns(2);
      co_await condition.acquire();
      if (notified) condition.notify(1);
      co_await turns(2);
      f.cancel();
      co_await turns(5);
      EXPECT_FALSE(f.done());  // we have the Lock
      condition.release();
      while (!f.done()) co_await yield_now();
      EXPECT_TRUE(cancelled);
      EXPECT_THROW(co_await f, Cancelled);
      EXPECT_FALSE(condition.locked());
    });
  }
}

// 6. test_asyncio/test_locks.py: ConditionTests.test_timeout_in_block
TEST(ConditionConformance, HasTheLockAgainWhenATimeoutEndsAWait) {
  const auto result = testing::run([]() -> Task<> {
    Condition condition;
    bool held = false;
    const auto block = [&]() -> Task<> {
      auto guard = co_await condition.guard();
      try {
        co_await condition.wait();
      } catch (const Cancelled&) {
        held = condition.locked();
        throw;
      }
    };
    EXPECT_FALSE(co_await in_time(5s, block()));
    EXPECT_TRUE(held);
    EXPECT_FALSE(condition.locked());  // the guard released it, without an error
  });
  EXPECT_EQ(result.elapsed, 5s);
}

// 14. lock_tests.py: ConditionTests.test_notify
TEST(ConditionConformance, WakesAsManyAsAreNotifiedAndNobodyTwice) {
  testing::run([]() -> Task<> {
    Condition condition;
    int awake = 0;
    std::vector<Future<void>> all;
    for (int i = 0; i < 5; ++i) {
      all.push_back(spawn([&]() -> Task<> {
        auto guard = co_await condition.guard();
        co_await condition.wait();
        ++awake;
        co_await condition.wait();  // not woken by the notification of before
        ++awake;
      }));
    }
    const auto notify = [&](std::size_t n) -> Task<> {
      auto guard = co_await condition.guard();
      condition.notify(n);
    };
    co_await turns(10);
    co_await notify(3);
    co_await turns(20);
    EXPECT_EQ(awake, 3);
    EXPECT_EQ(condition.statistics().waiters, 5u);
    co_await notify(5);
    co_await turns(20);
    EXPECT_EQ(awake, 8);
    co_await notify(9);
    co_await turns(20);
    EXPECT_EQ(awake, 10);
    for (Future<void>& f : all) co_await f;
  });
}

// 14*, for threads.
TEST(ConditionConformance, WakesAsManyThreadsAsAreNotifiedAndNobodyTwiceAcrossThreads) {
  VirtualTime time;
  Condition condition;
  int awake = 0;
  std::vector<Thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] {
      std::scoped_lock guard(condition);
      sync_wait(condition.wait());
      ++awake;
      sync_wait(condition.wait());
      ++awake;
    });
    threads.back().start();
  }
  int expected = 0;
  for (const std::size_t n : {3u, 5u, 9u}) {
    sleep_for(1s);  // virtual: it passes when everybody waits
    std::scoped_lock guard(condition);
    EXPECT_EQ(awake, expected);
    expected = std::min(expected + static_cast<int>(n), 10);
    condition.notify(n);
  }
  for (Thread& t : threads) t.join();
  EXPECT_EQ(awake, 10);
}

// lock_tests.py: EventTests.test_set_and_clear (trap of python-surface 3.1); test_asyncio/test_locks.py: EventTests
TEST(EventConformance, WakesAllWhoWaitedAlthoughItIsClearedAtOnceAcrossThreads) {
  const int n = rounds(200);
  for (int i = 0; i < n; ++i) {
    Event event;
    const auto loop = [&] {
      run([&]() -> Task<> {
        const auto wait = [&]() -> Task<> { co_await event.wait(); };
        co_await gather(wait(), wait());
      });
    };
    std::thread strands[] = {std::thread(loop), std::thread(loop), std::thread([&] { sync_wait(event.wait()); })};
    while (event.statistics().waiters < 5) std::this_thread::yield();
    event.set();
    event.clear();
    for (std::thread& t : strands) t.join();
    EXPECT_FALSE(event.is_set());
  }
}

/// Meets and logs: '.' passed, 'x' broken.
Task<> meet(Barrier& barrier, std::string& log) {
  try {
    co_await barrier.wait();
    log.push_back('.');
  } catch (const BrokenBarrierError&) {
    log.push_back('x');
  }
}

// 15. lock_tests.py: BarrierTests.test_reset
TEST(BarrierConformance, FreesWaitersAsBrokenWhenItIsResetAndWorksAgain) {
  std::string log;
  testing::run([&]() -> Task<> {
    Barrier barrier(3);
    Future<void> a = spawn(meet(barrier, log)), b = spawn(meet(barrier, log));
    co_await turns(1);
    barrier.reset();
    co_await a;
    co_await b;
    EXPECT_EQ(log, "xx");
    Future<void> c = spawn(meet(barrier, log)), d = spawn(meet(barrier, log)), e = spawn(meet(barrier, log));
    co_await c;
    co_await d;
    co_await e;
  });
  EXPECT_EQ(log, "xx...");
}

// 15. lock_tests.py: BarrierTests.test_timeout
TEST(BarrierConformance, IsBrokenForAllByOneWhoseTimeIsUp) {
  std::string log;
  testing::run([&]() -> Task<> {
    Barrier barrier(3);
    Future<void> a = spawn(meet(barrier, log));
    const auto wait = [&]() -> Task<> { co_await barrier.wait(); };
    EXPECT_FALSE(co_await in_time(1s, wait()));
    co_await a;
    co_await meet(barrier, log);  // the late party
    EXPECT_TRUE(barrier.broken());
  });
  EXPECT_EQ(log, "xx");
}

// 15. test_asyncio/test_locks.py: BarrierTests.test_reset_barrier_while_tasks_draining
TEST(BarrierConformance, DisturbsNobodyWhenItIsResetWhileTheRoundBeforeGoesOn) {
  std::string log;
  testing::run([&]() -> Task<> {
    Barrier barrier(3);
    Future<void> a = spawn(meet(barrier, log)), b = spawn(meet(barrier, log));
    co_await turns(1);
    co_await barrier.wait();  // the others are released, and have not run
    Future<void> next = spawn(meet(barrier, log));
    barrier.reset();
    co_await a;
    co_await b;
    EXPECT_EQ(log, "..");
    EXPECT_EQ(barrier.n_waiting(), 1u);  // the next round is not broken by the reset before it
    barrier.reset();
    co_await next;
  });
  EXPECT_EQ(log, "..x");
}

// 15*, for threads.
TEST(BarrierConformance, IsBrokenForAllByOneWhoIsCancelledAndWorksAgainAcrossThreads) {
  VirtualTime time;
  Barrier barrier(3);
  std::atomic<int> broken{0}, passed{0};
  const auto wait = [&] {
    try {
      sync_wait(barrier.wait());
      ++passed;
    } catch (const BrokenBarrierError&) {
      ++broken;
    }
  };
  run([&]() -> Task<> {
    Future<void> a = spawn_thread(wait), b = spawn_thread(wait);
    co_await sleep(1s);
    EXPECT_EQ(barrier.n_waiting(), 2u);
    a.cancel();
    EXPECT_THROW(co_await a, Cancelled);
    co_await b;
    Future<void> late = spawn_thread(wait);
    co_await late;
    EXPECT_EQ(broken, 2);
    barrier.reset();
    Future<void> c = spawn_thread(wait), d = spawn_thread(wait);
    co_await barrier.wait();
    co_await c;
    co_await d;
  });
  EXPECT_EQ(passed, 2);
}

}  // namespace
}  // namespace plait
