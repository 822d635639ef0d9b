// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/timeout.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::forever;
using test::give;
using test::give_after;
using test::turns;

TEST(Timeout, GivesWhatItGoesRound) {
  run([]() -> Task<> {
    EXPECT_EQ(co_await timeout(1h, give(3)), 3);
    co_await timeout(1h, sleep(1us));
    Lock lock;
    {
      auto guard = co_await timeout(1h, lock.guard());
      EXPECT_TRUE(lock.locked());
    }
    Future<int> future = spawn(give(4));
    EXPECT_EQ(co_await timeout(1h, future), 4);
    EXPECT_EQ(co_await timeout_at(now() + 1h, std::move(future)), 4);
    const auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
    EXPECT_EQ(*co_await timeout(1h, make()), 5);
    EXPECT_EQ(**co_await move_on_after(1h, make()), 5);
    EXPECT_TRUE(co_await move_on_after(1h, sleep(1us)));
  });
}

TEST(Timeout, ThrowsWhenItsSpanHasPassed) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    EXPECT_THROW(co_await timeout(3s, forever()), TimeoutError);
    EXPECT_EQ(time.elapsed(), 3s);
    EXPECT_THROW(co_await timeout_at(now() + 2s, forever()), TimeoutError);
    EXPECT_EQ(time.elapsed(), 5s);
    co_await yield_now();  // what is after it goes on
  });
}

TEST(Timeout, BeginsWhenItIsAwaited) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    auto later = timeout(3s, give_after(2s, 1));
    co_await sleep(10s);
    EXPECT_EQ(co_await std::move(later), 1);
  });
}

TEST(MoveOnAfter, GivesNothingWhenItsSpanHasPassed) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    EXPECT_FALSE(co_await move_on_after(3s, forever()));
    EXPECT_EQ(co_await move_on_after(3s, give_after(4s, 1)), std::nullopt);
    EXPECT_EQ(co_await move_on_at(now() + 5s, give_after(4s, 1)), 1);
    EXPECT_EQ(time.elapsed(), 10s);
  });
}

TEST(Timeout, OfZeroCancelsAtTheFirstCheckpoint) {
  run([]() -> Task<> {
    Semaphore permits(1);
    EXPECT_THROW(co_await timeout(0s, permits.acquire()), TimeoutError);
    EXPECT_THROW(co_await timeout(-1h, permits.acquire()), TimeoutError);
    EXPECT_EQ(permits.value(), 1);
    const auto no_checkpoint = []() -> Task<int> { co_return 2; };
    EXPECT_EQ(co_await timeout(0s, no_checkpoint()), 2);
    EXPECT_FALSE(co_await move_on_after(0s, permits.acquire()));
  });
}

TEST(Timeout, RefusesASpanThatIsNoNumber) {
  EXPECT_THROW(static_cast<void>(timeout(std::chrono::duration<double>(NAN), forever())), std::logic_error);
}

TEST(Timeout, GivesWayToACancelFromOutside) {
  testing::run([]() -> Task<> {
    Future<void> f = spawn([]() -> Task<> {
      try {
        co_await timeout(5s, forever());
      } catch (const TimeoutError&) {
        ADD_FAILURE() << "the cancel came from outside";
      }
    });
    co_await turns(3);
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
  });
}

TEST(Timeout, GivesWayToACancelFromOutsideAlsoWhenItHasExpired) {
  testing::run([]() -> Task<> {
    Future<void> f;
    f = spawn([&]() -> Task<> {
      const auto body = [&]() -> Task<> {
        try {
          co_await forever();
        } catch (const Cancelled&) {
          f.cancel();  // while it unwinds
          throw;
        }
      };
      co_await timeout(5s, body());
    });
    EXPECT_THROW(co_await f, Cancelled);
  });
}

TEST(Timeout, ReportsOnlyTheOuterOfTwoThatExpireAtOnce) {
  testing::run([]() -> Task<> {
    const TimePoint end = now() + 1s;
    bool inner_reported = false;
    const auto inside = [&]() -> Task<> {
      try {
        co_await timeout_at(end, forever());
      } catch (const TimeoutError&) {
        inner_reported = true;
        throw;
      }
    };
    EXPECT_THROW(co_await timeout_at(end, inside()), TimeoutError);
    EXPECT_FALSE(inner_reported);
  });
}

TEST(Timeout, LetsTheOuterInterruptWhatComesAfterTheInner) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    bool inner = false;
    const auto body = [&]() -> Task<> {
      inner = !co_await move_on_after(1s, forever());
      co_await forever();
    };
    EXPECT_THROW(co_await timeout(3s, body()), TimeoutError);
    EXPECT_TRUE(inner);
    EXPECT_EQ(time.elapsed(), 3s);
  });
}

TEST(Timeout, ReturnsAValueThatWasComputedAlthoughTheDeadlineHasPassed) {
  testing::run([]() -> Task<> {
    const auto swallows = []() -> Task<int> {
      try {
        co_await forever();
      } catch (const Cancelled&) {
      }
      co_return 6;
    };
    EXPECT_EQ(co_await timeout(1s, swallows()), 6);
    EXPECT_EQ(co_await move_on_after(1s, swallows()), 6);
    co_await yield_now();
  });
}

TEST(Timeout, LetsAForeignExceptionPass) {
  testing::run([]() -> Task<> {
    EXPECT_THROW(co_await timeout(1s, test::fail_when_cancelled("clean-up")), std::runtime_error);
    try {
      co_await move_on_after(1s, test::fail_when_cancelled("clean-up"));
      ADD_FAILURE();
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "clean-up");
    }
  });
}

TEST(Timeout, LetsACancelledOfAnotherStrandPass) {
  run([]() -> Task<> {
    Future<void> f = spawn(forever());
    f.cancel();
    EXPECT_THROW(co_await timeout(1h, f), Cancelled);
  });
}

TEST(Timeout, WaitsForTheCleanUpOfWhatItCancelled) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    const auto clean = []() -> Task<> { co_await sleep(2s); };
    EXPECT_THROW(co_await timeout(1s, finally(&forever, clean)), TimeoutError);
    EXPECT_EQ(time.elapsed(), 3s);
  });
}

TEST(Timeout, EndsAGroupWhoseBodyHasEnded) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    const auto body = [](TaskGroup& group) -> Task<> {
      group.spawn(forever());
      co_return;
    };
    EXPECT_THROW(co_await timeout(1s, with_task_group(body)), TimeoutError);
    EXPECT_EQ(time.elapsed(), 1s);
  });
}

TEST(Timeout, GoesRoundAnythingInAThread) {
  testing::VirtualTime time;
  EXPECT_EQ(sync_wait(timeout(1s, give(3))), 3);
  EXPECT_THROW(sync_wait(timeout(1s, forever())), TimeoutError);
  Lock lock;
  ASSERT_TRUE(lock.try_lock());
  EXPECT_THROW(sync_wait(timeout(2s, lock.acquire())), TimeoutError);
  EXPECT_FALSE(sync_wait(move_on_after(3s, lock.acquire())));
  EXPECT_EQ(time.elapsed(), 6s);
  lock.unlock();
  sync_wait(timeout(2s, lock.acquire()));
  lock.unlock();
}

TEST(Timeout, ResolvesEachOfTenThousandExactlyOnce_WhenDeadlineAndCompletionComeTogether) {
  constexpr int kMany = 10'000;
  for (const std::uint64_t seed : {0, 1, 2}) {
    int completed = 0, expired = 0, taken = 0;
    const auto all = [&]() -> Task<> {
      Semaphore permits(0);
      const TimePoint together = now() + 1s;
      const auto wait_for_one = [&]() -> Task<> {
        try {
          co_await timeout_at(together, permits.acquire());
          ++completed;
        } catch (const TimeoutError&) {
          ++expired;
        }
      };
      const auto complete_one = [&]() -> Task<> {
        co_await sleep_until(together);
        permits.release();
      };
      std::vector<Task<>> tasks;
      for (int i = 0; i < kMany; ++i) {
        tasks.push_back(wait_for_one());
        if (i % 2) tasks.push_back(complete_one());
        if (i % 2) tasks.push_back(complete_one());
      }
      co_await gather(std::move(tasks));
      EXPECT_EQ(permits.statistics().waiters, 0u);
      taken = kMany - static_cast<int>(permits.value());
    };
    testing::run(all, {.seed = seed});
    EXPECT_EQ(completed + expired, kMany);
    EXPECT_EQ(completed, taken);  // a permit is with whoever completed, or was given back
  }
}

TEST(Timeout, ResolvesEachOfTenThousandSleepsExactlyOnce_WhenDeadlineAndEndCome) {
  constexpr int kMany = 10'000;
  int completed = 0, expired = 0;
  testing::run([&]() -> Task<> {
    const auto one = [&](int i) -> Task<> {
      // A third each: the deadline first, the end first, both at once.
      (co_await move_on_after(std::chrono::milliseconds(10), sleep(std::chrono::milliseconds(9 + i % 3))) ? completed
                                                                                                          : expired)++;
    };
    std::vector<Task<>> tasks;
    for (int i = 0; i < kMany; ++i) tasks.push_back(one(i));
    co_await gather(std::move(tasks));
  });
  EXPECT_EQ(completed + expired, kMany);
  EXPECT_GE(completed, kMany / 3);
  EXPECT_GE(expired, kMany / 3);
}

TEST(Timeout, LosesNothingWhereverItIsCancelled) {
  std::optional<Semaphore> permits;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        permits.emplace(1);
        const auto user = [&](Duration limit) -> Task<> {
          const auto guard = co_await move_on_after(limit, permits->guard());
          if (guard) co_await sleep(1s);
        };
        co_await gather(user(1s), user(1s), user(2s), user(3s));
      },
      [&](const testing::CancelPoint& point) {
        EXPECT_EQ(permits->value(), 1) << point.text();
        EXPECT_EQ(permits->statistics().waiters, 0u) << point.text();
      });
}

}  // namespace
}  // namespace plait
