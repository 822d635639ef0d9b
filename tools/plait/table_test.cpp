// SPDX-License-Identifier: BSL-1.0
#include "table.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "quantities.hpp"

namespace plait::tool {
namespace {

Block block_of(std::initializer_list<double> walls) {
  Block block;
  const Way* way = kWays;
  for (double wall : walls) {
    block.ways.push_back(summarise(*way++, {{.wall_s = wall,
                                             .cpu_s = wall / 2,
                                             .longest_stall_s = wall,
                                             .peak_memory = 12'345'678,
                                             .threads = 33,
                                             .context_switches = 123'456}}));
  }
  return block;
}

Figures figures() {
  return {.cores = 2,
          .files = 26136,
          .bytes = 310 << 20,
          .requests = 1000,
          .request_s = 0.005,
          .in_flight = 32,
          .cpu_bound = block_of({2, 1, 2, 1.25, 1.1}),
          .io_bound = block_of({5.1, 0.17, 0.16, 0.18})};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(TableTest, HasTwoBlocksWithTheSameWaysInBothButForProcesses) {
  const auto lines = lines_of(text_table(figures(), 120));
  ASSERT_EQ(lines.size(), 13U);
  EXPECT_EQ(lines[2], "CPU-bound: 26,136 files, 310 MiB, read and hashed on 2 cores");
  EXPECT_EQ(lines[8], "IO-bound: 1,000 requests of 5.00 ms, at most 32 in flight");
  for (std::size_t way = 0; way < 4; ++way) {
    EXPECT_TRUE(lines[3 + way].starts_with(way_name(kWays[way]))) << lines[3 + way];
    EXPECT_TRUE(lines[9 + way].starts_with(way_name(kWays[way]))) << lines[9 + way];
  }
  EXPECT_TRUE(lines[7].starts_with("processes ")) << lines[7];
  EXPECT_NE(lines[4].find("2.00×"), std::string::npos) << lines[4];
  EXPECT_NE(lines[4].find("123,456"), std::string::npos) << lines[4];
}

TEST(TableTest, FitsEightyColumns) {
  const auto lines = lines_of(text_table(figures(), 80));
  ASSERT_EQ(lines.size(), 13U);
  for (const std::string& line : lines) EXPECT_LE(display_width(line), 80) << line;
}

TEST(TableTest, BecomesParagraphsOnANarrowTerminalAndLosesNothing) {
  const std::string table = text_table(figures(), 40);
  for (const std::string& line : lines_of(table)) EXPECT_LE(display_width(line), 40) << line;
  for (const char* word : {"coroutines+threads", "speed-up", "123,456", "longest", "peak", "switches"}) {
    EXPECT_NE(table.find(word), std::string::npos) << word;
  }
}

TEST(TableTest, AnEmptyTreeDividesByNothing) {
  Figures empty = figures();
  empty.cpu_bound = block_of({0, 0, 0, 0, 0});
  EXPECT_EQ(text_table(empty, 120).find("nan"), std::string::npos);
  EXPECT_EQ(text_table(empty, 120).find("inf"), std::string::npos);
}

}  // namespace
}  // namespace plait::tool
