// SPDX-License-Identifier: BSL-1.0
//
// What the tests of CPython ask of conditions, events and barriers, asked of ours; first in virtual time, then (tests
// named …AcrossThreads) with two loops on two threads and plain threads. Each test names its source. Where asyncio says
// "in one tick": between the grant and the resumption. Here that is the rest of the turn of whoever grants, as a chosen
// task can't go on before; across threads its loop is kept busy.
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
using testing::VirtualTime;

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
    EXPECT_TRUE(co_await move_on_after(1s, b));
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
    EXPECT_TRUE(co_await move_on_after(1s, b));
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
    EXPECT_FALSE(co_await move_on_after(5s, block()));
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
    EXPECT_FALSE(co_await move_on_after(1s, barrier.wait()));
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
