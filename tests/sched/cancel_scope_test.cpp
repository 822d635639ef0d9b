// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/cancel_scope.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::checkpoint_throws;
using test::forever;
using test::give;
using test::turns;

TEST(CancelScope, GivesTheValueOfItsBody_WhenNobodyCancelsIt) {
  run([]() -> Task<> {
    CancelScope scope;
    const std::optional<int> n = co_await scope.run([]() -> Task<int> { co_return co_await give(5); });
    EXPECT_EQ(n, 5);
    EXPECT_FALSE(scope.cancel_called());
    EXPECT_FALSE(scope.cancelled_caught());
    CancelScope plain;
    EXPECT_TRUE(co_await plain.run([]() -> Task<> { co_await yield_now(); }));
  });
}

TEST(CancelScope, EndsItsBodyAndGoesOnAfterIt) {
  testing::run([]() -> Task<> {
    CancelScope scope;
    const bool done = co_await scope.run([&]() -> Task<> {
      scope.cancel("enough");
      co_await forever();
    });
    EXPECT_FALSE(done);
    EXPECT_TRUE(scope.cancel_called());
    EXPECT_TRUE(scope.cancelled_caught());
    EXPECT_EQ(scope.reason(), "enough");
    co_await yield_now();  // nothing leaks out of it
  });
}

TEST(CancelScope, ThrowsAtEveryCheckpointUntilItIsLeft) {  // level-triggered
  run([]() -> Task<> {
    CancelScope scope;
    const auto swallowing = [&]() -> Task<> {
      EXPECT_FALSE(co_await checkpoint_throws());
      scope.cancel();
      for (int i = 0; i < 3; ++i) EXPECT_TRUE(co_await checkpoint_throws());
    };
    EXPECT_TRUE(co_await scope.run(swallowing));  // it came to its end
    EXPECT_TRUE(scope.cancel_called());
    EXPECT_FALSE(scope.cancelled_caught());
    EXPECT_FALSE(co_await checkpoint_throws());
  });
}

TEST(CancelScope, KeepsTheFirstReason) {
  CancelScope scope;
  EXPECT_EQ(scope.reason(), "");
  scope.cancel("first");
  scope.cancel("second");
  EXPECT_EQ(scope.reason(), "first");
}

TEST(CancelScope, CancelsABodyThatIsYetToRunAtItsFirstCheckpoint) {
  run([]() -> Task<> {
    CancelScope scope;
    scope.cancel();
    int reached = 0;
    const auto body = [&]() -> Task<> {
      ++reached;
      co_await yield_now();
      ++reached;
    };
    EXPECT_FALSE(co_await scope.run(body));
    EXPECT_EQ(reached, 1);
    EXPECT_TRUE(scope.cancelled_caught());
  });
}

TEST(CancelScope, IsCancelledByItsDeadline) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    CancelScope scope({.deadline = now() + 3s});
    EXPECT_FALSE(co_await scope.run(&forever));
    EXPECT_EQ(time.elapsed(), 3s);
    EXPECT_TRUE(scope.cancel_called() && scope.cancelled_caught());
    EXPECT_EQ(scope.reason(), "deadline");
  });
}

TEST(CancelScope, SaysDeadlineWhenThatCameBeforeACancel) {
  testing::run([]() -> Task<> {
    CancelScope scope({.deadline = now() + 3s});
    const auto body = [&]() -> Task<> {
      try {
        co_await forever();
      } catch (const Cancelled&) {
        scope.cancel("too late");
        scope.set_deadline(now() + 1h);  // what was called stays called
        throw;
      }
    };
    EXPECT_FALSE(co_await scope.run(body));
    EXPECT_TRUE(scope.cancel_called());
    EXPECT_EQ(scope.reason(), "deadline");
  });
}

TEST(CancelScope, IsNotCancelledByADeadlineThatPassesAfterItsEnd) {
  testing::run([]() -> Task<> {
    CancelScope scope({.deadline = now() + 3s});
    EXPECT_TRUE(co_await scope.run([]() -> Task<> { co_await yield_now(); }));
    co_await sleep(1h);
    EXPECT_FALSE(scope.cancel_called());
    EXPECT_EQ(scope.reason(), "");
  });
}

TEST(CancelScope, GoesByTheDeadlineThatWasSetLast) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    CancelScope scope;
    scope.set_deadline(now() + 1h);
    const auto body = [&]() -> Task<> {
      scope.set_deadline(now() + 5s);
      co_await sleep(4s);
      scope.set_deadline(now() + 5s);
      EXPECT_EQ(scope.deadline(), now() + 5s);
      co_await forever();
    };
    EXPECT_FALSE(co_await scope.run(body));
    EXPECT_EQ(time.elapsed(), 9s);
    CancelScope past({.deadline = now() - 1s});
    EXPECT_TRUE(past.cancel_called());
    EXPECT_FALSE(co_await past.run(&forever));
    EXPECT_EQ(time.elapsed(), 9s);
  });
}

TEST(CancelScope, HidesCancelsFromOutsideWhileItIsAShield) {
  run([]() -> Task<> {
    CancelScope outer, inner({.shield = true});
    bool through = false;
    const auto inside = [&]() -> Task<> {
      outer.cancel();
      co_await turns(3);
      through = true;
      inner.set_shield(false);
      EXPECT_TRUE(co_await checkpoint_throws());
      inner.set_shield(true);
      EXPECT_FALSE(co_await checkpoint_throws());
      inner.cancel();
      co_await yield_now();
    };
    const auto outside = [&]() -> Task<> {
      EXPECT_FALSE(co_await inner.run(inside));
      EXPECT_TRUE(inner.cancelled_caught());
      co_await yield_now();
      ADD_FAILURE() << "the outer scope is cancelled";
    };
    EXPECT_FALSE(co_await outer.run(outside));
    EXPECT_TRUE(through);
  });
}

TEST(CancelScope, LetsTheOuterOfTwoCancelledCatch) {
  run([]() -> Task<> {
    CancelScope outer, inner;
    const auto inside = [&]() -> Task<> {
      inner.cancel();
      outer.cancel();
      co_await yield_now();
    };
    const auto outside = [&]() -> Task<> {
      static_cast<void>(co_await inner.run(inside));
      ADD_FAILURE();
    };
    EXPECT_FALSE(co_await outer.run(outside));
    EXPECT_FALSE(inner.cancelled_caught());
    EXPECT_TRUE(outer.cancelled_caught());
  });
}

TEST(CancelScope, LetsAForeignExceptionPass) {
  run([]() -> Task<> {
    CancelScope scope;
    const auto body = [&]() -> Task<> {
      scope.cancel();
      co_await test::fail_when_cancelled("in the clean-up");
    };
    EXPECT_THROW(static_cast<void>(co_await scope.run(body)), std::runtime_error);
    EXPECT_TRUE(scope.cancel_called());
    EXPECT_FALSE(scope.cancelled_caught());
  });
}

TEST(CancelScope, ReturnsAValueThatWasComputedAlthoughItIsCancelled) {
  run([]() -> Task<> {
    CancelScope scope;
    const auto body = [&]() -> Task<int> {
      co_await yield_now();
      scope.cancel();
      co_return 7;
    };
    EXPECT_EQ(co_await scope.run(body), 7);
    EXPECT_FALSE(scope.cancelled_caught());
  });
}

TEST(CancelScope, RunsOnlyOnce) {
  run([]() -> Task<> {
    CancelScope scope;
    EXPECT_TRUE(co_await scope.run([]() -> Task<> { co_await yield_now(); }));
    EXPECT_THROW(static_cast<void>(co_await scope.run([]() -> Task<> { co_return; })), std::logic_error);
    CancelScope nested;
    const auto again = [&]() -> Task<> {
      EXPECT_THROW(static_cast<void>(co_await nested.run([]() -> Task<> { co_return; })), std::logic_error);
      nested.cancel();  // the first run still has it
      co_await yield_now();
    };
    EXPECT_FALSE(co_await nested.run(again));
  });
}

TEST(CancelScope, IsCancelledFromAnotherThreadWhileItWaits) {
  for (int round = 0; round < test::rounds(300); ++round) {
    CancelScope scope;
    std::thread canceller([&] {
      if (round % 3) std::this_thread::yield();
      scope.cancel("from outside");
    });
    run([&]() -> Task<> { EXPECT_FALSE(co_await scope.run(&forever)); });
    canceller.join();
    EXPECT_TRUE(scope.cancelled_caught());
    EXPECT_EQ(scope.reason(), "from outside");
  }
}

TEST(CancelScope, MayBeCancelledFromAnotherThreadAtItsEnd) {
  for (int round = 0; round < test::rounds(1000); ++round) {
    auto scope = std::make_unique<CancelScope>();
    std::thread canceller([&] { scope->cancel(); });
    run([&]() -> Task<> {
      static_cast<void>(co_await scope->run([&]() -> Task<> { co_await turns(round % 20); }));
      co_await yield_now();
    });
    canceller.join();
    EXPECT_TRUE(scope->cancel_called());
  }
}

TEST(CancelScope, IsCancelledFromATaskOfAnotherLoop) {
  for (int round = 0; round < test::rounds(200); ++round) {
    CancelScope scope;
    std::thread other([&] {
      run([&]() -> Task<> {
        co_await turns(round % 5);
        scope.cancel();
      });
    });
    run([&]() -> Task<> { EXPECT_FALSE(co_await scope.run(&forever)); });
    other.join();
  }
}

TEST(CancelScope, RefusesItsDeadlineAndShieldToOtherThreadsWhileItRuns) {
  run([]() -> Task<> {
    CancelScope scope;
    const auto body = [&]() -> Task<> {
      std::thread stranger([&] {
        EXPECT_THROW(scope.set_deadline(now()), std::logic_error);
        EXPECT_THROW(scope.set_shield(true), std::logic_error);
        static_cast<void>(scope.deadline());
        EXPECT_FALSE(scope.cancel_called());
      });
      stranger.join();
      co_return;
    };
    EXPECT_TRUE(co_await scope.run(body));
  });
}

TEST(CancelScope, RunsInAThread) {
  testing::VirtualTime time;
  CancelScope scope({.deadline = now() + 2s});
  EXPECT_FALSE(sync_wait(scope.run(&forever)));
  EXPECT_EQ(time.elapsed(), 2s);
}

TEST(CancelScope, KeepsItsBodyAliveAsLongAsItRuns) {
  run([]() -> Task<> {
    CancelScope scope;
    {
      const auto kept = std::make_shared<int>(3);
      const auto body = [kept]() -> Task<int> {
        co_await turns(2);
        co_return *kept;
      };
      auto running = scope.run(body);
      EXPECT_EQ(co_await std::move(running), 3);
    }
  });
}

TEST(CancelScope, IsLeftByEveryCancel) {
  int live = 0;
  testing::cancel_everywhere(
      [&]() -> Task<int> {
        CancelScope outer, inner({.deadline = now() + 1s, .shield = true});
        const auto inside = [&]() -> Task<int> {
          test::Live one(live);
          co_await sleep(2s);
          co_return 1;
        };
        const auto outside = [&]() -> Task<int> {
          test::Live one(live);
          co_await yield_now();
          const auto n = co_await inner.run(inside);
          EXPECT_FALSE(n);  // its deadline comes first, and nobody cancels it from outside
          co_await sleep(1s);
          co_return 2;
        };
        co_return (co_await outer.run(outside)).value_or(0);
      },
      [&](const testing::CancelPoint& point) { EXPECT_EQ(live, 0) << point.text(); });
}

TEST(CancelScopeDeathTest, StopsTheProgramWhenItIsDestroyedWhileItRuns) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto scope = std::make_unique<CancelScope>();
                 CancelScope& it = *scope;
                 static_cast<void>(co_await it.run([&]() -> Task<> {
                   scope.reset();
                   co_return;
                 }));
               }),
               "a CancelScope was destroyed while it runs; await its run");
}

}  // namespace
}  // namespace plait
