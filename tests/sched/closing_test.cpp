// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/closing.hpp"

#include <gtest/gtest.h>

#include <exception>
#include <string>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::forever;
using test::turns;

/// Yields 0, 1, 2, …; its clean-up takes a second.
AsyncGenerator<int> with_cleanup(std::string& log) {
  std::exception_ptr left;
  try {
    for (int i = 0;; ++i) co_yield i;
  } catch (...) {
    left = std::current_exception();
  }
  co_await sleep(1s);
  log += "cleaned ";
  std::rethrow_exception(left);
}

Task<int> second_value(AsyncGenerator<int>& g) {
  co_await g.next();
  co_return *co_await g.next();
}
Task<> fails(AsyncGenerator<int>& g) {
  co_await g.next();
  throw 5;
}
Task<> waits(AsyncGenerator<int>& g) {
  co_await g.next();
  co_await forever();
}

TEST(Closing, ClosesAfterTheBodyWhateverEndedIt) {
  testing::run([]() -> Task<> {
    std::string log;
    EXPECT_EQ(co_await closing(with_cleanup(log), &second_value), 1);
    EXPECT_EQ(log, "cleaned ");
    EXPECT_THROW(co_await closing(with_cleanup(log), &fails), int);
    EXPECT_EQ(log, "cleaned cleaned ");
    EXPECT_FALSE(co_await move_on_after(1s, closing(with_cleanup(log), &waits)));
    EXPECT_EQ(log, "cleaned cleaned cleaned ");
  });
}

TEST(Closing, AwaitsTheCleanUpShieldedWhenItIsCancelled) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    std::string log;
    Future<void> f = spawn([&]() -> Task<> { co_await closing(with_cleanup(log), &waits); });
    co_await turns(3);
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
    EXPECT_EQ(log, "cleaned ");
    EXPECT_EQ(time.elapsed(), 1s);
  });
}

TEST(Closing, TakesAGeneratorThatCameToItsEndOrNeverBegan) {
  run([]() -> Task<> {
    const auto two = []() -> AsyncGenerator<int> {
      co_yield 1;
      co_yield 2;
    };
    const auto sum = [](AsyncGenerator<int>& g) -> Task<int> {
      int n = 0;
      while (auto i = co_await g.next()) n += *i;
      co_return n;
    };
    EXPECT_EQ(co_await closing(two(), sum), 3);
    const auto leave = [](AsyncGenerator<int>&) -> Task<int> { co_return 4; };
    EXPECT_EQ(co_await closing(two(), leave), 4);
  });
}

AsyncGenerator<int> fails_in_cleanup() {
  try {
    for (int i = 0;; ++i) co_yield i;
  } catch (const GeneratorExit&) {
    throw std::runtime_error("clean-up");
  }
}

TEST(Closing, AddsTheErrorOfTheCleanUp) {
  run([]() -> Task<> {
    EXPECT_THROW(co_await closing(fails_in_cleanup(), &second_value), std::runtime_error);
    try {
      co_await closing(fails_in_cleanup(), &fails);
      ADD_FAILURE();
    } catch (const ExceptionGroup& group) {
      EXPECT_EQ(group.size(), 2u);
    }
  });
}

TEST(Closing, EndsACleanUpThatHangsAfterItsGrace) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    const auto hangs = []() -> AsyncGenerator<int> {
      bool left = false;
      try {
        co_yield 1;
      } catch (const GeneratorExit&) {
        left = true;
      }
      if (left) co_await forever();
    };
    const auto first = [](AsyncGenerator<int>& g) -> Task<> { co_await g.next(); };
    EXPECT_THROW(co_await closing(hangs(), first, 4s), TimeoutError);
    EXPECT_EQ(time.elapsed(), 4s);
  });
}

TEST(Closing, ClosesOnceWhereverItIsCancelled) {
  int begun = 0, closed = 0;
  testing::cancel_everywhere(
      [&]() -> Task<int> {
        begun = closed = 0;
        const auto source = [&]() -> AsyncGenerator<int> {
          ++begun;
          std::exception_ptr left;
          try {
            for (int i = 0;; ++i) {
              co_await sleep(1s);
              co_yield i;
            }
          } catch (...) {
            left = std::current_exception();
          }
          ++closed;
          std::rethrow_exception(left);
        };
        co_return co_await closing(source(), &second_value);
      },
      [&](const testing::CancelPoint& point) { EXPECT_EQ(begun, closed) << point.text(); });
}

}  // namespace
}  // namespace plait
