// SPDX-License-Identifier: BSL-1.0
#include "plait/core/dump.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <sstream>
#include <stdexcept>
#include <string>

#include "plait/plait.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

std::string printed(const std::vector<StrandInfo>& strands) {
  std::ostringstream out;
  print_strands(out, strands);
  return out.str();
}

TEST(PrintStrands, draws_each_below_its_parent_with_what_it_waits_for) {
  const std::vector<StrandInfo> strands = {
      {.id = 1,
       .kind = StrandKind::thread,
       .state = StrandState::waiting,
       .thread_id = 4711,
       .name = "main",
       .wait = WaitKind::lock,
       .object = 0x7F00},
      {.id = 2,
       .state = StrandState::waiting,
       .name = "serve",
       .spawned_at = {"srv.cpp", 18},
       .awaits_at = {"srv.cpp", 52},
       .wait = WaitKind::task,
       .awaited = 3},
      {.id = 3, .parent = 2, .state = StrandState::running, .name = "session", .awaits_at = {"srv.cpp", 60}},
      {.id = 4, .parent = 3, .state = StrandState::waiting, .wait = WaitKind::io},
      {.id = 5, .parent = 2, .state = StrandState::done, .awaits_at = {"srv.cpp", 61}},
  };
  EXPECT_EQ(printed(strands),
            "5 strands\n"
            "#1 thread \"main\" (4711)  waiting for a lock (0x7f00)\n"
            "#2 \"serve\"  waiting for #3 \"session\"  at srv.cpp:52  spawned srv.cpp:18\n"
            "├─ #3 \"session\"  running  after srv.cpp:60\n"
            "│  └─ #4  waiting for I/O\n"
            "└─ #5  ended\n");
}

TEST(PrintStrands, counts_those_that_are_alike) {
  std::vector<StrandInfo> strands = {{.id = 1, .state = StrandState::running}};
  for (std::uint64_t id = 2; id < 1002; ++id) {
    strands.push_back({.id = id, .parent = 1, .state = StrandState::waiting, .wait = WaitKind::sleep});
  }
  strands.push_back({.id = 1002, .parent = 1, .state = StrandState::ready});
  EXPECT_EQ(printed(strands),
            "1002 strands\n"
            "#1  running\n"
            "├─ #2  waiting: sleep\n"
            "├─ and 999 more like #2\n"
            "└─ #1002  ready\n");
}

TEST(PrintStrands, a_name_gives_the_terminal_no_orders) {
  EXPECT_EQ(printed({{.id = 1, .state = StrandState::ready, .name = "a\x1B[2Jb\n"}}),
            "1 strand\n#1 \"a?[2Jb?\"  ready\n");
}

TEST(PrintStrands, a_strand_whose_parent_is_gone_is_a_root) {
  EXPECT_EQ(printed({{.id = 7, .parent = 3, .state = StrandState::ready}}), "1 strand\n#7  ready\n");
}

TEST(PrintStrands, damaged_lists_end) {
  // Each other's parents, and an id that comes twice.
  EXPECT_EQ(printed({{.id = 1, .parent = 2}, {.id = 2, .parent = 1}}), "2 strands\n");
  EXPECT_EQ(printed({{.id = 1}, {.id = 1, .parent = 2}, {.id = 2, .parent = 1}}),
            "3 strands\n"
            "#1  ready\n"
            "└─ #2  ready\n");
  std::vector<StrandInfo> chain;
  for (std::uint64_t id = 1; id <= 100'000; ++id) chain.push_back({.id = id, .parent = id - 1});
  EXPECT_LT(printed(chain).size(), 100'000U * 300);
}

TEST(Dump, shows_the_tree_of_a_running_loop) {
  const std::uint32_t line = __LINE__ + 2;
  const auto amain = []() -> Task<std::string> {
    auto napping = spawn([]() -> Task<> { co_await sleep(1h); }, {.name = "nap"});
    co_await yield_now();
    std::ostringstream out;
    dump(out);
    co_return out.str();
  };
  const std::string text = run(amain());
  const std::string at = std::string(__FILE__) + ":";
  EXPECT_NE(text.find("\"run()\"  running  after " + at + std::to_string(line + 1)), std::string::npos) << text;
  EXPECT_NE(text.find("\"nap\"  waiting: sleep  at " + at + std::to_string(line) + "  spawned " + at +
                      std::to_string(line) + "\n"),
            std::string::npos)
      << text;
}

TEST(Dump, the_line_of_gather_is_the_callers_for_it_and_its_branches) {
  std::uint32_t line = 0, nap_line = 0;
  std::vector<StrandInfo> seen;
  nap_line = __LINE__ + 1;
  const auto nap = []() -> Task<> { co_await sleep(1h); };
  const auto look = [&]() -> Task<> {
    seen = strands();
    throw std::runtime_error("seen");
    co_return;
  };
  const auto both = [&]() -> Task<> {
    line = __LINE__ + 1;
    co_await gather(nap(), sleep(1h), look());
  };
  EXPECT_THROW(run(both()), ExceptionGroup);
  std::uint64_t parent = 0;
  for (const StrandInfo& strand : seen) {
    if (strand.name == "run()") {
      parent = strand.id;
      EXPECT_EQ(strand.state, StrandState::waiting);
      EXPECT_EQ(strand.awaits_at, (SourceLine{__FILE__, line}));
    }
  }
  ASSERT_NE(parent, 0U);
  std::vector<std::uint32_t> lines;
  for (const StrandInfo& strand : seen) {
    if (strand.parent != parent) continue;
    EXPECT_EQ(strand.spawned_at, (SourceLine{__FILE__, line}));
    if (strand.state == StrandState::waiting) lines.push_back(strand.awaits_at.line);
  }
  EXPECT_EQ(lines, (std::vector<std::uint32_t>{nap_line, line}));
}

}  // namespace
}  // namespace plait
