// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/finally.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::checkpoint_throws;
using test::forever;
using test::give;
using test::turns;

Task<> nothing() { co_return; }
Task<int> five() { return give(5); }
Task<> fails() {
  co_await yield_now();
  throw std::runtime_error("body");
}
Task<> cleanup_fails() {
  co_await yield_now();
  throw std::runtime_error("clean-up");
}

TEST(Finally, RunsItsCleanUpAfterTheBodyAndGivesTheBodysValue) {
  run([]() -> Task<> {
    std::string log;
    const auto body = [&]() -> Task<int> {
      co_await yield_now();
      log += "body ";
      co_return 4;
    };
    const auto clean = [&]() -> Task<> {
      co_await yield_now();
      log += "clean-up";
    };
    EXPECT_EQ(co_await finally(body, clean), 4);
    EXPECT_EQ(log, "body clean-up");
  });
}

TEST(Finally, RunsItsCleanUpAfterAnErrorAndThrowsThat) {
  run([]() -> Task<> {
    int cleaned = 0;
    const auto clean = [&]() -> Task<> {
      co_await yield_now();
      ++cleaned;
    };
    EXPECT_THROW(co_await finally(&fails, clean), std::runtime_error);
    EXPECT_EQ(cleaned, 1);
    const auto throws_int = []() -> Task<> {
      co_await yield_now();
      throw 5;
    };
    EXPECT_THROW(co_await finally(throws_int, clean), int);
    EXPECT_EQ(cleaned, 2);
  });
}

TEST(Finally, RunsItsCleanUpShieldedWhenItIsCancelled) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    bool cleaned = false, cancelled_after = false;
    const auto clean = [&]() -> Task<> {
      co_await sleep(5s);
      EXPECT_FALSE(co_await checkpoint_throws());
      cleaned = true;
    };
    Future<void> f = spawn([&]() -> Task<> {
      try {
        co_await finally(&forever, clean);
      } catch (const Cancelled&) {
        cancelled_after = true;
        throw;
      }
    });
    co_await sleep(1s);
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
    EXPECT_TRUE(cleaned && cancelled_after);
    EXPECT_EQ(time.elapsed(), 6s);
  });
}

TEST(Finally, RunsItsCleanUpAlsoInAScopeThatIsCancelledAlready) {
  run([]() -> Task<> {
    CancelScope scope;
    scope.cancel();
    int cleaned = 0;
    const auto clean = [&]() -> Task<> {
      co_await turns(2);
      ++cleaned;
    };
    const auto body = [&]() -> Task<> { co_await finally(&forever, clean); };
    EXPECT_FALSE(co_await scope.run(body));
    EXPECT_EQ(cleaned, 1);
  });
}

TEST(Finally, EndsACleanUpThatHangsAfterItsGrace) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    EXPECT_THROW(co_await finally(&nothing, &forever, 3s), TimeoutError);
    EXPECT_EQ(time.elapsed(), 3s);
    EXPECT_THROW(co_await finally(&nothing, &forever), TimeoutError);
    EXPECT_EQ(time.elapsed(), 3s + kCleanUpGrace);
  });
}

TEST(Finally, ThrowsBothErrorsAsAGroup) {
  run([]() -> Task<> {
    try {
      co_await finally(&fails, &cleanup_fails);
      ADD_FAILURE();
    } catch (const ExceptionGroup& group) {
      EXPECT_EQ(group.size(), 2u);
      EXPECT_NE(describe(group[0]).find("body"), std::string::npos);
      EXPECT_NE(describe(group[1]).find("clean-up"), std::string::npos);
    }
  });
}

TEST(Finally, ThrowsTheErrorOfTheCleanUpWhenTheBodyGaveAValueOrWasCancelled) {
  testing::run([]() -> Task<> {
    EXPECT_THROW(co_await finally(&five, &cleanup_fails), std::runtime_error);
    EXPECT_THROW(co_await timeout(1s, finally(&forever, &cleanup_fails)), std::runtime_error);
  });
}

TEST(Finally, PutsNoCancelledIntoAGroup) {
  run([]() -> Task<> {
    // The clean-up awaits a strand that was cancelled; the body's error is what counts.
    Future<void> cancelled = spawn(forever());
    cancelled.cancel();
    const auto clean = [&]() -> Task<> { co_await cancelled; };
    EXPECT_THROW(co_await finally(&fails, clean), std::runtime_error);
    EXPECT_THROW(co_await finally(&nothing, clean), Cancelled);
  });
}

TEST(Finally, KeepsBothCallablesAlive) {
  run([]() -> Task<> {
    const auto kept = std::make_shared<int>(6);
    int seen = 0;
    const auto body = [kept]() -> Task<int> {
      co_await yield_now();
      co_return *kept;
    };
    const auto clean = [kept, &seen]() -> Task<> {
      co_await yield_now();
      seen = *kept;
    };
    EXPECT_EQ(co_await finally(body, clean), 6);
    EXPECT_EQ(seen, 6);
    EXPECT_EQ(kept.use_count(), 3);  // here, and in the two lambdas above
  });
}

TEST(Finally, NestsAndRunsTheInnerFirst) {
  testing::run([]() -> Task<> {
    std::string log;
    const auto say = [&](char c) {
      return [&log, c]() -> Task<> {
        co_await sleep(1s);
        log += c;
      };
    };
    const auto first = say('a'), second = say('b');
    const auto inner = [&]() -> Task<> { co_await finally(&forever, first); };
    EXPECT_FALSE(co_await move_on_after(1s, finally(inner, second)));
    EXPECT_EQ(log, "ab");
  });
}

TEST(Finally, CleansUpOnceWhereverItIsCancelled) {
  int begun = 0, cleaned = 0;
  testing::cancel_everywhere(
      [&]() -> Task<int> {
        begun = cleaned = 0;
        co_await yield_now();
        const auto body = [&]() -> Task<int> {
          ++begun;
          co_await sleep(1s);
          co_await yield_now();
          co_return 1;
        };
        const auto clean = [&]() -> Task<> {
          co_await sleep(1s);
          co_await yield_now();
          ++cleaned;
        };
        co_return co_await finally(body, clean);
      },
      [&](const testing::CancelPoint& point) { EXPECT_EQ(begun, cleaned) << point.text(); });
}

}  // namespace
}  // namespace plait
