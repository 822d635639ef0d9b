// SPDX-License-Identifier: BSL-1.0
#include "figures.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "figures_json.hpp"
#include "meter.hpp"

namespace plait::tool {
namespace {

TEST(FiguresTest, TheMedianIsTakenOfEachFigureByItself) {
  const WayFigures way = summarise(Way::kThreads, {{.wall_s = 3, .cpu_s = 1, .peak_memory = 5, .threads = 2},
                                                   {.wall_s = 1, .cpu_s = 2, .peak_memory = 9, .threads = 4},
                                                   {.wall_s = 2, .cpu_s = 3, .peak_memory = 7, .threads = 3}});
  EXPECT_EQ(way.median.wall_s, 2);
  EXPECT_EQ(way.median.cpu_s, 2);
  EXPECT_EQ(way.median.peak_memory, 7U);
  EXPECT_EQ(way.median.threads, 3U);
  EXPECT_EQ(way.spread, 0.5);
}

TEST(FiguresTest, OneRoundHasNoSpread) {
  const WayFigures way = summarise(Way::kThreads, {{.wall_s = 3}});
  EXPECT_EQ(way.median.wall_s, 3);
  EXPECT_EQ(way.spread, 0);
}

TEST(FiguresTest, SurviveTheJourneyThroughJson) {
  Figures figures{.cores = 2,
                  .files = 3,
                  .bytes = 4,
                  .requests = 5,
                  .request_s = 0.005,
                  .in_flight = 6,
                  .cpu_bound = {},
                  .io_bound = {}};
  figures.cpu_bound.ways.push_back(summarise(Way::kCoroutinesAndThreads, {{.wall_s = 1.5, .context_switches = 7}}));
  const Figures read = nlohmann::json::parse(nlohmann::json(figures).dump()).get<Figures>();
  EXPECT_EQ(read.in_flight, 6U);
  ASSERT_NE(read.cpu_bound.find(Way::kCoroutinesAndThreads), nullptr);
  EXPECT_EQ(read.cpu_bound.find(Way::kCoroutinesAndThreads)->median.wall_s, 1.5);
  EXPECT_EQ(read.cpu_bound.find(Way::kCoroutinesAndThreads)->median.context_switches, 7U);
  EXPECT_EQ(read.io_bound.find(Way::kThreads), nullptr);
}

TEST(FiguresTest, AMissingFigureIsAnErrorNotAZero) {
  EXPECT_THROW(nlohmann::json::parse(R"({"wall_s": 1})").get<Sample>(), nlohmann::json::exception);
}

TEST(MeterTest, AMainProgramThatNeverBeatsStallsFromBeginToEnd) {
  Meter meter;
  const auto until = Meter::Clock::now() + std::chrono::milliseconds(30);
  while (Meter::Clock::now() < until) {
  }
  const Sample sample = meter.stop();
  EXPECT_GE(sample.wall_s, 0.030);
  EXPECT_NEAR(sample.longest_stall_s, sample.wall_s - 0.010, 1e-9);
  EXPECT_GT(sample.cpu_s, 0);
  EXPECT_GT(sample.peak_memory, 100'000U);
  EXPECT_GE(sample.threads, 1U);
}

TEST(MeterTest, ABeatThatComesInTimeIsNoStall) {
  Meter meter;
  for (int i = 0; i < 1000; ++i) meter.beat();
  const Sample sample = meter.stop();
  EXPECT_LE(sample.longest_stall_s, std::max(0.0, sample.wall_s - 0.010));
}

}  // namespace
}  // namespace plait::tool
