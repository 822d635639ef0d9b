// SPDX-License-Identifier: BSL-1.0
#include "figures.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <plait/plait.hpp>

#include "figures_json.hpp"
#include "meter.hpp"
#include "processes.hpp"

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

// Computes for 50 ms of its own CPU time.
std::uint64_t compute() {
  std::uint64_t turns = 0;
  const std::clock_t until = std::clock() + CLOCKS_PER_SEC / 20;
  while (std::clock() < until) ++turns;
  return turns;
}

TEST(MeterTest, WhatTheProcessesOfAPoolUseIsCounted) {
  ProcessPool pool(2);
  const Used before = used_by_this_process();
  Meter meter;
  Future<std::uint64_t> one = pool.submit(compute), other = pool.submit(compute);
  EXPECT_GT(one.result() + other.result(), 0U);
  const Used after = used_by_this_process();
  const Sample sample = meter.stop();
  EXPECT_GE(sample.cpu_s - (after.cpu_s - before.cpu_s), 0.090) << "of the workers, who are children of the server";
  EXPECT_GE(sample.threads, after.threads + 2) << "at least the server and one worker";
  EXPECT_GE(sample.peak_memory, after.peak_memory + 1'000'000);
  EXPECT_GT(sample.context_switches, 0U);
}

}  // namespace
}  // namespace plait::tool
