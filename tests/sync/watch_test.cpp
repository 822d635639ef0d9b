// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/watch.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"

namespace plait {
namespace {

TEST(Watch, GivesTheLatestValue) {
  Watch<std::string> watch("a");
  const auto first = watch.get();
  watch.set("b");
  EXPECT_EQ(*first, "a");  // as long as it is held
  EXPECT_EQ(*watch.get(), "b");
}

TEST(Watch, WakesWhoWaitsForAChangeOnceHoweverManyThereWere) {
  Watch<int> watch(0);
  auto observer = watch.observe();
  int changes = 0;
  run([&]() -> Task<> {
    auto f = spawn([&]() -> Task<> {
      while (co_await observer.changed()) ++changes;
    });
    co_await yield_now();
    EXPECT_EQ(watch.waiting(), 1u);
    watch.set(1);
    watch.set(2);
    co_await yield_now();
    EXPECT_EQ(changes, 1);
    watch.set(3);
    watch.shutdown();
    co_await f;
    EXPECT_THROW(watch.set(4), QueueShutDown);
  });
  EXPECT_EQ(changes, 2);
  EXPECT_EQ(*watch.get(), 3);
}

TEST(Watch, CountsAGetAsALook) {
  Watch<int> watch(0);
  auto observer = watch.observe();
  watch.set(1);
  EXPECT_EQ(*observer.get(), 1);
  watch.shutdown();
  EXPECT_FALSE(sync_wait(observer.changed()));
}

TEST(Watch, KeepsAChangeToBeSeenWhereverItsObserverIsCancelled) {
  std::unique_ptr<Watch<int>> watch;
  std::optional<Watch<int>::Observer> observer;
  int seen = 0;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        observer.reset();
        watch = std::make_unique<Watch<int>>(0);
        observer = watch->observe();
        seen = 0;
        auto f = spawn([&]() -> Task<> {
          co_await yield_now();
          watch->set(1);
        });
        if (co_await observer->changed()) ++seen;
        co_await f;
      },
      [&](const testing::CancelPoint& point) {
        const bool set = *watch->get() == 1;
        watch->shutdown();
        if (sync_wait(observer->changed())) ++seen;
        EXPECT_EQ(seen, set ? 1 : 0) << point.text();
      });
}

TEST(Watch, ShowsTheLastValueToTasksOfTwoLoopsAndThreads) {
  const int n = test::rounds(5000);
  Watch<int> watch(0);
  const auto in_loop = [&] {
    auto observer = watch.observe();
    run([&]() -> Task<> {
      int last = *observer.get();
      while (last != n) {
        co_await observer.changed();
        const int now = *observer.get();
        EXPECT_LE(last, now);
        last = now;
      }
    });
  };
  const auto in_thread = [&] {
    auto observer = watch.observe();
    while (*observer.get() != n) sync_wait(observer.changed());
  };
  std::thread strands[] = {std::thread(in_loop), std::thread(in_loop), std::thread(in_thread), std::thread(in_thread)};
  for (int i = 1; i <= n; ++i) watch.set(i);
  for (std::thread& t : strands) t.join();
}

TEST(WatchDeathTest, StopsTheProgramWhenItIsDestroyedWithWaiters) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto watch = std::make_unique<Watch<int>>(1);
                 auto observer = watch->observe();
                 auto f = spawn([&]() -> Task<> { co_await observer.changed(); });
                 co_await yield_now();
                 watch.reset();
               }),
               "a Watch was destroyed with 1 waiter");
}

}  // namespace
}  // namespace plait
