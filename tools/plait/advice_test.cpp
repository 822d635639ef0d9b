// SPDX-License-Identifier: BSL-1.0
// Advice on sets of figures that were recorded with `plait compare --json`.
#include "advice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "figures_json.hpp"
#include "test_support.hpp"

namespace plait::tool {
namespace {

Figures recorded(const std::string& name) {
  const std::string file = std::string(PLAIT_RECORDED_FIGURES "/") + name + ".json";
  return nlohmann::json::parse(testing::content_of(file)).get<Figures>();
}

const Recommendation& on(Work work, const Advice& advice) {
  const auto& all = advice.recommendations;
  return *std::find_if(all.begin(), all.end(), [work](const Recommendation& r) { return r.work == work; });
}

bool uses(const Recommendation& r, const std::string& figure) {
  return std::any_of(r.used.begin(), r.used.end(),
                     [&](const std::string& used) { return used.starts_with(figure + " = "); });
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(AdviceTest, WorkThatComputesGoesToThreads) {
  const Advice advice = advise(recorded("many_files_two_cores"));
  ASSERT_EQ(advice.recommendations.size(), 2U);
  const Recommendation& r = on(Work::kCpuBound, advice);
  EXPECT_EQ(r.choose, Way::kThreads);
  for (const char* figure : {"wall(sequential)", "wall(threads)", "CPU share(sequential)", "cores"}) {
    EXPECT_TRUE(uses(r, figure)) << figure;
  }
  EXPECT_TRUE(says(r.text, "Threads of C++ are parallel; processes would buy isolation")) << r.text;
  EXPECT_TRUE(says(r.text, "one loop is one thread")) << r.text;
  EXPECT_TRUE(says(r.changed_by, "one core")) << r.changed_by;
}

Figures with_processes(double wall_s) {
  Figures figures = recorded("many_files_two_cores");
  figures.cpu_bound.ways.push_back(summarise(Way::kProcesses, {{.wall_s = wall_s, .peak_memory = 40 << 20}}));
  return figures;
}

TEST(AdviceTest, ProcessesThatAreAsFastAsThreadsAreNotChosen) {
  const double by_threads = recorded("many_files_two_cores").cpu_bound.find(Way::kThreads)->median.wall_s;
  for (double factor : {0.95, 1.0, 2.0}) {
    const Advice advice = advise(with_processes(by_threads * factor));
    const Recommendation& r = on(Work::kCpuBound, advice);
    EXPECT_EQ(r.choose, Way::kThreads);
    for (const char* figure : {"wall(processes)", "peak memory(processes)", "peak memory(threads)"}) {
      EXPECT_TRUE(uses(r, figure)) << figure;
    }
    EXPECT_TRUE(says(r.text, "with 40.0 MiB of memory in place of")) << r.text;
    EXPECT_TRUE(says(r.text, "isolation from crashes, not speed")) << r.text;
  }
}

TEST(AdviceTest, ProcessesAreChosenWhereThreadsHoldEachOtherUp) {
  const double by_threads = recorded("many_files_two_cores").cpu_bound.find(Way::kThreads)->median.wall_s;
  const Advice advice = advise(with_processes(by_threads / 2));
  const Recommendation& r = on(Work::kCpuBound, advice);
  EXPECT_EQ(r.choose, Way::kProcesses);
  EXPECT_TRUE(says(r.text, "hold each other up")) << r.text;
  for (const char* figure : {"wall(processes)", "wall(threads)", "peak memory(processes)", "peak memory(threads)"}) {
    EXPECT_TRUE(uses(r, figure)) << figure;
  }
}

TEST(AdviceTest, WorkThatWaitsGoesToCoroutines) {
  const Recommendation r = on(Work::kIoBound, advise(recorded("many_files_two_cores")));
  EXPECT_EQ(r.choose, Way::kCoroutines);
  for (const char* figure : {"wall(sequential)", "wall(coroutines)", "CPU share(sequential)", "wall(threads)",
                             "threads(threads)", "threads(coroutines)"}) {
    EXPECT_TRUE(uses(r, figure)) << figure;
  }
  EXPECT_FALSE(r.changed_by.empty());
}

TEST(AdviceTest, WorkThatDoesNotDivideStaysSynchronous) {
  const Recommendation r = on(Work::kCpuBound, advise(recorded("one_large_file")));
  EXPECT_EQ(r.choose, Way::kSequential);
  EXPECT_TRUE(r.text.starts_with("Stay synchronous")) << r.text;
  EXPECT_TRUE(says(r.changed_by, "more items")) << r.changed_by;
}

TEST(AdviceTest, OneCoreStaysSynchronousWhereTheWorkComputesAndNotWhereItWaits) {
  const Advice advice = advise(recorded("one_core"));
  const Recommendation& computing = on(Work::kCpuBound, advice);
  EXPECT_EQ(computing.choose, Way::kSequential);
  EXPECT_TRUE(uses(computing, "cores"));
  EXPECT_TRUE(says(computing.text, "one core")) << computing.text;
  EXPECT_TRUE(says(computing.changed_by, "a second core")) << computing.changed_by;
  EXPECT_EQ(on(Work::kIoBound, advice).choose, Way::kCoroutines);
}

TEST(AdviceTest, TooLittleWorkGetsNoAdvice) {
  const Advice advice = advise(recorded("too_small"));
  EXPECT_TRUE(advice.recommendations.empty());
  EXPECT_TRUE(says(advice.silence, "less than 1 s of work")) << advice.silence;
  EXPECT_EQ(text_advice(advice, 200), advice.silence + "\n");
}

TEST(AdviceTest, AnEmptyTreeGetsNoAdvice) { EXPECT_FALSE(advise(Figures{}).silence.empty()); }

TEST(AdviceTest, ABusyMachineIsNamedAndNotTakenForWorkThatWaits) {
  const Advice advice = advise(recorded("busy_machine"));
  const Recommendation& r = on(Work::kCpuBound, advice);
  EXPECT_EQ(r.choose, Way::kSequential);
  EXPECT_TRUE(uses(r, "without a core(sequential)"));
  EXPECT_TRUE(says(r.text, "measure again")) << r.text;
  EXPECT_EQ(on(Work::kIoBound, advice).choose, Way::kCoroutines);
}

TEST(AdviceTest, WhereThreadsAreNotBestTheBestIsChosen) {
  Figures figures = recorded("many_files_two_cores");
  for (WayFigures& way : figures.cpu_bound.ways) {
    if (way.way == Way::kThreads) way.median.wall_s *= 1.5;
  }
  EXPECT_EQ(on(Work::kCpuBound, advise(figures)).choose, Way::kCoroutinesAndThreads);
}

TEST(AdviceTest, AGainWithinTheSpreadIsNoGain) {
  Figures figures = recorded("many_files_two_cores");
  for (WayFigures& way : figures.cpu_bound.ways) way.spread = 0.5;
  EXPECT_EQ(on(Work::kCpuBound, advise(figures)).choose, Way::kSequential);
}

TEST(AdviceTest, TheTextNamesTheFiguresAndWhatWouldChangeIt) {
  const std::string text = text_advice(advise(recorded("many_files_two_cores")), 80);
  EXPECT_TRUE(says(text, "CPU-bound: Choose threads"));
  EXPECT_TRUE(says(text, "IO-bound: Choose coroutines"));
  EXPECT_TRUE(says(text, "From: wall(sequential)"));
  EXPECT_TRUE(says(text, "Changed by: "));
}

}  // namespace
}  // namespace plait::tool
