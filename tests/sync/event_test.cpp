// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/event.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
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

Task<> wait_and_log(Event& event, std::string& log, char mark) {
  co_await event.wait();
  log.push_back(mark);
}

TEST(Event, IsSetAndCleared) {
  Event event;
  EXPECT_FALSE(event.is_set());
  event.set();
  event.set();
  EXPECT_TRUE(event.is_set());
  sync_wait(event.wait());  // does not wait
  event.clear();
  EXPECT_FALSE(event.is_set());
}

TEST(Event, LetsAllWaitersGoOnInTheOrderOfTheirArrival) {
  std::string log;
  testing::run([&]() -> Task<> {
    Event event;
    Future<void> a = spawn(wait_and_log(event, log, 'a')), b = spawn(wait_and_log(event, log, 'b'));
    co_await turns(2);
    EXPECT_EQ(log, "");
    EXPECT_EQ(event.statistics().waiters, 2u);
    event.set();
    EXPECT_EQ(log, "");  // never inside set()
    co_await a;
    co_await b;
    co_await event.wait();
    EXPECT_TRUE(event.statistics().set);
    EXPECT_EQ(event.statistics().waiters, 0u);
  });
  EXPECT_EQ(log, "ab");
}

TEST(Event, LetsWaitersOfBeforeGoOnWhenItIsClearedAtOnce) {
  std::string log;
  testing::run([&]() -> Task<> {
    Event event;
    Future<void> a = spawn(wait_and_log(event, log, 'a')), b = spawn(wait_and_log(event, log, 'b'));
    co_await turns(2);
    event.set();
    event.clear();
    Future<void> late = spawn(wait_and_log(event, log, 'c'));
    co_await a;
    co_await b;
    co_await turns(3);
    EXPECT_EQ(log, "ab");
    event.set();
    co_await late;
  });
}

TEST(Event, WakesACrowdOfTasks) {
  const int n = rounds(10'000);
  int awake = 0;
  testing::run([&]() -> Task<> {
    Event event;
    std::vector<Future<void>> all;
    for (int i = 0; i < n; ++i) {
      all.push_back(spawn([&]() -> Task<> {
        co_await event.wait();
        ++awake;
      }));
    }
    co_await turns(2);
    EXPECT_EQ(event.statistics().waiters, static_cast<std::size_t>(n));
    event.set();
    event.clear();
    for (Future<void>& f : all) co_await f;
  });
  EXPECT_EQ(awake, n);
}

TEST(Event, IsACheckpointEvenWhenItIsSet) {
  testing::run([]() -> Task<> {
    Event event;
    event.set();
    bool passed = false;
    Future<void> f = spawn([&]() -> Task<> {
      co_await event.wait();
      passed = true;
    });
    f.cancel();
    co_await turns(2);
    EXPECT_TRUE(f.done());
    EXPECT_FALSE(passed);
  });
}

TEST(Event, IsLeftByACancelledWaiter) {
  std::string log;
  testing::run([&]() -> Task<> {
    Event event;
    Future<void> a = spawn(wait_and_log(event, log, 'a')), b = spawn(wait_and_log(event, log, 'b'));
    co_await turns(2);
    a.cancel();
    EXPECT_EQ(event.statistics().waiters, 1u);
    event.set();
    co_await b;
    co_await turns(1);
    EXPECT_TRUE(a.done());
  });
  EXPECT_EQ(log, "b");
}

TEST(Event, IsWholeWhereverAWaiterIsCancelled) {
  std::unique_ptr<Event> event;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        event = std::make_unique<Event>();
        Future<void> other = spawn([&]() -> Task<> {
          co_await yield_now();
          event->set();
        });
        co_await event->wait();
        event->clear();
        event->set();
        co_await event->wait();
        co_await other;
      },
      [&](const testing::CancelPoint&) {
        if (event) {
          EXPECT_EQ(event->statistics().waiters, 0u);
        }
        event.reset();
      });
  EXPECT_GT(runs, 4);
}

TEST(Event, WakesThreads) {
  testing::VirtualTime time;
  Event event;
  std::atomic<int> awake{0};
  std::vector<Thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      sync_wait(event.wait());
      ++awake;
    });
    threads.back().start();
  }
  sleep_for(1s);  // virtual: it passes when all three wait
  EXPECT_EQ(event.statistics().waiters, 3u);
  EXPECT_EQ(awake, 0);
  event.set();
  event.clear();
  for (Thread& t : threads) t.join();
  EXPECT_EQ(awake, 3);
}

TEST(Event, IsLeftByACancelledThread) {
  Event event;
  run([&]() -> Task<> {
    Future<void> thread = spawn_thread([&] { sync_wait(event.wait()); });
    while (event.statistics().waiters == 0) co_await sleep(0s);
    thread.cancel();
    EXPECT_THROW(co_await thread, Cancelled);
    EXPECT_EQ(event.statistics().waiters, 0u);
  });
}

TEST(Event, IsFollowedByTasksOfTwoLoopsAndThreadsInEachRound) {
  // A round: all wait for one Event, the last who comes out sets the next.
  constexpr int kStrands = 6;
  const int n = rounds(2000);
  std::vector<Event> events(static_cast<std::size_t>(n) + 1);
  std::vector<std::atomic<int>> passed(static_cast<std::size_t>(n) + 1);
  const auto pass = [&](int i) {
    if (++passed[static_cast<std::size_t>(i)] == kStrands) events[static_cast<std::size_t>(i) + 1].set();
  };
  const auto task = [&]() -> Task<> {
    for (int i = 0; i < n; ++i) {
      co_await events[static_cast<std::size_t>(i)].wait();
      pass(i);
    }
  };
  const auto loop = [&] { run([&]() -> Task<> { co_await gather(task(), task()); }); };
  const auto thread = [&] {
    for (int i = 0; i < n; ++i) {
      sync_wait(events[static_cast<std::size_t>(i)].wait());
      pass(i);
    }
  };
  std::thread strands[] = {std::thread(loop), std::thread(loop), std::thread(thread), std::thread(thread)};
  events[0].set();
  for (std::thread& t : strands) t.join();
  EXPECT_TRUE(events.back().is_set());
}

TEST(Event, MayBeDestroyedByTheOneItWoke) {
  for (int i = 0; i < rounds(3000); ++i) {
    auto event = std::make_unique<Event>();
    std::thread setter([e = event.get()] { e->set(); });
    sync_wait(event->wait());
    event.reset();
    setter.join();
  }
}

TEST(Event, RefusesToBlockALoopEvenWhenItIsSet) {
  Event event;
  event.set();
  run([&]() -> Task<> {
    EXPECT_THROW(sync_wait(event.wait()), std::logic_error);
    co_return;
  });
}

TEST(EventDeathTest, StopsTheProgramWhenItIsDestroyedWithWaitersAndCountsThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto event = std::make_unique<Event>();
                 std::string log;
                 Future<void> a = spawn(wait_and_log(*event, log, 'a')), b = spawn(wait_and_log(*event, log, 'b'));
                 co_await turns(2);
                 event.reset();
               }),
               "an Event was destroyed with 2 waiter");
}

}  // namespace
}  // namespace plait
