// SPDX-License-Identifier: BSL-1.0
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/process/shared_barrier.hpp"
#include "plait/process/shared_condition.hpp"
#include "plait/process/shared_event.hpp"
#include "plait/process/shared_semaphore.hpp"
#include "plait/process/shared_value.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"
#include "support/forked.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::Forked;
using test::rounds;
using test::turns;
using Counter = shared::Value<std::atomic<int>>;

/// A child, and in this process a thread and a task: all at once.
template <class F, class G>
void everywhere(F in_thread, G in_task) {
  Forked child([&] {
    std::thread other(in_thread);
    run(in_task);
    other.join();
  });
  std::thread thread(in_thread);
  std::thread loop([&] { run(in_task); });
  run(in_task);
  thread.join();
  loop.join();
  EXPECT_TRUE(child.ends_well());
}

TEST(SharedEvent, IsSetOnceForAll) {
  shared::Event event;
  Counter waiting, woken;
  Forked setter([&] {
    test::until([&] { return *waiting == 5; });
    event.set();
    test::until([&] { return *woken == 5; });
    event.clear();
  });
  everywhere(
      [=] {
        ++*waiting;
        sync_wait(event.wait());
        ++*woken;
      },
      [=]() -> Task<> {
        const auto wait = [&]() -> Task<> {
          co_await event.wait();
          ++*woken;
        };
        Future<void> waits = spawn(wait());
        co_await turns(3);
        ++*waiting;
        co_await waits;
      });
  EXPECT_TRUE(setter.ends_well());
  EXPECT_EQ(*woken, 5);
  EXPECT_FALSE(event.is_set());
}

TEST(SharedEvent, LetsAllGoOnWhoWaited_IfItIsClearedAtOnce) {
  shared::Event event;
  run([&]() -> Task<> {
    Future<void> one = spawn([&]() -> Task<> { co_await event.wait(); });
    Future<void> other = spawn([&]() -> Task<> { co_await event.wait(); });
    co_await turns(3);
    Forked setter([&] {
      event.set();
      event.clear();
    });
    co_await one;
    co_await other;
    EXPECT_TRUE(setter.ends_well());
  });
  EXPECT_FALSE(event.is_set());
}

TEST(SharedEvent, EndsNoWait_ThatWasCancelled) {
  shared::Event event;
  run([&]() -> Task<> {
    EXPECT_THROW(co_await timeout(1ms, event.wait()), TimeoutError);
    event.set();
    co_await event.wait();
    event.set();
    event.clear();
    EXPECT_THROW(co_await timeout(1ms, event.wait()), TimeoutError);
  });
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        event.clear();
        Future<void> waits = spawn([&]() -> Task<> { co_await event.wait(); });
        co_await turns(1);
        event.set();
        co_await waits;
      },
      [](const testing::CancelPoint&) {});
  EXPECT_GT(runs, 4);
}

TEST(SharedSemaphore, LetsAsManyInAsItHasPermits) {
  shared::Semaphore semaphore(2);
  Counter inside, most, times;
  const int n = rounds(500);
  const auto enter = [=] {
    const int now = ++*inside;
    int before = *most;
    while (now > before && !most->compare_exchange_weak(before, now)) {
    }
    --*inside;
    ++*times;
  };
  everywhere(
      [=] {
        for (int i = 0; i < n; ++i) {
          auto permit = sync_wait(semaphore.guard());
          enter();
        }
      },
      [=]() -> Task<> {
        for (int i = 0; i < n; ++i) {
          auto permit = co_await semaphore.guard();
          enter();
          if (i % 8 == 0) co_await yield_now();
        }
      });
  EXPECT_EQ(*times, 5 * n);
  EXPECT_LE(*most, 2);
  EXPECT_EQ(semaphore.value(), 2);
}

TEST(SharedSemaphore, KeepsCount_WhereverTasksAreCancelled) {
  shared::BoundedSemaphore semaphore(1);
  EXPECT_THROW(semaphore.release(), std::logic_error);
  EXPECT_THROW(shared::Semaphore(-1), std::logic_error);
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        Future<void> other = spawn([&]() -> Task<> {
          auto permit = co_await semaphore.guard();
          co_await turns(2);
        });
        co_await turns(1);
        {
          auto permit = co_await semaphore.guard();
          co_await turns(1);
        }
        co_await other;
      },
      [&](const testing::CancelPoint&) { EXPECT_EQ(semaphore.value(), 1); });
  EXPECT_GT(runs, 8);
}

TEST(SharedCondition, CarriesABall_BetweenProcessesTasksAndThreads) {
  shared::Condition condition;
  Counter ball, passed;
  const int n = rounds(100), players = 3;
  const auto play = [=](int me) {
    for (int i = 0; i < n; ++i) {
      std::scoped_lock guard(condition);
      sync_wait(condition.wait_for([&] { return *ball % players == me; }));
      ++*ball;
      ++*passed;
      condition.notify_all();
    }
  };
  Forked a([=] { std::thread([=] { play(0); }).join(); });
  std::thread b([=] {
    for (int i = 0; i < n; ++i) {
      std::scoped_lock guard(condition);
      while (*ball % players != 1) sync_wait(condition.wait());
      ++*ball;
      ++*passed;
      condition.notify_all();
    }
  });
  run([=]() -> Task<> {
    for (int i = 0; i < n; ++i) {
      auto guard = co_await condition.guard();
      co_await condition.wait_for([&] { return *ball % players == 2; });
      ++*ball;
      ++*passed;
      condition.notify_all();
    }
  });
  b.join();
  EXPECT_TRUE(a.ends_well());
  EXPECT_EQ(*passed, players * n);
}

TEST(SharedCondition, WantsItsLock) {
  shared::Lock lock;
  shared::Condition condition(lock);
  EXPECT_THROW(condition.notify(), std::logic_error);
  EXPECT_THROW(sync_wait(condition.wait()), std::logic_error);
  run([&]() -> Task<> { EXPECT_THROW(co_await condition.wait(), std::logic_error); });
  EXPECT_TRUE(condition.get_lock() == lock);
}

TEST(SharedCondition, NotifiesAsManyAsItSays_OfThoseThatWaitNow) {
  shared::Condition condition;
  std::string log;
  testing::run([&]() -> Task<> {
    const auto wait = [&](char mark) -> Task<> {
      co_await condition.acquire();
      co_await condition.wait();
      log += mark;
      condition.release();
    };
    Future<void> a = spawn(wait('a')), b = spawn(wait('b')), c = spawn(wait('c'));
    co_await turns(3);
    co_await condition.acquire();
    condition.notify(2);
    condition.release();
    co_await a;
    co_await b;
    EXPECT_EQ(log, "ab");
    EXPECT_FALSE(c.done());
    co_await condition.acquire();
    condition.notify_all();
    condition.release();
    co_await c;
  });
  EXPECT_EQ(log, "abc");
}

TEST(SharedCondition, PassesANotificationOn_AndHoldsTheLock_WhereverAWaitIsCancelled) {
  shared::Condition condition;
  bool ready = false;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        ready = false;
        Future<void> other = spawn([&]() -> Task<> {
          co_await condition.acquire();
          try {
            while (!ready) co_await condition.wait();
          } catch (const Cancelled&) {
            condition.release();  // it is held
            throw;
          }
          condition.release();
        });
        Future<void> changes = spawn([&]() -> Task<> {
          co_await turns(3);
          auto guard = co_await condition.guard();
          ready = true;
          condition.notify_all();
        });
        co_await condition.acquire();
        try {
          while (!ready) co_await condition.wait();
        } catch (const Cancelled&) {
          condition.release();
          throw;
        }
        condition.release();
        co_await other;
        co_await changes;
      },
      [&](const testing::CancelPoint&) {
        EXPECT_TRUE(condition.try_lock());
        condition.unlock();
      });
  EXPECT_GT(runs, 8);
}

TEST(SharedCondition, IsLeftByACancelledThread_WithTheLockHeld) {
  shared::Condition condition;
  run([&]() -> Task<> {
    bool held = false;
    Future<void> thread = spawn_thread([&] {
      condition.lock();
      try {
        sync_wait(condition.wait());
      } catch (const Cancelled&) {
        held = true;
        condition.unlock();
        throw;
      }
    });
    co_await sleep(3ms);
    thread.cancel();
    EXPECT_THROW(co_await thread, Cancelled);
    EXPECT_TRUE(held);
  });
}

TEST(SharedCondition, ForgetsWaitersThatWereKilled) {
  PLAIT_TEST_NEEDS_FORK();
  shared::Condition condition;
  Counter waiting;
  Forked dies([&] {
    condition.lock();
    ++*waiting;
    sync_wait(condition.wait());
  });
  test::until([&] {
    std::scoped_lock guard(condition);
    return *waiting == 1;
  });
  std::thread lives([&] {
    std::scoped_lock guard(condition);
    ++*waiting;
    sync_wait(condition.wait());
  });
  test::until([&] {
    std::scoped_lock guard(condition);
    return *waiting == 2;
  });
  dies.kill();

  {
    std::scoped_lock guard(condition);
    condition.notify(1);
  }
  lives.join();
}

TEST(SharedBarrier, HoldsAllUntilTheLastOneComes_AgainAndAgain) {
  int actions = 0;
  shared::Barrier barrier(3, [&] { ++actions; });
  Counter indexes;
  const int n = rounds(200);
  Forked child([&] {
    for (int i = 0; i < n; ++i) *indexes += static_cast<int>(sync_wait(barrier.wait()));
  });
  std::thread thread([&] {
    for (int i = 0; i < n; ++i) *indexes += static_cast<int>(sync_wait(barrier.wait()));
  });
  run([&]() -> Task<> {
    for (int i = 0; i < n; ++i) *indexes += static_cast<int>(co_await barrier.wait());
  });
  thread.join();
  EXPECT_TRUE(child.ends_well());
  EXPECT_EQ(*indexes, 3 * n);
  EXPECT_LE(actions, n);
  EXPECT_FALSE(barrier.broken());
  EXPECT_EQ(barrier.n_waiting(), 0u);
}

TEST(SharedBarrier, Breaks) {
  shared::Barrier barrier(2);
  run([&]() -> Task<> {
    Future<std::size_t> party = spawn([&]() -> Task<std::size_t> { co_return co_await barrier.wait(); });
    co_await turns(2);
    EXPECT_EQ(barrier.n_waiting(), 1u);
    barrier.abort();
    EXPECT_THROW(co_await party, BrokenBarrierError);
    EXPECT_THROW(co_await barrier.wait(), BrokenBarrierError);
    barrier.reset();
    EXPECT_THROW(co_await timeout(1ms, barrier.wait()), TimeoutError);
    EXPECT_TRUE(barrier.broken());
    barrier.reset();
    party = spawn([&]() -> Task<std::size_t> { co_return co_await barrier.wait(); });
    co_await turns(2);
    barrier.reset();
    EXPECT_THROW(co_await party, BrokenBarrierError);
    EXPECT_FALSE(barrier.broken());
  });
  shared::Barrier acts(1, [] { throw std::runtime_error("action"); });
  EXPECT_THROW(sync_wait(acts.wait()), std::runtime_error);
  EXPECT_TRUE(acts.broken());
  EXPECT_THROW(shared::Barrier(0), std::logic_error);
}

TEST(SharedBarrier, BreaksWhenAPartyDiesInFrontOfIt) {
  PLAIT_TEST_NEEDS_FORK();
  shared::Barrier barrier(3);
  Forked dies([&] { sync_wait(barrier.wait()); });
  test::until([&] { return barrier.n_waiting() == 1; });
  std::thread lives([&] { EXPECT_THROW(sync_wait(barrier.wait()), BrokenBarrierError); });
  test::until([&] { return barrier.n_waiting() == 2; });
  dies.kill();
  lives.join();
  EXPECT_TRUE(barrier.broken());
}

/// What `value` becomes when it is sent to this very process.
template <class T>
T round_trip(const T& value) {
  Encoder encoder;
  Codec<T>::write(encoder, value);
  Decoder decoder(encoder.bytes(), encoder.descriptors());
  return Codec<T>::read(decoder);
}

TEST(SharedPrimitives, AreTheSameWhenTheyComeBack) {
  shared::Event event;
  round_trip(event).set();
  EXPECT_TRUE(event.is_set());
  shared::BoundedSemaphore semaphore(3);
  EXPECT_TRUE(round_trip(semaphore).try_acquire());
  EXPECT_EQ(semaphore.value(), 2);
  shared::Condition condition;
  round_trip(condition).lock();
  condition.notify();
  condition.unlock();
  shared::Barrier barrier(4);
  EXPECT_EQ(round_trip(barrier).parties(), 4u);
  EXPECT_TRUE(round_trip(condition.get_lock()) == condition.get_lock());
}

}  // namespace
}  // namespace plait
