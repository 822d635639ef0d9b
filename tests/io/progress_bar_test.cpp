// SPDX-License-Identifier: BSL-1.0
#include "plait/io/progress_bar.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/terminal.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::TestScreen;
using Lines = std::vector<std::string>;

TEST(ProgressBar, ShowsWhatItIsTold) {
  TestScreen screen;
  testing::VirtualTime time;
  ProgressBar bar({.title = "download", .total = 4096, .unit = "B", .unit_scale = 1024});
  sleep_for(1s);
  bar.advance(1024);
  EXPECT_EQ(bar.done(), 1024);
  EXPECT_EQ(screen.lines(), Lines{"download:  25%|███▊           | 1.00Ki/4.00Ki [00:01<00:03]"});
  bar.set_title("d");
  sleep_for(1s);
  bar.advance(3072);
  EXPECT_EQ(screen.lines(), Lines{"d: 100%|███████████| 4.00Ki/4.00Ki [00:02<00:00, 2.17KiB/s]"});
  bar.finish();
  EXPECT_EQ(screen.lines(), Lines{"d: 100%|███████████| 4.00Ki/4.00Ki [00:02<00:00, 2.00KiB/s]"}) << "over all";
  const int writes = screen.writes;
  sleep_for(1s);
  bar.advance();
  bar.finish();
  EXPECT_EQ(bar.done(), 4097);
  EXPECT_EQ(screen.writes, writes);
  EXPECT_TRUE(screen.clean());
}

TEST(ProgressBar, RefusesWhatCannotBe) {
  TestScreen screen;
  EXPECT_THROW(ProgressBar({.total = -1}), std::logic_error);
  EXPECT_THROW(ProgressBar({.unit_scale = 7}), std::logic_error);
  ProgressBar bar({.leave = false});
  EXPECT_THROW(bar.advance(-1), std::logic_error);
  bar.advance(0);
  EXPECT_EQ(bar.done(), 0);
}

TEST(ProgressBar, EachBarHasARowAndRowsAreUsedAgain) {
  TestScreen screen(20);
  testing::VirtualTime time;
  auto step = [&](ProgressBar& bar, int n = 1) {
    sleep_for(100ms);
    bar.advance(n);
  };
  std::optional<ProgressBar> a, b, c;
  a.emplace(ProgressOptions{.title = "a", .total = 100});
  b.emplace(ProgressOptions{.title = "b", .total = 100, .leave = false});
  c.emplace(ProgressOptions{.title = "c", .total = 100});
  step(*a, 99);
  step(*b, 50);
  step(*c, 25);
  EXPECT_EQ(screen.lines(), (Lines{"a:  99% <00:00", "b:  50% <00:00", "c:  25% <00:00"}));
  EXPECT_EQ(screen.terminal.row, 0u) << "the cursor rests behind the first row";
  EXPECT_EQ(screen.terminal.column, 14);
  b.reset();
  EXPECT_EQ(screen.lines(), (Lines{"a:  99% <00:00", "c:  25% <00:00"}));
  a.reset();
  EXPECT_EQ(screen.lines(), (Lines{"a:  99% <00:00", "c:  25% <00:00"}));
  EXPECT_EQ(screen.terminal.row, 1u) << "what is left stands above the live rows";
  b.emplace(ProgressOptions{.title = "d"});
  step(*b);
  EXPECT_EQ(screen.lines(), (Lines{"a:  99% <00:00", "c:  25% <00:00", "d: 1it [00:00]"}));
  c.reset();
  b.reset();
  EXPECT_EQ(screen.lines(), (Lines{"a:  99% <00:00", "c:  25% <00:01", "d: 1it [00:00]"}));
  EXPECT_TRUE(screen.clean());
}

TEST(ProgressBar, WhatTheProgramPrintsStays) {
  TestScreen screen(20);
  testing::VirtualTime time;
  auto step = [&](ProgressBar& bar) {
    sleep_for(100ms);
    bar.advance();
  };
  {
    ProgressBar a({.title = "a", .total = 4, .leave = false}), b({.title = "b", .total = 4, .leave = false});
    step(a);
    screen.terminal.feed("hello\n");
    step(b);
    screen.terminal.feed("\rtwo\nlines\x1b[K\n");
    step(a);
    const Lines lines = screen.lines();
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_TRUE(lines[0].ends_with("hello")) << lines[0];
    EXPECT_TRUE(lines[1].starts_with("two")) << lines[1];
    EXPECT_EQ(lines[2], "lines");
    EXPECT_TRUE(lines[3].starts_with("a:  50%")) << lines[3];
    EXPECT_TRUE(lines[4].starts_with("b:  25%")) << lines[4];
  }
  EXPECT_EQ(screen.lines().size(), 3u);
  EXPECT_TRUE(screen.clean());
}

TEST(ProgressBar, OneRefreshIsOneWriteAndTenASecondServeAllBars) {
  TestScreen screen;
  testing::VirtualTime time;
  std::vector<std::unique_ptr<ProgressBar>> bars;
  for (int i = 0; i < 20; ++i) bars.push_back(std::make_unique<ProgressBar>(ProgressOptions{.leave = false}));
  for (int i = 0; i < 100; ++i) {
    sleep_for(10ms);
    for (auto& bar : bars) bar->advance();
  }
  EXPECT_GE(screen.writes, 9);
  EXPECT_LE(screen.writes, 11);
}

TEST(ProgressBar, FollowsATerminalThatBecomesNarrow) {
  TestScreen screen(80);
  testing::VirtualTime time;
  ProgressBar bar({.title = "数据", .total = 200});
  for (const int columns : {80, 60, 30, 20, 12, 7, 4, 3, 2, 1, 1, 100}) {
    screen.terminal.columns = columns;
    sleep_for(100ms);
    bar.advance();
    EXPECT_EQ(screen.terminal.wraps, 0) << columns;
    EXPECT_EQ(screen.lines().size(), 1u) << columns;
  }
  bar.finish();
  EXPECT_TRUE(screen.clean());
}

TEST(ProgressBar, SeveralStayInTheirRowsHoweverNarrowTheTerminalIs) {
  for (const bool utf8 : {true, false}) {
    for (int columns = 1; columns <= 20; ++columns) {
      TestScreen screen(columns);
      screen.look_like.utf8 = utf8;
      testing::VirtualTime time;
      {
        ProgressBar a({.title = "数据 and a good deal more", .total = 300}), b({.title = "b", .unit = "байт"});
        ProgressBar c({.total = 1'000'000'000'000, .unit_scale = 1000, .leave = false});
        for (int i = 0; i < 5; ++i) {
          for (ProgressBar* bar : {&a, &b, &c}) {
            sleep_for(100ms);
            bar->advance(60);
            ASSERT_EQ(screen.lines().size(), 3u) << columns << " columns";
            for (const std::string& line : screen.lines()) {
              ASSERT_LE(detail::display_width(line), columns);
              ASSERT_FALSE(line.empty());
            }
            ASSERT_EQ(screen.terminal.wraps, 0) << columns << " columns";
          }
        }
      }
      EXPECT_EQ(screen.lines().size(), 2u) << columns << " columns";
      EXPECT_TRUE(screen.clean()) << columns << " columns";
    }
  }
}

TEST(ProgressBar, InOneColumnTheRowsAreErasedToo) {
  TestScreen screen(1);
  testing::VirtualTime time;
  {
    ProgressBar a({.total = 2, .leave = false}), b({.total = 2, .leave = false});
    sleep_for(1s);
    b.advance();
    EXPECT_EQ(screen.lines(), (Lines{"▁", "▅"}));
  }
  EXPECT_EQ(screen.lines(), Lines{});
  EXPECT_EQ(screen.terminal.wraps, 0);
}

TEST(ProgressBar, MoreBarsThanRowsAreCounted) {
  TestScreen screen(40);
  screen.look_like.rows = 4;
  testing::VirtualTime time;
  std::vector<std::unique_ptr<ProgressBar>> bars;
  for (const char* title : {"a", "b", "c", "d", "e"}) {
    bars.push_back(std::make_unique<ProgressBar>(ProgressOptions{.title = title, .leave = false}));
  }
  sleep_for(1s);
  bars[4]->advance();
  EXPECT_EQ(screen.lines(), (Lines{"a: 0it [00:01, ?it/s]", "b: 0it [00:01, ?it/s]", " and 3 more"}));
  bars.erase(bars.begin(), bars.begin() + 3);
  EXPECT_EQ(screen.lines(), (Lines{"d: 0it [00:01, ?it/s]", "e: 1it [00:01, 1.00it/s]"}));
  bars.clear();
  EXPECT_TRUE(screen.clean());
}

TEST(ProgressBar, ADumbTerminalShowsOneBarWithoutControlSequences) {
  TestScreen screen(40);
  screen.look_like.moves_cursor = false;
  screen.look_like.utf8 = false;
  testing::VirtualTime time;
  {
    ProgressBar a({.title = "a", .total = 2}), b({.title = "b", .total = 2, .leave = false});
    sleep_for(1s);
    a.advance();
    EXPECT_EQ(screen.lines(), Lines{"a:  50%|######      | 1/2 [00:01<00:01]"});
    b.finish();
    EXPECT_EQ(screen.lines(), Lines{"a:  50%|######      | 1/2 [00:01<00:01]"});
  }
  EXPECT_EQ(screen.lines(), Lines{"a:  50%|######      | 1/2 [00:01<00:01]"});
  EXPECT_TRUE(screen.clean());
  {
    ProgressBar c({.title = "c", .leave = false});
    sleep_for(1s);
    c.advance();
  }
  EXPECT_EQ(screen.lines().size(), 1u);
  EXPECT_TRUE(screen.clean());
}

TEST(ProgressBar, ADumbTerminalMayBeOfAnyWidth) {
  for (int columns = 1; columns <= 20; ++columns) {
    TestScreen screen(columns);
    screen.look_like.moves_cursor = false;
    testing::VirtualTime time;
    {
      ProgressBar a({.title = "数据 and more", .total = 300}), b({.title = "b"});
      for (int i = 0; i < 5; ++i) {
        sleep_for(100ms);
        a.advance(60);
        b.advance();
        ASSERT_EQ(screen.lines().size(), 1u) << columns << " columns";
        ASSERT_EQ(screen.terminal.wraps, 0) << columns << " columns";
      }
    }
    EXPECT_EQ(screen.lines().size(), 2u) << columns << " columns";
    EXPECT_TRUE(screen.clean()) << columns << " columns";
  }
}

TEST(ProgressBar, TheRateFollowsTheLastSecondsAndSlowItemsAreSmoothed) {
  TestScreen screen(80);
  testing::VirtualTime time;
  ProgressBar bar({.total = 100'000});
  for (int i = 0; i < 100; ++i) {
    sleep_for(100ms);
    bar.advance(10);
  }
  EXPECT_TRUE(screen.lines().at(0).ends_with(" 100it/s]")) << screen.lines().at(0);
  for (int i = 0; i < 150; ++i) {
    sleep_for(100ms);
    bar.advance(1);
  }
  EXPECT_TRUE(screen.lines().at(0).ends_with(" 10.6it/s]")) << screen.lines().at(0);
  sleep_for(100s);
  bar.advance(1000);
  EXPECT_TRUE(screen.lines().at(0).ends_with(" 10.0it/s]")) << screen.lines().at(0);
  bar.finish();
  EXPECT_TRUE(screen.lines().at(0).ends_with(" 17.2it/s]")) << "over all: " << screen.lines().at(0);
}

TEST(ProgressBar, AnObserverTakesThePlaceOfTheTerminal) {
  TestScreen screen;
  screen.on = false;
  testing::VirtualTime time;
  static std::vector<std::string> seen;
  seen.clear();
  {
    ProgressBar bar({.title = "t", .total = 4, .on_update = [](const ProgressStatus& status) {
                       seen.push_back(std::string(status.title) + ' ' + std::to_string(status.done) + " of " +
                                      std::to_string(*status.total) + (status.finished ? " finished" : ""));
                     }});
    sleep_for(1s);
    bar.advance();
    bar.advance();
    sleep_for(1s);
    bar.advance();
  }
  EXPECT_EQ(seen, (Lines{"t 0 of 4", "t 1 of 4", "t 3 of 4", "t 3 of 4 finished"}));
  EXPECT_EQ(screen.writes, 0);
}

TEST(ProgressBar, ThreadsAdvanceOneBarOrEachItsOwn) {
  TestScreen screen(70);
  constexpr int kThreads = 4, kEach = 20'000;
  {
    ProgressBar shared({.title = "shared", .total = kThreads * kEach});
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        ProgressBar own({.title = "own", .total = kEach, .leave = false});
        for (int i = 0; i < kEach; ++i) {
          own.advance();
          shared.advance();
          if (i % 100 == 0) shared.set_title("shared by four");
        }
        EXPECT_EQ(own.done(), kEach);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(shared.done(), kThreads * kEach);
  }
  ASSERT_EQ(screen.lines().size(), 1u);
  EXPECT_TRUE(screen.lines()[0].starts_with("shared by four: 100%|")) << screen.lines()[0];
  EXPECT_TRUE(screen.clean());
}

TEST(ProgressBar, MayBeFinishedByAnotherThreadWhileItIsAdvanced) {
  for (int round = 0; round < 50; ++round) {
    TestScreen screen;
    ProgressBar bar({.total = 1000});
    std::thread other([&] { bar.finish(); });
    for (int i = 0; i < 1000; ++i) bar.advance();
    other.join();
    EXPECT_EQ(bar.done(), 1000);
    EXPECT_TRUE(screen.clean());
    EXPECT_EQ(screen.lines().size(), 1u);
  }
}

}  // namespace
}  // namespace plait
