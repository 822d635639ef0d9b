// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/condition.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
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

/// Waits once; logs the mark when it has the Lock again, an upper-case letter's lower case if it was cancelled.
Task<> wait_once(Condition& condition, std::string& log, char mark) {
  auto guard = co_await condition.guard();
  try {
    co_await condition.wait();
    EXPECT_TRUE(condition.locked());
    log.push_back(mark);
  } catch (const Cancelled&) {
    EXPECT_TRUE(condition.locked());
    log.push_back(static_cast<char>(mark - 'A' + 'a'));
    throw;
  }
}

TEST(Condition, WakesAsManyAsAreNotifiedInTheOrderOfTheirArrival) {
  std::string log;
  testing::run([&]() -> Task<> {
    Condition condition;
    std::vector<Future<void>> all;
    for (const char mark : {'A', 'B', 'C', 'D'}) all.push_back(spawn(wait_once(condition, log, mark)));
    co_await turns(3);
    EXPECT_EQ(condition.statistics().waiters, 4u);
    EXPECT_FALSE(condition.locked());
    {
      auto guard = co_await condition.guard();
      condition.notify(2);
      EXPECT_EQ(condition.statistics().waiters, 2u);
      EXPECT_EQ(condition.statistics().lock.waiters, 2u);
      EXPECT_EQ(log, "");
    }
    co_await turns(5);
    EXPECT_EQ(log, "AB");
    {
      auto guard = co_await condition.guard();
      condition.notify(0);
      condition.notify_all();
    }
    for (Future<void>& f : all) co_await f;
  });
  EXPECT_EQ(log, "ABCD");
}

TEST(Condition, WakesACrowd) {
  const int n = 1000;
  int awake = 0;
  testing::run([&]() -> Task<> {
    Condition condition;
    std::vector<Future<void>> all;
    for (int i = 0; i < n; ++i) {
      all.push_back(spawn([&]() -> Task<> {
        auto guard = co_await condition.guard();
        co_await condition.wait();
        ++awake;
      }));
    }
    while (condition.statistics().waiters < n) co_await yield_now();
    {
      auto guard = co_await condition.guard();
      condition.notify(300);
    }
    while (awake < 300) co_await yield_now();
    EXPECT_EQ(condition.statistics().waiters, 700u);
    {
      auto guard = co_await condition.guard();
      condition.notify_all();
    }
    for (Future<void>& f : all) co_await f;
  });
  EXPECT_EQ(awake, n);
}

TEST(Condition, GivesTheValueOfItsPredicateAndAsksItFirst) {
  int number = 0;
  testing::run([&]() -> Task<> {
    Condition condition;
    Future<int> f = spawn([&]() -> Task<int> {
      auto guard = co_await condition.guard();
      co_return co_await condition.wait_for([&] {
        EXPECT_TRUE(condition.locked());
        return number;
      });
    });
    for (const int next : {0, 0, 7}) {
      co_await turns(3);
      EXPECT_FALSE(f.done());
      auto guard = co_await condition.guard();
      number = next;
      condition.notify();
    }
    EXPECT_EQ(co_await f, 7);
    auto guard = co_await condition.guard();
    EXPECT_TRUE(co_await condition.wait_for([] { return true; }));
  });
}

TEST(Condition, SharesALockOfTheCallersWithAnother) {
  std::string log;
  testing::run([&]() -> Task<> {
    Lock lock;
    Condition even(lock), odd(lock);
    Future<void> a = spawn(wait_once(even, log, 'A')), b = spawn(wait_once(odd, log, 'B'));
    co_await turns(3);
    {
      auto guard = co_await lock.guard();
      odd.notify();
    }
    co_await b;
    EXPECT_FALSE(a.done());
    {
      auto guard = co_await even.guard();
      even.notify();
    }
    co_await a;
  });
  EXPECT_EQ(log, "BA");
}

TEST(Condition, RefusesToWaitOrNotifyWithoutItsLock) {
  Condition condition;
  EXPECT_THROW(condition.notify(), std::logic_error);
  EXPECT_THROW(condition.notify_all(), std::logic_error);
  EXPECT_THROW(sync_wait(condition.wait()), std::logic_error);
  testing::run([&]() -> Task<> {
    EXPECT_THROW(co_await condition.wait(), std::logic_error);
    co_await turns(1);
    EXPECT_THROW(condition.release(), std::logic_error);
  });
  EXPECT_EQ(condition.statistics().waiters, 0u);
}

TEST(Condition, HasTheLockAgainWhenAWaitIsCancelled) {
  std::string log;
  testing::run([&]() -> Task<> {
    Condition condition;
    Future<void> a = spawn(wait_once(condition, log, 'A'));
    co_await turns(2);
    {
      auto guard = co_await condition.guard();
      a.cancel();
      co_await turns(3);
      EXPECT_FALSE(a.done());  // it throws only with the Lock, which is ours
      EXPECT_EQ(condition.statistics().waiters, 0u);
      condition.notify();  // nobody waits
    }
    co_await turns(3);
    EXPECT_TRUE(a.done());
    Future<void> b = spawn(wait_once(condition, log, 'B'));
    co_await turns(2);
    b.cancel();  // the Lock is free
    co_await turns(2);
    EXPECT_TRUE(b.done());
    EXPECT_FALSE(condition.locked());
  });
  EXPECT_EQ(log, "ab");
}

TEST(Condition, PassesItsNotificationOnWhenTheOneNotifiedIsCancelledWhileItQueuesForTheLock) {
  std::string log;
  testing::run([&]() -> Task<> {
    Condition condition;
    Future<void> a = spawn(wait_once(condition, log, 'A')), b = spawn(wait_once(condition, log, 'B'));
    co_await turns(3);
    {
      auto guard = co_await condition.guard();
      condition.notify();
      co_await turns(2);
      a.cancel();
    }
    co_await b;
    EXPECT_TRUE(a.done());
    EXPECT_FALSE(condition.locked());
  });
  EXPECT_EQ(log, "aB");
}

TEST(Condition, PassesItsNotificationOnWhenTheOneNotifiedIsCancelledAsItIsHandedTheLock) {  // [W10]
  std::string log;
  testing::run([&]() -> Task<> {
    Condition condition;
    Future<void> a = spawn(wait_once(condition, log, 'A')), b = spawn(wait_once(condition, log, 'B'));
    co_await turns(3);
    co_await condition.acquire();
    condition.notify();
    condition.release();
    a.cancel();
    co_await b;
    EXPECT_TRUE(a.done());
    EXPECT_FALSE(condition.locked());
  });
  EXPECT_EQ(log, "aB");
}

TEST(Condition, LosesNothingWhereverAConsumerIsCancelled) {
  // Two consumers, one of them cancelled somewhere, and an item for one of them: the item is consumed or still there.
  int made = 0, consumed = 0;
  std::unique_ptr<Condition> condition;
  const auto consume = [&]() -> Task<> {
    auto guard = co_await condition->guard();
    co_await condition->wait_for([&] { return made > consumed; });
    ++consumed;
  };
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        condition = std::make_unique<Condition>();
        made = consumed = 0;
        Future<void> producer = spawn([&]() -> Task<> {
          co_await turns(2);
          Future<void> second = spawn(consume());
          co_await turns(3);
          {
            auto guard = co_await condition->guard();
            ++made;
            condition->notify();
            co_await turns(2);
            ++made;
            condition->notify();
          }
          co_await second;
        });
        co_await consume();
        co_await producer;
      },
      [&](const testing::CancelPoint&) {
        if (!condition) return;
        EXPECT_FALSE(condition->locked());
        EXPECT_EQ(condition->statistics().waiters, 0u);
        EXPECT_LE(consumed, made);
        condition.reset();
      });
  EXPECT_GT(runs, 10);
}

TEST(Condition, WakesThreads) {
  testing::VirtualTime time;
  Condition condition;
  int awake = 0;
  std::vector<Thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      std::scoped_lock guard(condition);
      sync_wait(condition.wait());
      ++awake;
    });
    threads.back().start();
  }
  sleep_for(1s);  // virtual: it passes when all three wait
  EXPECT_EQ(condition.statistics().waiters, 3u);
  {
    std::scoped_lock guard(condition);
    condition.notify();
  }
  sleep_for(1s);
  {
    std::scoped_lock guard(condition);
    EXPECT_EQ(awake, 1);
    condition.notify_all();
  }
  for (Thread& t : threads) t.join();
  EXPECT_EQ(awake, 3);
}

TEST(Condition, WaitsForAPredicateInAThread) {
  Condition condition;
  int number = 0;
  std::thread thread([&] {
    std::scoped_lock guard(condition);
    EXPECT_EQ(sync_wait(condition.wait_for([&] { return number; })), 5);
  });
  for (int i = 1; i <= 5; ++i) {
    std::scoped_lock guard(condition);
    if (i == 5) number = 5;
    condition.notify();
  }
  thread.join();
}

TEST(Condition, HasTheLockAgainWhenAThreadIsCancelled) {
  Condition condition;
  bool held = false;
  run([&]() -> Task<> {
    Future<void> thread = spawn_thread([&] {
      std::scoped_lock guard(condition);
      try {
        sync_wait(condition.wait());
      } catch (const Cancelled&) {
        held = condition.locked();
        throw;
      }
    });
    while (condition.statistics().waiters == 0) co_await sleep(0s);
    {
      auto guard = co_await condition.guard();
      thread.cancel();
      EXPECT_EQ(condition.statistics().waiters, 0u);
      EXPECT_EQ(condition.statistics().lock.waiters, 1u);
    }
    EXPECT_THROW(co_await thread, Cancelled);
  });
  EXPECT_TRUE(held);
  EXPECT_FALSE(condition.locked());
}

/// A bounded buffer made of a Condition, as textbooks have it.
struct Buffer {
  Condition changed;
  std::deque<int> items;

  Task<> put(int item) {
    auto guard = co_await changed.guard();
    co_await changed.wait_for([&] { return items.size() < 4; });
    items.push_back(item);
    changed.notify_all();
  }
  Task<int> get() {
    auto guard = co_await changed.guard();
    co_await changed.wait_for([&] { return !items.empty(); });
    const int item = items.front();
    items.pop_front();
    changed.notify_all();
    co_return item;
  }
  void put_in_thread(int item) {
    std::scoped_lock guard(changed);
    while (items.size() >= 4) sync_wait(changed.wait());
    items.push_back(item);
    changed.notify_all();
  }
  int get_in_thread() {
    std::scoped_lock guard(changed);
    while (items.empty()) sync_wait(changed.wait());
    const int item = items.front();
    items.pop_front();
    changed.notify_all();
    return item;
  }
};

TEST(Condition, MakesABufferBetweenTasksOfTwoLoopsAndThreads) {
  const int n = rounds(3000);
  Buffer buffer;
  std::atomic<long> sum{0};
  const auto loop = [&](int base) {
    run([&, base]() -> Task<> {
      const auto produce = [&]() -> Task<> {
        for (int i = 0; i < n; ++i) co_await buffer.put(base + i);
      };
      const auto consume = [&]() -> Task<> {
        for (int i = 0; i < n; ++i) sum += co_await buffer.get();
      };
      co_await gather(produce(), consume());
    });
  };
  std::thread strands[] = {std::thread(loop, 0), std::thread(loop, 1), std::thread([&] {
                             for (int i = 0; i < n; ++i) buffer.put_in_thread(i);
                           }),
                           std::thread([&] {
                             for (int i = 0; i < n; ++i) sum += buffer.get_in_thread();
                           })};
  for (std::thread& t : strands) t.join();
  EXPECT_EQ(sum, 3L * n * (n - 1) / 2 + n);
  EXPECT_TRUE(buffer.items.empty());
}

TEST(Condition, LosesNoNotificationWhenTasksAndThreadsAreCancelledAtRandom) {
  const int n = rounds(1500);
  Condition condition;
  long tokens = 0, taken = 0;
  std::atomic<bool> done{false};
  std::thread giver([&] {
    for (int i = 0; i < n; ++i) {
      std::scoped_lock guard(condition);
      ++tokens;
      condition.notify();
    }
  });
  std::thread taker([&] {
    while (!done) {
      std::scoped_lock guard(condition);
      if (tokens == 0 && !done) sync_wait(condition.wait());
      if (tokens > 0) --tokens, ++taken;
    }
  });
  run([&]() -> Task<> {
    std::mt19937 random(1);
    for (int i = 0; i < n; ++i) {
      Future<void> f = spawn([&]() -> Task<> {
        auto guard = co_await condition.guard();
        if (tokens == 0) co_await condition.wait();
        if (tokens > 0) --tokens, ++taken;
      });
      co_await turns(static_cast<int>(random() % 4));
      f.cancel();
      while (!f.done()) co_await yield_now();
    }
  });
  giver.join();
  {
    std::scoped_lock guard(condition);
    done = true;
    condition.notify_all();
  }
  taker.join();
  EXPECT_EQ(taken + tokens, n);
  EXPECT_FALSE(condition.locked());
}

TEST(Condition, RefusesToBlockALoop) {
  Condition condition;
  run([&]() -> Task<> {
    auto guard = co_await condition.guard();
    EXPECT_THROW(sync_wait(condition.wait()), std::logic_error);
    EXPECT_THROW(condition.lock(), std::logic_error);
  });
}

TEST(ConditionDeathTest, StopsTheProgramWhenItIsDestroyedWithWaitersAndCountsThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto condition = std::make_unique<Condition>();
                 std::string log;
                 Future<void> a = spawn(wait_once(*condition, log, 'A')), b = spawn(wait_once(*condition, log, 'B'));
                 co_await turns(3);
                 condition.reset();
               }),
               "a Condition was destroyed with 2 waiter");
}

}  // namespace
}  // namespace plait
