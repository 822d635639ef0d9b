// SPDX-License-Identifier: BSL-1.0
#include "progress.hpp"

#include <gtest/gtest.h>

#include "quantities.hpp"

namespace plait::tool {
namespace {

TEST(ProgressTest, TheBarShowsShareRateAndTimeLeft) {
  EXPECT_EQ(bar_line("threads 1/3", 0.5, "512 MiB/s", 61.2, 60),
            "threads 1/3 [██████████··········]  50% 512 MiB/s 1:02 left");
}

TEST(ProgressTest, TheBarNeverReachesTheLastColumn) {
  for (int columns = 1; columns < 130; ++columns) {
    for (double share : {0.0, 0.3, 1.0, 1.7}) {
      EXPECT_LE(display_width(bar_line("coroutines+threads 2/3", share, "12.3 µ/s", 3599, columns)), columns - 1);
    }
  }
}

TEST(ProgressTest, ANarrowTerminalKeepsTheTimeLeftLongest) {
  auto line = [](int columns) { return bar_line("threads 1/3", 0.5, "512 MiB/s", 61.2, columns); };
  EXPECT_EQ(line(38), "threads 1/3  50% 512 MiB/s 1:02 left");
  EXPECT_EQ(line(30), "threads 1/3  50% 1:02 left");
  EXPECT_EQ(line(20), " 50% 1:02 left");
  EXPECT_EQ(line(10), " 50%");
}

TEST(ProgressTest, AWayThatWasNotSeenIsTakenToBeLikeTheOthers) {
  const Step threads{.work = Work::kIoBound, .way = Way::kThreads};
  const Step coroutines{.work = Work::kIoBound, .way = Way::kCoroutines};
  TimeLeft time({threads, coroutines});
  EXPECT_DOUBLE_EQ(time.left(0, 0), 0);
  time.done(3);
  EXPECT_DOUBLE_EQ(time.left(0, 0), 3);
}

TEST(ProgressTest, TheTimeLeftIsThatOfTheWholePlan) {
  const Step sequential{.work = Work::kCpuBound, .way = Way::kSequential};
  const Step threads{.work = Work::kCpuBound, .way = Way::kThreads};
  TimeLeft time({threads, sequential, threads, threads});
  time.expect(Work::kCpuBound, Way::kSequential, 8);
  EXPECT_DOUBLE_EQ(time.left(0.5, 2), 2 + 8);  // of threads nothing is known but this half
  time.done(4);
  EXPECT_DOUBLE_EQ(time.left(0, 0), 8 + 4 + 4);
  EXPECT_DOUBLE_EQ(time.left(0.25, 3), 9 + 4 + 4);
  time.done(12);
  time.done(5);
  EXPECT_DOUBLE_EQ(time.left(0, 7), 0);  // later than expected, but never less than nothing
  time.done(5);
  EXPECT_DOUBLE_EQ(time.left(0, 0), 0);
}

}  // namespace
}  // namespace plait::tool
