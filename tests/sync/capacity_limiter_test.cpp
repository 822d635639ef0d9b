// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/capacity_limiter.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <memory>
#include <optional>
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

/// Borrows a token until `stop`.
Task<> borrow(CapacityLimiter& limiter, std::string& log, char mark, const bool& stop) {
  auto guard = co_await limiter.guard();
  log.push_back(mark);
  while (!stop) co_await yield_now();
}

TEST(CapacityLimiter, LendsOneTokenToEachStrand) {
  CapacityLimiter limiter(2);
  EXPECT_TRUE(limiter.try_acquire());
  EXPECT_THROW((void)limiter.try_acquire(), std::logic_error);
  EXPECT_THROW(sync_wait(limiter.acquire()), std::logic_error);
  EXPECT_EQ(limiter.borrowed_tokens(), 1u);
  EXPECT_EQ(limiter.available_tokens(), 1u);
  testing::run([&]() -> Task<> {
    auto guard = co_await limiter.guard();  // another strand, though the same thread
    EXPECT_THROW(co_await limiter.acquire(), std::logic_error);
    EXPECT_EQ(limiter.available_tokens(), 0u);
  });
  limiter.release();
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

TEST(CapacityLimiter, RefusesATokenBackFromAStranger) {
  CapacityLimiter limiter(1);
  EXPECT_THROW(limiter.release(), std::logic_error);
  EXPECT_TRUE(limiter.try_acquire());
  testing::run([&]() -> Task<> {
    EXPECT_THROW(limiter.release(), std::logic_error);
    co_return;
  });
  std::thread([&] { EXPECT_THROW(limiter.release(), std::logic_error); }).join();
  limiter.release();
}

TEST(CapacityLimiter, GetsItsTokenBackFromAGuardThatDiesElsewhere) {
  CapacityLimiter limiter(1);
  testing::run([&]() -> Task<> {
    using Guard = CapacityLimiter::Guard;
    std::optional<Guard> kept;
    co_await spawn([&]() -> Task<> { kept.emplace(co_await limiter.guard()); });
    EXPECT_EQ(limiter.borrowed_tokens(), 1u);
    kept.reset();
    EXPECT_EQ(limiter.borrowed_tokens(), 0u);
  });
}

TEST(CapacityLimiter, LendsToANewStrandWhileGuardsOfEndedOnesLive) {  // which may have its address
  CapacityLimiter limiter(9);
  testing::run([&]() -> Task<> {
    using Guard = CapacityLimiter::Guard;
    std::vector<Guard> kept;
    for (std::size_t i = 1; i < 9; ++i) {
      if (i % 2 == 0) {
        auto [guard] = co_await gather(limiter.guard());
        kept.push_back(std::move(guard));
      } else {
        const auto borrow = [&]() -> Task<Guard> { co_return co_await limiter.guard(); };
        kept.push_back(co_await spawn(borrow));
      }
      EXPECT_EQ(limiter.borrowed_tokens(), i);
    }
    kept.clear();
    EXPECT_EQ(limiter.borrowed_tokens(), 0u);
  });
}

TEST(CapacityLimiter, RefusesMoreTokensThanCanBeListed) {
  EXPECT_THROW(CapacityLimiter{std::numeric_limits<std::size_t>::max()}, std::logic_error);
  CapacityLimiter limiter(0);
  EXPECT_FALSE(limiter.try_acquire());
}

TEST(CapacityLimiter, HandsATokenToTheFirstWaiterWhenItIsGivenBack) {
  std::string log;
  bool stop = false;
  testing::run([&]() -> Task<> {
    CapacityLimiter limiter(1);
    co_await limiter.acquire();
    Future<void> a = spawn(borrow(limiter, log, 'a', stop)), b = spawn(borrow(limiter, log, 'b', stop));
    co_await turns(2);
    EXPECT_EQ(limiter.statistics().waiters, 2u);
    limiter.release();
    EXPECT_FALSE(limiter.try_acquire());
    EXPECT_EQ(limiter.borrowed_tokens(), 1u);
    co_await turns(2);
    EXPECT_EQ(log, "a");
    stop = true;
    co_await a;
    co_await b;
  });
  EXPECT_EQ(log, "ab");
}

TEST(CapacityLimiter, WakesAsManyAsThereAreTokensMore) {
  std::string log;
  bool stop = false;
  testing::run([&]() -> Task<> {
    CapacityLimiter limiter(0);
    std::vector<Future<void>> all;
    for (int i = 0; i < 100; ++i) all.push_back(spawn(borrow(limiter, log, 'x', stop)));
    co_await turns(2);
    for (const std::size_t total : {1u, 3u, 70u}) {
      limiter.total_tokens(total);
      EXPECT_EQ(limiter.borrowed_tokens(), total);
      co_await turns(2);
      EXPECT_EQ(log.size(), total);
    }
    limiter.total_tokens(2);
    EXPECT_EQ(limiter.available_tokens(), 0u);
    EXPECT_EQ(limiter.borrowed_tokens(), 70u);
    stop = true;
    for (Future<void>& f : all) co_await f;
    EXPECT_EQ(limiter.available_tokens(), 2u);
  });
  EXPECT_EQ(log.size(), 100u);
}

TEST(CapacityLimiter, PassesATokenOnWhenTheChosenWaiterIsCancelledBeforeItRuns) {  // [W10]
  std::string log;
  const bool stop = true;
  testing::run([&]() -> Task<> {
    CapacityLimiter limiter(1);
    co_await limiter.acquire();
    Future<void> a = spawn(borrow(limiter, log, 'a', stop)), b = spawn(borrow(limiter, log, 'b', stop));
    co_await turns(2);
    limiter.release();
    a.cancel();
    co_await b;
    co_await turns(1);
    EXPECT_TRUE(a.done());
    EXPECT_EQ(limiter.borrowed_tokens(), 0u);
  });
  EXPECT_EQ(log, "b");
}

TEST(CapacityLimiter, LosesNoTokenWhereverATaskIsCancelled) {
  CapacityLimiter limiter(1);
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        Future<void> other = spawn([&]() -> Task<> {
          auto guard = co_await limiter.guard();
          co_await turns(2);
        });
        co_await turns(1);
        {
          auto guard = co_await limiter.guard();
          co_await turns(1);
        }
        co_await limiter.acquire();
        limiter.release();
        co_await other;
      },
      [&](const testing::CancelPoint&) { EXPECT_EQ(limiter.statistics().borrowed_tokens, 0u); });
  EXPECT_GT(runs, 10);
}

TEST(CapacityLimiter, IsLeftByACancelledThread) {
  CapacityLimiter limiter(0);
  run([&]() -> Task<> {
    Future<void> thread = spawn_thread([&] { sync_wait(limiter.acquire()); });
    while (limiter.statistics().waiters == 0) co_await sleep(0s);
    thread.cancel();
    EXPECT_THROW(co_await thread, Cancelled);
  });
  limiter.total_tokens(1);
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

TEST(CapacityLimiter, LetsInNoMoreThanItsTokensAmongTasksOfTwoLoopsAndThreads) {
  const int n = rounds(3000);
  CapacityLimiter limiter(2);
  std::atomic<int> inside{0};
  std::atomic<long> entries{0};
  const auto enter = [&] {
    EXPECT_LE(++inside, 3);
    ++entries;
    --inside;
  };
  const auto task = [&](unsigned seed) -> Task<> {
    std::mt19937 random(seed);
    for (int i = 0; i < n; ++i) {
      auto guard = co_await limiter.guard();
      if (random() % 8 == 0) co_await yield_now();
      if (random() % 64 == 0) limiter.total_tokens(1 + random() % 3);
      enter();
    }
  };
  const auto loop = [&](unsigned seed) { run([&]() -> Task<> { co_await gather(task(seed), task(seed + 1)); }); };
  const auto thread = [&] {
    for (int i = 0; i < n; ++i) {
      auto guard = sync_wait(limiter.guard());
      enter();
    }
  };
  std::thread strands[] = {std::thread(loop, 1), std::thread(loop, 3), std::thread(thread), std::thread(thread)};
  for (std::thread& t : strands) t.join();
  EXPECT_EQ(entries, 6L * n);
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

TEST(CapacityLimiter, RefusesToBlockALoopEvenWhenATokenIsFree) {
  CapacityLimiter limiter(1);
  run([&]() -> Task<> {
    EXPECT_THROW(sync_wait(limiter.acquire()), std::logic_error);
    co_return;
  });
}

TEST(CapacityLimiterDeathTest, StopsTheProgramWhenItIsDestroyedWithWaitersAndCountsThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto limiter = std::make_unique<CapacityLimiter>(0);
                 std::string log;
                 const bool stop = true;
                 Future<void> a = spawn(borrow(*limiter, log, 'a', stop)), b = spawn(borrow(*limiter, log, 'b', stop));
                 co_await turns(2);
                 limiter.reset();
               }),
               "a CapacityLimiter was destroyed with 2 waiter");
}

}  // namespace
}  // namespace plait
