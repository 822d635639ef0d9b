// SPDX-License-Identifier: BSL-1.0
//
// How programs end with a thread at every stage: each case is a run of exit_matrix_child.cpp. exit_test.cpp has the
// cases that fit into no matrix.
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "support/build.hpp"
#include "support/program.hpp"

namespace plait {
namespace {

/// END, OBJECT, STAGE, DAEMON.
using Case = std::tuple<std::string, std::string, std::string, bool>;

class ProgramEndMatrix : public ::testing::TestWithParam<Case> {};

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  const auto& [end, object, stage, daemon] = info.param;
  return end + "_" + object + "_" + stage + (daemon ? "_daemon" : "");
}

int status_of(const std::string& end) {
  if (end == "exit") return 5;
  if (end == "exit_in_thread") return 3;
  if (end == "quick_exit_in_thread") return 6;
  if (end == "exception") return 128 + 6;
  return 0;
}

TEST_P(ProgramEndMatrix, IsClean) {
  const auto& [end, object, stage, daemon] = GetParam();
  const test::Outcome outcome = test::run_program(PLAIT_CHILDREN "/exit_matrix_child " + end + " " + object + " " +
                                                  stage + " " + (daemon ? "1" : "0"));
  EXPECT_EQ(outcome.status, status_of(end)) << outcome.printed;
  const auto count = [&printed = outcome.printed](const std::string& line) {
    int n = 0;
    for (std::size_t at = 0; (at = printed.find(line, at)) != std::string::npos; ++at) ++n;
    return n;
  };
  EXPECT_EQ(count("main done\n"), 1) << outcome.printed;
  if (end == "quick_exit_in_thread" || end == "exception") {  // these wait for nobody, and destroy nothing
    EXPECT_EQ(count("static destroyed\n"), 0) << outcome.printed;
    EXPECT_LE(count("thread done\n"), 1) << outcome.printed;
    return;
  }
  EXPECT_EQ(count("static destroyed\n"), 1) << outcome.printed;
  EXPECT_TRUE(outcome.printed.ends_with("static destroyed\n")) << outcome.printed;
  const int threads_done = count("thread done\n");
  if (stage == "not_started") {
    EXPECT_EQ(threads_done, 0) << outcome.printed;
  } else if (!daemon || stage == "finished") {
    EXPECT_EQ(threads_done, 1) << outcome.printed;
  } else if (stage == "starting" || stage == "starts_another") {
    EXPECT_LE(threads_done, 1) << outcome.printed;
  } else {
    EXPECT_EQ(threads_done, 0) << outcome.printed;
  }
}

std::vector<Case> threads_at_every_stage() {
  std::vector<Case> cases;
  for (const char* end : {"return", "exit", "exit_in_thread", "quick_exit_in_thread", "exception"}) {
    for (const char* stage :
         {"not_started", "starting", "running", "blocked", "sleeping", "finished", "thread_local", "starts_another"}) {
      for (const bool daemon : {false, true}) cases.emplace_back(end, "thread", stage, daemon);
    }
  }
  return cases;
}

std::vector<Case> all_that_makes_threads() {
  std::vector<Case> cases;
  for (const char* object : {"spawn_thread", "subclass", "timer", "local", "to_thread"}) {
    for (const char* stage : {"starting", "running", "blocked", "sleeping", "starts_another"}) {
      // An abandoned call is one that has begun.
      if (object != std::string("to_thread") || stage != std::string("starting")) {
        cases.emplace_back("return", object, stage, true);
      }
      for (const char* end : {"return", "exit_in_thread"}) cases.emplace_back(end, object, stage, false);
    }
  }
  return cases;
}

/// The process ends with its last thread, which a sanitizer's own thread never does.
std::vector<Case> after_a_pthread_exit_of_main() {
  std::vector<Case> cases;
  for (const char* stage :
       {"not_started", "starting", "running", "blocked", "sleeping", "finished", "thread_local", "starts_another"}) {
    if (!test::kSanitized) cases.emplace_back("pthread_exit", "thread", stage, false);
  }
  return cases;
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ProgramEndMatrix);

INSTANTIATE_TEST_SUITE_P(Stages, ProgramEndMatrix, ::testing::ValuesIn(threads_at_every_stage()), name_of);
INSTANTIATE_TEST_SUITE_P(Objects, ProgramEndMatrix, ::testing::ValuesIn(all_that_makes_threads()), name_of);
INSTANTIATE_TEST_SUITE_P(PthreadExit, ProgramEndMatrix, ::testing::ValuesIn(after_a_pthread_exit_of_main()), name_of);

TEST(ProgramEndMatrixSize, IsAHundredAndMore) {
  EXPECT_GE(threads_at_every_stage().size() + all_that_makes_threads().size(), 100u);
}

}  // namespace
}  // namespace plait
