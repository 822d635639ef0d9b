// SPDX-License-Identifier: BSL-1.0
#include "plait/testing/cancel_everywhere.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "plait/plait.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using testing::cancel_everywhere;
using testing::CancelPoint;

TEST(CancelEverywhere, TriesEveryCheckpointTwiceAndEndsWithARunThatWasNotCancelled) {
  std::vector<std::string> points;
  int completed = 0;
  const int runs = cancel_everywhere(
      [&]() -> Task<> {
        co_await yield_now();
        co_await sleep(1h);
        ++completed;
      },
      [&](const CancelPoint& point) {
        if (point.cancelled) points.push_back(point.text());
      });
  EXPECT_EQ(points, (std::vector<std::string>{"checkpoint 1, before the operation", "checkpoint 1, while it waited",
                                              "checkpoint 2, before the operation", "checkpoint 2, while it waited"}));
  EXPECT_EQ(runs, 6);
  EXPECT_EQ(completed, 2);
}

TEST(CancelEverywhere, FindsAnUnsafeTaskAndNamesThePoint) {
  bool found = false;
  try {
    cancel_everywhere(
        [&]() -> Task<> {
          co_await yield_now();
          try {
            co_await sleep(1s);
          } catch (const Cancelled&) {
            throw std::runtime_error("clean-up failed");
          }
        },
        [](const CancelPoint&) {});
  } catch (const std::runtime_error& e) {
    found = std::string(e.what()).find("clean-up failed") != std::string::npos;
  }
  EXPECT_TRUE(found);
}

TEST(CancelEverywhere, LosesNoLock) {
  std::optional<Lock> lock;
  int inside = 0;
  cancel_everywhere(
      [&]() -> Task<> {
        lock.emplace();
        const auto user = [&]() -> Task<> {
          for (int i = 0; i < 2; ++i) {
            auto guard = co_await lock->guard();
            EXPECT_EQ(++inside, 1);
            struct Leave {
              int& n;
              ~Leave() { --n; }
            } leave{inside};
            co_await yield_now();
          }
        };
        co_await gather(user(), user(), user());
      },
      [&](const CancelPoint& point) {
        EXPECT_FALSE(lock->locked()) << point.text();
        EXPECT_EQ(inside, 0) << point.text();
      });
}

TEST(CancelEverywhere, LosesNoLockThatWasGrantedWithoutAGuard) {
  // Cancelled means that it did not happen: who catches Cancelled does not hold the lock.
  std::optional<Lock> lock;
  cancel_everywhere(
      [&]() -> Task<> {
        lock.emplace();
        const auto user = [&]() -> Task<> {
          co_await lock->acquire();
          lock->release();
        };
        co_await gather(user(), user(), user());
      },
      [&](const CancelPoint& point) { EXPECT_FALSE(lock->locked()) << point.text(); });
}

TEST(CancelEverywhere, LeavesAFutureAndItsStrandAlone) {
  int ended = 0;
  cancel_everywhere(
      [&]() -> Task<int> {
        ended = 0;
        Future<int> f = spawn([&]() -> Task<int> {
          co_await sleep(1s);
          ++ended;
          co_return 5;
        });
        co_return co_await f + co_await std::move(f);
      },
      [](const CancelPoint&) {});
  EXPECT_EQ(ended, 1);
}

TEST(CancelEverywhere, LeavesNoChildOfAGatherBehind) {
  int live = 0;
  cancel_everywhere(
      [&]() -> Task<int> {
        const auto child = [&](Duration span) -> Task<int> {
          struct Live {
            int& n;
            explicit Live(int& n) : n(n) { ++n; }
            ~Live() { --n; }
          } one(live);
          co_await sleep(span);
          co_await yield_now();
          co_return 1;
        };
        auto [a, b] = co_await gather(child(1s), child(2s));
        auto [c] = co_await gather(gather(child(1s), child(1s)));
        co_return a + b + std::get<0>(c);
      },
      [&](const CancelPoint& point) { EXPECT_EQ(live, 0) << point.text(); });
}

AsyncGenerator<int> numbers(int n, int& live) {
  struct Live {
    int& n;
    explicit Live(int& n) : n(n) { ++n; }
    ~Live() { --n; }
  } one(live);
  for (int i = 0; i < n; ++i) {
    co_await sleep(1s);
    co_yield i;
  }
}

TEST(CancelEverywhere, LeavesNoAsyncGeneratorBehind) {
  int live = 0;
  cancel_everywhere(
      [&]() -> Task<int> {
        auto generator = numbers(3, live);
        int sum = 0;
        while (auto i = co_await generator.next()) sum += *i;
        co_return sum;
      },
      [&](const CancelPoint& point) { EXPECT_EQ(live, 0) << point.text(); });
}

TEST(CancelEverywhere, AnswersEveryCallbackOnce) {
  int started = 0, stopped = 0, ended = 0;
  std::optional<Promise<int>> pending;
  cancel_everywhere(
      [&]() -> Task<int> {
        const auto start = [&](Callback<int> done) {
          ++started;
          pending.emplace(std::move(done));
          return std::function<void()>([&] {
            ++stopped;
            ++ended;
            pending->set_error(std::make_exception_ptr(Cancelled{}));
            pending.reset();
          });
        };
        const auto answer = [&]() -> Task<> {
          co_await sleep(1s);
          if (!pending) co_return;
          ++ended;
          pending->set_value(3);
          pending.reset();
        };
        auto answering = spawn(answer());
        co_return co_await from_callback<int>(start);
      },
      [&](const CancelPoint& point) {
        EXPECT_EQ(started, ended) << point.text();
        EXPECT_FALSE(pending) << point.text();
      });
  EXPECT_GT(stopped, 0);
}

}  // namespace
}  // namespace plait
