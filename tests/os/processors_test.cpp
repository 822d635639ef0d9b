// SPDX-License-Identifier: BSL-1.0
#include "plait/os/processors.hpp"

#include <gtest/gtest.h>

#include <climits>
#include <string>
#include <thread>

namespace plait::os {
namespace {

TEST(Processors, OfALimitAreRoundedUp) {
  EXPECT_EQ(processors_of_limit("100000 100000"), 1);
  EXPECT_EQ(processors_of_limit("150000 100000"), 2);
  EXPECT_EQ(processors_of_limit("200000 100000"), 2);
  EXPECT_EQ(processors_of_limit("200001 100000"), 3);
  EXPECT_EQ(processors_of_limit("1000 100000"), 1);
  EXPECT_EQ(processors_of_limit("1 1000000"), 1);
  EXPECT_EQ(processors_of_limit("6400000 100000"), 64);
}

TEST(Processors, WithoutALimitAreUnlimited) {
  EXPECT_EQ(processors_of_limit("max 100000"), 0);
  EXPECT_EQ(processors_of_limit("max"), 0);
  EXPECT_EQ(processors_of_limit("-1 100000"), 0);  // cpu.cfs_quota_us
}

TEST(Processors, OfALimitThatIsNotUnderstoodAreUnlimited) {
  for (const char* text : {"", " ", "100000", "100000 ", "100000 0", "0 100000", "100000 -5", "100000 max", " 1 1", "x",
                           "100000  100000", "99999999999999999999 100000"}) {
    EXPECT_EQ(processors_of_limit(text), 0) << '"' << text << '"';
  }
}

TEST(Processors, OfAHugeLimitAreManyButNotMoreThanAnIntHolds) {
  EXPECT_EQ(processors_of_limit("9223372036854775807 1"), 1 << 20);
  EXPECT_EQ(processors_of_limit("9223372036854775807 9223372036854775807"), 1);
  EXPECT_EQ(processors_of_limit(std::to_string(LONG_MAX - 1) + " 100000"), 1 << 20);
}

TEST(Processors, AreNeverNoneAndNotMoreThanTheMachineHas) {
  EXPECT_GE(usable_processors(), 1);
  EXPECT_LE(usable_processors(), static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace plait::os
