// SPDX-License-Identifier: BSL-1.0
#include "io/progress_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace plait::detail {
namespace {

using namespace std::chrono_literals;

const ProgressStatus kHalf{.title = "title", .done = 420, .total = 1000, .elapsed = 12s, .per_second = 34.1};

std::string line(int columns, ProgressStatus status = kHalf, bool utf8 = true) {
  return progress_line(status, columns, utf8);
}

TEST(ProgressText, ALineHasTitleShareBarCountTimesAndRate) {
  EXPECT_EQ(line(60), "title:  42%|█████▉        | 420/1000 [00:12<00:17, 34.1it/s]");
  EXPECT_EQ(line(60, kHalf, false), "title:  42%|#####         | 420/1000 [00:12<00:17, 34.1it/s]");
}

TEST(ProgressText, ANarrowLineLosesOnePartAfterTheOther) {
  EXPECT_EQ(line(52), "title:  42%|██▌   | 420/1000 [00:12<00:17, 34.1it/s]");
  EXPECT_EQ(line(51), "title:  42%|██████▎        | 420/1000 [00:12<00:17]");
  EXPECT_EQ(line(40), "title:  42%|█████▍       | [00:12<00:17]");
  EXPECT_EQ(line(32), "title:  42% <00:17");
  EXPECT_EQ(line(18), "title:  42% <00:17");
  EXPECT_EQ(line(17), "title:  42%");
  EXPECT_EQ(line(10), "42% <00:17");
  EXPECT_EQ(line(9), "42%");
  EXPECT_EQ(line(3), "42%");
  EXPECT_EQ(line(2), "▄");
  EXPECT_EQ(line(1), "▄");
  EXPECT_EQ(line(1, kHalf, false), "4");
}

TEST(ProgressText, WithoutATotalThereAreCountTimeAndRate) {
  ProgressStatus status = kHalf;
  status.total.reset();
  EXPECT_EQ(line(60, status), "title: 420it [00:12, 34.1it/s]");
  EXPECT_EQ(line(29, status), "title: 420it [00:12]");
  EXPECT_EQ(line(19, status), "title: 420it");
  EXPECT_EQ(line(11, status), "420it");
  EXPECT_EQ(line(4, status), "420");
  EXPECT_EQ(line(2, status), "|");
  status.total = 400;
  EXPECT_EQ(line(60, status), "title: 420it [00:12, 34.1it/s]") << "more than all: the total was wrong";
  status.total = 0;
  status.done = 0;
  status.per_second = 0;
  EXPECT_EQ(line(60, status), "title: 0it [00:12, ?it/s]");
}

TEST(ProgressText, NoLineIsWiderThanTheTerminal) {
  for (const char* title : {"", "t", "数据 下载", "a title that is a good deal longer than the terminal is wide"}) {
    for (const std::int64_t total : {-1, 0, 1, 420, 1000, 2'000'000'000}) {
      for (const bool utf8 : {true, false}) {
        ProgressStatus status = kHalf;
        status.title = title;
        status.total = total < 0 ? std::nullopt : std::optional(total);
        for (int columns = 1; columns <= 200; ++columns) {
          const std::string text = line(columns, status, utf8);
          EXPECT_LE(display_width(text), columns) << text;
          EXPECT_FALSE(text.empty());
          if (text.find('|') < text.size() - 1) {
            EXPECT_EQ(display_width(text), columns) << text;
          }
        }
      }
    }
  }
}

TEST(ProgressText, ALongTitleIsCutBeforeTheRestIsDropped) {
  ProgressStatus status = kHalf;
  status.title = "a title of thirty-one characters";
  EXPECT_EQ(line(70, status), "a title of thirty-one …:  42%|██▌   | 420/1000 [00:12<00:17, 34.1it/s]");
  EXPECT_EQ(line(24, status), "a title of…:  42% <00:17");
}

TEST(ProgressText, TextIsCountedInColumns) {
  EXPECT_EQ(display_width("plait"), 5);
  EXPECT_EQ(display_width("数据"), 4);
  EXPECT_EQ(display_width("e\u0301"), 1) << "an accent of its own";
  EXPECT_EQ(display_width("\xff\xc3"), 2) << "what is no UTF-8 is shown as question marks";
  EXPECT_EQ(fit_text("数据下载", 5, true), "数据…");
  EXPECT_EQ(fit_text("数据下载", 4, true), "数…");
  EXPECT_EQ(fit_text("数据", 4, true), "数据");
  EXPECT_EQ(fit_text("数x", 10, false), "??x");
  EXPECT_EQ(fit_text("a\nb\x1b[2Jc", 20, true), "a?b?[2Jc") << "nothing in a title moves the cursor";
  EXPECT_EQ(fit_text("\xe6\x95", 20, true), "??");
  EXPECT_EQ(fit_text("abc", 0, true), "");
}

TEST(ProgressText, BarsAreFilledInEighths) {
  EXPECT_EQ(bar_text(0, 3, true), "   ");
  EXPECT_EQ(bar_text(1, 3, true), "███");
  EXPECT_EQ(bar_text(1.0 / 24, 3, true), "▏  ");
  EXPECT_EQ(bar_text(23.0 / 24, 3, true), "██▉");
  EXPECT_EQ(bar_text(2, 3, false), "###");
  EXPECT_EQ(bar_text(0.5, 3, false), "#  ");
}

TEST(ProgressText, TimesGrowFromMinutesToDays) {
  EXPECT_EQ(clock_text(0s), "00:00");
  EXPECT_EQ(clock_text(-5s), "00:00");
  EXPECT_EQ(clock_text(61s), "01:01");
  EXPECT_EQ(clock_text(1h + 2min + 3s), "1:02:03");
  EXPECT_EQ(clock_text(101h), "4d05h");
}

TEST(ProgressText, RatesHaveThreeDigitsAndTurnRoundWhenSlow) {
  const auto rate = [](double per_second, int scale = 0, const char* unit = "it") {
    return rate_text({.per_second = per_second, .unit = unit, .unit_scale = scale});
  };
  EXPECT_EQ(rate(0), "?it/s");
  EXPECT_EQ(rate(0.4), "2.50s/it");
  EXPECT_EQ(rate(3.414), "3.41it/s");
  EXPECT_EQ(rate(9.999), "10.0it/s");
  EXPECT_EQ(rate(341.4), "341it/s");
  EXPECT_EQ(rate(1234567), "1234567it/s");
  EXPECT_EQ(rate(999.4, 1000), "999it/s");
  EXPECT_EQ(rate(999.6, 1000), "1.00kit/s");
  EXPECT_EQ(rate(1.5 * 1024 * 1024, 1024, "B"), "1.50MiB/s");
}

TEST(ProgressText, CountsAreScaledOnDemand) {
  ProgressStatus status = kHalf;
  status.done = 420'000;
  status.total = 1'000'000;
  status.unit_scale = 1000;
  status.per_second = 34'100;
  EXPECT_EQ(line(60, status), "title:  42%|████▌      | 420k/1.00M [00:12<00:17, 34.1kit/s]");
  status.total.reset();
  EXPECT_EQ(line(60, status), "title: 420kit [00:12, 34.1kit/s]");
}

TEST(ProgressText, AHundredPercentMeansAll) {
  ProgressStatus status = kHalf;
  status.done = 9'999;
  status.total = 10'000;
  EXPECT_EQ(line(8, status), "99%");
  status.done = 10'000;
  EXPECT_EQ(line(8, status), "100%");
}

TEST(ProgressText, TheTimeLeftIsThatAtTheRate) {
  EXPECT_EQ(std::chrono::duration_cast<std::chrono::seconds>(*kHalf.left()), 17s);
  ProgressStatus status = kHalf;
  status.per_second = 0;
  EXPECT_EQ(status.left(), std::nullopt);
  status.per_second = 1e-9;
  EXPECT_EQ(status.left(), std::nullopt) << "thirty thousand years";
  status.done = 1000;
  EXPECT_EQ(status.left(), 0s);
  status.done = 1001;
  EXPECT_EQ(status.left(), std::nullopt);
}

}  // namespace
}  // namespace plait::detail
