// SPDX-License-Identifier: BSL-1.0
#include "picture.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "quantities.hpp"

namespace plait::tool {
namespace {

// Two strands: one runs for the first quarter, and for a moment at the end; the other lives in the second half only.
std::vector<LaneGroup> two_strands() {
  return {{.way = "two",
           .wall_s = 0.4,
           .lanes = {{.name = "first", .begin = 0, .end = 0.399, .running = {{0, 0.0999}, {0.399, 0.399}}},
                     {.name = "late", .begin = 0.2, .end = 0.31, .running = {{0.2, 0.2}}}}}};
}

TEST(PictureTest, DrawsRunningAndWaitingOnOneTimeAxis) {
  // 9 columns of names, 20 cells of 20 ms.
  EXPECT_EQ(text_picture(two_strands(), 33),
            "         0         200    400 ms\n"
            "two (0.40 s)\n"
            "  first  █████··············█\n"
            "  late             █·····\n");
}

TEST(PictureTest, NoLineIsWiderThanTheTerminal) {
  for (int columns : {30, 60, 80, 200}) {
    std::istringstream lines(text_picture(two_strands(), columns));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), columns);
  }
}

TEST(PictureTest, TheAxisEndsAtARoundNumber) {
  auto end_of = [](double longest) {
    return axis_end(
        {{.way = "", .wall_s = longest, .lanes = {{.name = "", .begin = 0, .end = longest, .running = {}}}}});
  };
  EXPECT_DOUBLE_EQ(end_of(0.501), 0.5);
  EXPECT_DOUBLE_EQ(end_of(0.52), 0.6);
  EXPECT_DOUBLE_EQ(end_of(0.97), 1.0);
  EXPECT_DOUBLE_EQ(end_of(1.1), 1.2);
}

TEST(LanesTest, ARecorderNotesWhenItsStrandRanAndWaited) {
  Lane lane{.name = "strand", .begin = 0, .end = 0, .running = {}};
  LaneRecorder recorder(lane, LaneRecorder::Clock::now());
  recorder.waits();
  recorder.resumes();
  recorder.ends();
  ASSERT_EQ(lane.running.size(), 2U);
  EXPECT_EQ(lane.begin, lane.running[0].begin);
  EXPECT_LE(lane.running[0].end, lane.running[1].begin);
  EXPECT_EQ(lane.end, lane.running[1].end);
}

TEST(LanesTest, SurviveTheJourneyThroughJson) {
  const nlohmann::json json = two_strands();
  EXPECT_EQ(nlohmann::json(json.get<std::vector<LaneGroup>>()), json);
}

TEST(QuantitiesTest, HaveThreeDigitsAndAUnit) {
  EXPECT_EQ(show_seconds(0.0000123), "12 µs");
  EXPECT_EQ(show_seconds(0.00123), "1.23 ms");
  EXPECT_EQ(show_seconds(0.99951), "1.00 s");
  EXPECT_EQ(show_seconds(45.67), "45.7 s");
  EXPECT_EQ(show_bytes(12), "12 B");
  EXPECT_EQ(show_bytes(1023 * 1024.), "1.00 MiB");
  EXPECT_EQ(show_bytes(12.34 * 1024 * 1024), "12.3 MiB");
  EXPECT_EQ(show_count(999), "999");
  EXPECT_EQ(show_count(1234567), "1,234,567");
}

TEST(QuantitiesTest, TextIsBrokenBetweenWords) {
  EXPECT_EQ(wrap("one two three four", 9, 2), "one two\n  three\n  four\n");
  EXPECT_EQ(wrap("", 9, 2), "\n");
}

}  // namespace
}  // namespace plait::tool
