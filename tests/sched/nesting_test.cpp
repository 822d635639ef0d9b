// SPDX-License-Identifier: BSL-1.0
#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "plait/plait.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

Task<int> leaf() {
  co_await yield_now();
  co_return 7;
}

Task<int> sleeper() {
  co_await sleep(24h);
  co_return 7;
}

/// `n` combinators, each round the one before, built from the inside: each owns the one that it was given.
Task<int> nest(Task<int> inner, int n) {
  for (int i = 0; i < n; ++i) {
    inner = i % 2 == 0 ? Task<int>(shield(std::move(inner))) : Task<int>(timeout(100h, std::move(inner)));
  }
  return inner;
}

TEST(Nesting, OfCombinatorsGivesItsValueFromAnyDepth) {
  testing::run([]() -> Task<> { EXPECT_EQ(co_await nest(leaf(), test::rounds(300'000)), 7); });
}

TEST(Nesting, OfCombinatorsUnwindsFromAnyDepth) {
  testing::run([]() -> Task<> {
    Task<int> deep = timeout(1s, sleeper());
    EXPECT_THROW(co_await nest(std::move(deep), test::rounds(100'000)), TimeoutError);
  });
}

}  // namespace
}  // namespace plait
