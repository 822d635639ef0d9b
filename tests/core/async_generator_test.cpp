// SPDX-License-Identifier: BSL-1.0
#include "plait/core/async_generator.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "plait/plait.hpp"
#include "support/build.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::StackMeter;

AsyncGenerator<int> count(int n) {
  for (int i = 0; i < n; ++i) {
    if (i % 2) co_await yield_now();
    co_yield i;
  }
}

TEST(AsyncGenerator, GivesItsValuesAndThenEndsForEver) {
  run([]() -> Task<> {
    auto generator = count(4);
    int sum = 0;
    while (auto i = co_await generator.next()) sum += *i;
    EXPECT_EQ(sum, 6);
    EXPECT_FALSE(co_await generator.next());
  });
}

TEST(AsyncGenerator, StepsAMillionTimesWithoutGrowingTheStack) {  // [W8]
  static StackMeter meter;
  meter = {};
  run([]() -> Task<> {
    const auto endless = []() -> AsyncGenerator<int> {
      for (int i = 0;; ++i) {
        meter.touch();
        co_yield i;
      }
    };
    auto generator = endless();
    for (int i = 0; i < 1'000'000; ++i) {
      auto v = co_await generator.next();
      if (*v != i) ADD_FAILURE();
    }
  });
  EXPECT_LT(meter.used(), 64u * 1024);
}

AsyncGenerator<std::unique_ptr<int>> pointers() {
  co_yield std::make_unique<int>(1);
  co_yield std::make_unique<int>(2);
}
AsyncGenerator<std::string&> references(std::string& s) {
  co_yield s;
  co_yield s;
}

TEST(AsyncGenerator, GivesWhatCanOnlyBeMovedAndReferences) {
  run([]() -> Task<> {
    auto generator = pointers();
    EXPECT_EQ(**co_await generator.next(), 1);
    EXPECT_EQ(**co_await generator.next(), 2);
    std::string s = "s";
    auto refs = references(s);
    EXPECT_EQ(co_await refs.next(), &s);
  });
}

AsyncGenerator<int> failing() {
  co_yield 1;
  throw std::runtime_error("in the middle");
}

TEST(AsyncGenerator, ThrowsToItsConsumerAndIsThenAtItsEnd) {
  run([]() -> Task<> {
    auto generator = failing();
    EXPECT_EQ(*co_await generator.next(), 1);
    EXPECT_THROW(co_await generator.next(), std::runtime_error);
    EXPECT_FALSE(co_await generator.next());
  });
}

AsyncGenerator<int> with_cleanup(std::string& log) {
  std::exception_ptr left;
  try {
    for (int i = 0;; ++i) co_yield i;
  } catch (...) {
    left = std::current_exception();
  }
  co_await yield_now();
  log += "cleaned";
  std::rethrow_exception(left);
}

TEST(AsyncGenerator, AwaitsItsCleanUpWhenItIsClosed) {
  std::string log;
  run([&]() -> Task<> {
    auto generator = with_cleanup(log);
    EXPECT_EQ(*co_await generator.next(), 0);
    co_await generator.aclose();
    EXPECT_EQ(log, "cleaned");
    co_await generator.aclose();  // harmless
    EXPECT_FALSE(co_await generator.next());
    auto fresh = with_cleanup(log);
    co_await fresh.aclose();  // never began
    EXPECT_FALSE(co_await fresh.next());
  });
}

AsyncGenerator<int> stubborn() {
  while (true) {
    try {
      co_yield 1;
    } catch (const GeneratorExit&) {
    }
  }
}

TEST(AsyncGenerator, RefusesToYieldWhileItIsClosed) {
  run([]() -> Task<> {
    auto generator = stubborn();
    co_await generator.next();
    EXPECT_THROW(co_await generator.aclose(), std::logic_error);
  });
}

TEST(AsyncGenerator, RefusesASecondConsumer) {
  run([]() -> Task<> {
    const auto slow = []() -> AsyncGenerator<int> {
      co_await sleep(1ms);
      co_yield 1;
    };
    auto generator = slow();
    Future<void> f = spawn([&]() -> Task<> { co_await generator.next(); });
    co_await yield_now();
    EXPECT_THROW(co_await generator.next(), std::logic_error);
    co_await f;
  });
}

TEST(AsyncGenerator, DestroysItsLocalsWhenItDiesHalfway) {
  run([]() -> Task<> {
    {
      const auto holding = []() -> AsyncGenerator<int> {
        test::Counted local;
        co_yield 1;
        co_yield 2;
      };
      auto generator = holding();
      co_await generator.next();
      EXPECT_EQ(test::Counted::live, 1);
    }
    EXPECT_EQ(test::Counted::live, 0);
  });
}

TEST(AsyncGenerator, MayGoFromOneTaskToAnother) {
  run([]() -> Task<> {
    auto generator = count(10);
    const auto take = [&]() -> Task<int> { co_return *co_await generator.next(); };
    EXPECT_EQ(co_await spawn(take), 0);
    EXPECT_EQ(co_await spawn(take), 1);
    EXPECT_EQ(*co_await generator.next(), 2);
  });
}

}  // namespace
}  // namespace plait
