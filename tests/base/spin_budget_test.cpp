// SPDX-License-Identifier: BSL-1.0
#include "plait/base/spin_budget.hpp"

#include <gtest/gtest.h>

namespace plait::detail {
namespace {

using namespace std::chrono_literals;

TEST(SpinBudget, IsLongAfterAShortSleepAndShrinksWithLongOnes) {
  SpinBudget budget;
  budget.learn(5us);
  EXPECT_EQ(budget.spins(), SpinBudget::kMost);
  budget.learn(1ms);
  EXPECT_EQ(budget.spins(), SpinBudget::kMost * 3 / 4);
  for (int i = 0; i < 20; ++i) budget.learn(1s);
  EXPECT_EQ(budget.spins(), SpinBudget::kLeast);
  budget.learn(99us);
  EXPECT_EQ(budget.spins(), SpinBudget::kMost);
}

/// Who waits on the processor that the awaited needs can look as long as it likes.
TEST(SpinBudget, GivesUpLongLooksThatAreInVainAndTriesAgainLater) {
  SpinBudget budget;
  const auto look_in_vain = [&] {
    const int turns = budget.spins();
    budget.found(false);
    budget.learn(3us);
    return turns;
  };
  look_in_vain();
  int long_looks = 0;
  for (int i = 0; i < 1000; ++i) long_looks += look_in_vain() == SpinBudget::kMost;
  EXPECT_GT(long_looks, 0);
  EXPECT_LT(long_looks, 100);
}

TEST(SpinBudget, OneLookThatPaidMakesUpForThoseInVain) {
  SpinBudget budget;
  for (int i = 0; i < 1000; ++i) {
    budget.learn(3us);
    ASSERT_EQ(budget.spins(), SpinBudget::kMost);
    budget.found(i % 3 == 0);
  }
}

}  // namespace
}  // namespace plait::detail
