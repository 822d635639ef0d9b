// SPDX-License-Identifier: BSL-1.0
//
// What the tests of asyncio and trio ask of timeouts and of the virtual clock, asked of Plait. Each test names its
// number in README.md and its source. Where asyncio suspends in a handler of its cancellation, Plait has a `finally`.
#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::checkpoint_throws;
using test::forever;
using test::turns;

// 28. test_asyncio/test_tasks.py: test_uncancel_structured_blocks.
TEST(Timeouts, TheCodeAfterATimeoutThatExpiredWaitsAsEver) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    EXPECT_THROW(co_await timeout(1s, forever()), TimeoutError);
    EXPECT_FALSE(co_await checkpoint_throws());
    co_await sleep(1s);
    EXPECT_EQ(time.elapsed(), 2s);
  });
}

// 34. test_asyncio/test_waitfor.py: test_wait_for_waits_for_task_cancellation.
TEST(Timeouts, TheErrorAppearsWhenTheCleanUpHasEnded) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    bool cleaned = false;
    const auto clean = [&]() -> Task<> {
      co_await sleep(2s);
      cleaned = true;
    };
    EXPECT_THROW(co_await timeout(1s, finally(&forever, clean)), TimeoutError);
    EXPECT_TRUE(cleaned);
    EXPECT_EQ(time.elapsed(), 3s);
  });
}

// 34. test_asyncio/test_waitfor.py: test_wait_for_timeout_less_then_0_or_0_coroutine_do_not_started. No operation
// happens; a coroutine, which runs like a called function, comes as far as its first operation.
TEST(Timeouts, OfZeroOrLessStartNoOperation) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    for (const Duration span : {Duration(0s), Duration(-1s)}) {
      Semaphore permits(1);
      int steps = 0;
      const auto work = [&]() -> Task<> {
        ++steps;
        co_await permits.acquire();
        ++steps;
      };
      EXPECT_THROW(co_await timeout(span, work()), TimeoutError);
      EXPECT_EQ(steps, 1);
      EXPECT_EQ(permits.value(), 1);
      EXPECT_THROW(co_await timeout(span, permits.acquire()), TimeoutError);
      EXPECT_EQ(permits.value(), 1);
    }
    EXPECT_EQ(time.elapsed(), 0s);
  });
}

// 34. test_asyncio/test_waitfor.py: test_wait_for_cancel_suppressed.
TEST(Timeouts, GiveAValueThatCameDespiteTheCancellation) {
  testing::run([]() -> Task<> {
    const auto suppresses = []() -> Task<int> {
      try {
        co_await forever();
      } catch (const Cancelled&) {
      }
      co_return 42;
    };
    EXPECT_EQ(co_await timeout(1s, suppresses()), 42);
  });
}

// 35. test_asyncio/test_timeouts.py: test_nested_timeouts, test_nested_timeouts_loop_busy.
TEST(Timeouts, OfTwoThatExpireAtOnceOnlyTheOuterReports) {
  testing::run([]() -> Task<> {
    for (const Duration until : {Duration(1s), Duration(-1s)}) {  // while it waits; before it waits at all
      const TimePoint deadline = now() + until;
      bool inner = false;
      const auto inside = [&]() -> Task<> {
        try {
          co_await timeout_at(deadline, forever());
        } catch (const TimeoutError&) {
          inner = true;
        }
      };
      EXPECT_THROW(co_await timeout_at(deadline, inside()), TimeoutError);
      EXPECT_FALSE(inner);
    }
  });
}

// 35. test_asyncio/test_timeouts.py: test_nested_timeouts.
TEST(Timeouts, TheOuterStillInterruptsWhatComesAfterTheInner) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    bool inner = false;
    const auto inside = [&]() -> Task<> {
      try {
        co_await timeout(1s, forever());
      } catch (const TimeoutError&) {
        inner = true;
      }
      co_await forever();
    };
    EXPECT_THROW(co_await timeout(2s, inside()), TimeoutError);
    EXPECT_TRUE(inner);
    EXPECT_EQ(time.elapsed(), 2s);
  });
}

// 36. test_asyncio/test_timeouts.py: test_cancel_in_timeout_after_cancellation.
TEST(Timeouts, ACancelFromOutsideInAnUnexpiredTimeoutStaysACancel) {
  testing::run([]() -> Task<> {
    std::string log;
    Future<void> f;
    f = spawn([&]() -> Task<> {
      try {
        co_await forever();
      } catch (const Cancelled&) {
        log += "cancelled ";
      }
      try {
        co_await timeout(1h, forever());
      } catch (const TimeoutError&) {
        log += "timeout";
      }
    });
    co_await turns(2);
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
    EXPECT_EQ(log, "cancelled ");
  });
}

// 36. test_asyncio/test_timeouts.py: test_foreign_exception_on_timeout.
TEST(Timeouts, AnErrorThrownWhileUnwindingIsPassedThrough) {
  testing::run([]() -> Task<> {
    const auto crashes = []() -> Task<> {
      try {
        co_await forever();
      } catch (const Cancelled&) {
        throw std::out_of_range("crash");
      }
    };
    EXPECT_THROW(co_await timeout(1s, crashes()), std::out_of_range);
    EXPECT_FALSE(co_await checkpoint_throws());
  });
}

// 51. trio _core/_tests/test_mock_clock.py: test_mock_clock_autojump, test_mock_clock_autojump_interference.
TEST(Timeouts, VirtualTimeJumpsExactlyAndOnlyWhenAllWait) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    const TimePoint start = now();
    for (int i = 0; i < 10; ++i) {
      co_await sleep(45s);
      EXPECT_EQ(now() - start, 45s * (i + 1));
    }
    int checkpoints = 0;
    Future<void> busy = spawn([&]() -> Task<> {
      for (; checkpoints < 1000; ++checkpoints) co_await yield_now();
    });
    co_await sleep(1s);
    EXPECT_EQ(checkpoints, 1000);  // all others wait before time moves
  });
  EXPECT_EQ(time.elapsed(), 451s);
}

}  // namespace
}  // namespace plait
