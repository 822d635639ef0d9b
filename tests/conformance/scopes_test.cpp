// SPDX-License-Identifier: BSL-1.0
//
// What the tests of asyncio, trio and anyio ask of task groups, nurseries and cancel scopes, asked of Plait. Each test
// names its number in README.md and its source.
#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::checkpoint_throws;
using test::errors_of;
using test::fail_after;
using test::fail_when_cancelled;
using test::forever;
using test::give;
using test::turns;

/// The texts of a group's errors, nested groups in brackets.
// 37. test_asyncio/test_taskgroups.py: test_taskgroup_15, test_error_and_cancel.
TEST(Scopes, AGroupThatFailsWhileItIsCancelledFromOutsideThrowsItsErrorAndTheCancelIsStillThere) {
  testing::run([]() -> Task<> {
    std::string log;
    const auto group = [&](TaskGroup& g) -> Task<> {
      g.spawn(fail_when_cancelled("child"));
      co_await forever();
    };
    Future<void> f = spawn([&]() -> Task<> {
      log = co_await errors_of(with_task_group(group));
      co_await yield_now();
      ADD_FAILURE();
    });
    co_await turns(3);
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
    EXPECT_EQ(log, "child;");
  });
}

// 38. test_asyncio/test_taskgroups.py: test_nested_groups_both_cancelled.
TEST(Scopes, AnInnerAndAnOuterGroupThatFailInOneTurnReportEachTheirOwn) {
  testing::run([]() -> Task<> {
    std::string inner_errors;
    const auto inner = [](TaskGroup& g) -> Task<> {
      g.spawn(fail_after(1s, "inner"));
      co_return;
    };
    const auto outer = [&](TaskGroup& g) -> Task<> {
      g.spawn(fail_after(1s, "outer"));
      inner_errors = co_await errors_of(with_task_group(inner));
      EXPECT_TRUE(co_await checkpoint_throws());  // the outer group is cancelled
    };
    EXPECT_EQ(co_await errors_of(with_task_group(outer)), "outer;");
    EXPECT_EQ(inner_errors, "inner;");
    EXPECT_FALSE(co_await checkpoint_throws());
  });
}

// 39. test_asyncio/test_taskgroups.py: test_taskgroup_19, test_taskgroup_context_manager_exit_raises.
TEST(Scopes, AnErrorOfTheBodyWhileAChildsErrorCancelsItIsInTheGroupToo) {
  testing::run([]() -> Task<> {
    const auto body = [](TaskGroup& g) -> Task<> {
      g.spawn(fail_after(1s, "child"));
      co_await fail_when_cancelled("body");
    };
    EXPECT_EQ(co_await errors_of(with_task_group(body)), "child;body;");
  });
}

// 40. test_asyncio/test_taskgroups.py: test_cancellation_does_not_leak_out_of_tg,
// test_cancels_task_if_created_during_creation. Nothing starts eagerly here: the child fails in its first turn.
TEST(Scopes, AChildThatFailsAtOnceCancelsSiblingsAndBodyAndNothingAfterTheGroup) {
  testing::run([]() -> Task<> {
    int cancelled = 0;
    const auto waits = [&]() -> Task<> {
      try {
        co_await forever();
      } catch (const Cancelled&) {
        ++cancelled;
        throw;
      }
    };
    const auto fails = []() -> Task<> {
      throw std::runtime_error("at once");
      co_return;
    };
    const auto body = [&](TaskGroup& g) -> Task<> {
      g.spawn(waits());
      g.spawn(fails());
      co_await waits();
    };
    EXPECT_THROW(co_await with_task_group(body), ExceptionGroup);
    EXPECT_EQ(cancelled, 2);
    EXPECT_FALSE(co_await checkpoint_throws());
    co_await sleep(1s);
  });
}

// 42. test_asyncio/test_runners.py: test_interrupt_wait, test_interrupt_cancelled_task. Whatever else was cancelled,
// and whatever the body made of it, KeyboardInterrupt comes out. The rest, in programs of their own: CtrlC.* of
// tests/io/signals_test.cpp.
TEST(Scopes, AnInterruptCancelsTheMainTaskWhichCleansUpAndComesOutOfRun) {
  std::signal(SIGINT, SIG_DFL);
  for (const bool cancelled_already : {false, true}) {
    bool cleaned = false;
    const auto main = [&]() -> Task<> {
      const auto clean = [&]() -> Task<> {
        co_await sleep(1ms);
        cleaned = true;
      };
      const auto body = [&]() -> Task<> {
        std::raise(SIGINT);
        co_await forever();
      };
      CancelScope scope;
      if (cancelled_already) scope.cancel();
      const auto inside = [&]() -> Task<> { co_await finally(body, clean); };
      static_cast<void>(co_await scope.run(inside));
    };
    EXPECT_THROW(run(main), KeyboardInterrupt);
    EXPECT_TRUE(cleaned);
  }
}

// 45. trio _core/_tests/test_run.py: test_cancel_edge_cases.
TEST(Scopes, EveryCheckpointThrowsAgainAfterACancel) {
  run([]() -> Task<> {
    CancelScope scope;
    const auto body = [&]() -> Task<> {
      scope.cancel();
      scope.cancel();  // twice is once
      EXPECT_TRUE(co_await checkpoint_throws());
      EXPECT_TRUE(co_await checkpoint_throws());
      co_await yield_now();
    };
    EXPECT_FALSE(co_await scope.run(body));
    EXPECT_TRUE(scope.cancelled_caught());
  });
}

// 46. trio _core/_tests/test_run.py: test_cancel_shielding, test_cancel_shield_abort.
TEST(Scopes, AShieldHidesTheOuterCancelAndWhenItGoesASleeperWakesAtOnce) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    CancelScope outer, shielded({.shield = true});
    const auto sleeper = [&]() -> Task<> {
      co_await sleep(1000h);
      ADD_FAILURE();
    };
    const auto body = [&]() -> Task<> {
      Future<void> drops = spawn([&]() -> Task<> {
        outer.cancel();
        co_await turns(5);
        shielded.set_shield(false);
      });
      CancelScope inner;
      const auto own = [&]() -> Task<> {
        inner.cancel();
        EXPECT_TRUE(co_await checkpoint_throws());  // its own is not hidden
      };
      const auto protected_part = [&]() -> Task<> {
        EXPECT_TRUE(co_await inner.run(own));
        co_await sleeper();
      };
      static_cast<void>(co_await shielded.run(protected_part));
      ADD_FAILURE();
    };
    EXPECT_FALSE(co_await outer.run(body));
    EXPECT_FALSE(shielded.cancelled_caught());
    EXPECT_EQ(time.elapsed(), 0s);
  });
}

// 47. trio _core/_tests/test_run.py: test_cancel_scope_nesting.
TEST(Scopes, OfTwoCancelledScopesTheOuterCatchesAndOneLeftWithoutACheckpointDeliversNothing) {
  run([]() -> Task<> {
    for (const bool inner_first : {true, false}) {
      CancelScope outer, inner;
      const auto inside = [&]() -> Task<> {
        (inner_first ? inner : outer).cancel();
        (inner_first ? outer : inner).cancel();
        co_await yield_now();
      };
      const auto outside = [&]() -> Task<> { static_cast<void>(co_await inner.run(inside)); };
      EXPECT_FALSE(co_await outer.run(outside));
      EXPECT_TRUE(outer.cancelled_caught());
      EXPECT_FALSE(inner.cancelled_caught());
    }
    CancelScope left;
    const auto no_checkpoint = [&]() -> Task<> {
      left.cancel();
      co_return;
    };
    EXPECT_TRUE(co_await left.run(no_checkpoint));
    EXPECT_FALSE(left.cancelled_caught());
    EXPECT_FALSE(co_await checkpoint_throws());
  });
}

// 48. trio _core/_tests/test_run.py: test_slow_abort_edge_cases.
TEST(Scopes, AnOperationThatCannotStopAtOnceIsAskedOnceAndItsAnswerComesThroughAShield) {
  run([]() -> Task<> {
    CancelScope outer, inner;
    int asked = 0;
    std::optional<Callback<int>> answer;
    const auto start = [&](Callback<int> done) {
      answer.emplace(std::move(done));
      return std::function<void()>([&] { ++asked; });
    };
    const auto slow = [&]() -> Task<> { co_await from_callback<int>(start); };
    const auto body = [&]() -> Task<> { static_cast<void>(co_await inner.run(slow)); };
    Future<void> cancels = spawn([&]() -> Task<> {
      co_await turns(2);
      inner.cancel();
      outer.cancel();
      inner.set_shield(true);
      EXPECT_EQ(asked, 1);
      answer->set_error(std::make_exception_ptr(Cancelled{}));
    });
    EXPECT_TRUE(co_await outer.run(body));  // the shielded inner scope is the one that catches
    EXPECT_TRUE(inner.cancelled_caught());
    EXPECT_EQ(asked, 1);
    co_await cancels;
  });
}

/// A server in a group that says when it is ready: trio's `nursery.start` is a Promise here.
Task<> serve(Promise<int> ready, std::function<Task<>()> before, bool says_so) {
  co_await before();
  if (says_so) {
    ready.set_value(80);
    co_await forever();
  }
}

// 49. trio _core/_tests/test_run.py: test_nursery_start, test_nursery_start_keeps_nursery_open.
TEST(Scopes, AChildThatIsStartedSaysItsValueOrThatItNeverWill) {
  testing::run([]() -> Task<> {
    const auto nothing = []() -> Task<> { co_await sleep(1s); };
    const auto crash = []() -> Task<> { co_await fail_after(1s, "before it started"); };
    const auto started = [](TaskGroup& g, std::function<Task<>()> before, bool says_so) {
      Promise<int> ready;
      Future<int> is_ready = ready.future();
      g.spawn(serve(std::move(ready), std::move(before), says_so));
      return is_ready;
    };
    const auto value = [&](TaskGroup& g) -> Task<int> {
      const int port = co_await started(g, nothing, true);
      EXPECT_EQ(g.size(), 1u);  // it goes on
      g.cancel();
      co_return port;
    };
    EXPECT_EQ(co_await with_task_group(value), 80);
    const auto crashes = [&](TaskGroup& g) -> Task<> {
      Future<int> never = started(g, crash, true);
      co_await never;
    };
    EXPECT_NE((co_await errors_of(with_task_group(crashes))).find("before it started"), std::string::npos);
    const auto returns = [&](TaskGroup& g) -> Task<> {
      Future<int> never = started(g, nothing, false);
      EXPECT_THROW(co_await never, std::logic_error);  // broken promise
    };
    co_await with_task_group(returns);
    const auto is_cancelled = [&](TaskGroup& g) -> Task<> {
      Future<int> never = started(g, &forever, true);
      EXPECT_THROW(co_await timeout(1s, never), TimeoutError);
      g.cancel();
      EXPECT_THROW(co_await shield(std::move(never)), std::logic_error);
    };
    co_await with_task_group(is_cancelled);
    const auto into_closed = [&](TaskGroup& g) -> Task<> {
      g.cancel();
      Future<int> never = started(g, nothing, true);
      EXPECT_THROW(co_await shield(std::move(never)), std::logic_error);
    };
    co_await with_task_group(into_closed);
  });
}

// 52. anyio tests/test_taskgroups.py: test_cancelled_raises_beyond_origin_unshielded, …_shielded.
TEST(Scopes, AnOuterCancelDuringUnwindingIsCaughtByTheOuterUnlessTheInnerIsAShield) {
  for (const bool shielded : {false, true}) {
    run([&]() -> Task<> {
      CancelScope outer, inner({.shield = shielded});
      bool between = false;
      const auto inside = [&]() -> Task<> {
        inner.cancel();
        try {
          co_await yield_now();
        } catch (const Cancelled&) {
          outer.cancel();
          throw;
        }
      };
      const auto outside = [&]() -> Task<> {
        static_cast<void>(co_await inner.run(inside));
        between = true;
        co_await yield_now();
        ADD_FAILURE();
      };
      EXPECT_FALSE(co_await outer.run(outside));
      EXPECT_EQ(inner.cancelled_caught(), shielded);
      EXPECT_EQ(between, shielded);
      EXPECT_TRUE(outer.cancelled_caught());
    });
  }
}

}  // namespace
}  // namespace plait
