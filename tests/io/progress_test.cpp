// SPDX-License-Identifier: BSL-1.0
#include "plait/io/progress.hpp"

#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"
#include "support/terminal.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::give_after;
using test::TestScreen;
using Lines = std::vector<std::string>;

Generator<int> count_to(int n) {
  for (int i = 1; i <= n; ++i) co_yield i;
}
Generator<std::unique_ptr<int>> pointers(int n) {
  for (int i = 1; i <= n; ++i) co_yield std::make_unique<int>(i);
}

TEST(Progress, IsAnInputRangeAndAView) {
  using Rows = decltype(progress(std::declval<std::vector<int>&>()));
  static_assert(std::ranges::input_range<Rows> && std::ranges::view<Rows> && !std::ranges::forward_range<Rows>);
  static_assert(std::ranges::sized_range<Rows>);
  static_assert(std::is_same_v<std::ranges::range_reference_t<Rows>, int&>);
  static_assert(std::is_same_v<std::ranges::range_rvalue_reference_t<Rows>, int&&>);
  using Values = decltype(progress(count_to(1)));
  static_assert(std::ranges::input_range<Values> && !std::ranges::sized_range<Values>);
  static_assert(std::is_same_v<std::ranges::range_reference_t<Values>, int&&>);
  static_assert(std::is_trivially_destructible_v<ProgressOptions>);
}

TEST(Progress, PassesEveryKindOfRangeThrough) {
  for (const bool on : {true, false}) {
    TestScreen screen;
    screen.on = on;
    std::vector<int> vector{1, 2, 3};
    for (int& x : progress(vector)) x *= 10;
    EXPECT_EQ(vector, (std::vector{10, 20, 30}));
    const std::vector<int> constant{1, 2, 3};
    int sum = 0;
    for (const int& x : progress(constant)) sum += x;
    for (const int x : progress(std::vector{4, 5})) sum += x;
    for (const int x : progress(std::list{6, 7})) sum += x;
    for (const int x : progress(std::views::iota(8, 10))) sum += x;
    for (const int x : progress(std::views::iota(10)) | std::views::take(1)) sum += x;
    for (const int x : progress(count_to(4))) sum += x;
    EXPECT_EQ(sum, 65);
    Generator<int> generator = count_to(4);
    for (const int x : progress(generator)) {
      sum += x;
      if (x == 2) break;
    }
    EXPECT_EQ(sum, 68);
    for (const int x : progress(generator)) sum += x;
    EXPECT_EQ(sum, 75) << "an lvalue keeps the rest";
    for (std::unique_ptr<int>&& p : progress(pointers(3))) sum += *std::unique_ptr<int>(std::move(p));
    EXPECT_EQ(sum, 81);
    std::istringstream text("1 2 3");
    for (const int x : progress(std::views::istream<int>(text))) sum += x;
    EXPECT_EQ(sum, 87);
    for (const int x : progress(std::vector<int>())) sum += x;
    for (const bool x : progress(std::vector<bool>{true, false})) sum += x;
    EXPECT_EQ(sum, 88);
    EXPECT_TRUE(screen.clean());
    EXPECT_EQ(screen.writes > 0, on);
  }
}

TEST(Progress, ShowsAtTheEndHowMuchWasDoneInWhatTime) {
  TestScreen screen;
  testing::VirtualTime time;
  for ([[maybe_unused]] const int x : progress(std::vector{1, 2, 3, 4}, {.title = "sized"})) sleep_for(500ms);
  for ([[maybe_unused]] const int x : progress(count_to(4), {.title = "not sized"})) sleep_for(1s);
  for ([[maybe_unused]] const int x : progress(count_to(4), {.title = "told", .total = 4})) sleep_for(1s);
  for ([[maybe_unused]] const int x : progress(std::vector{1, 2, 3}, {.leave = false})) sleep_for(1s);
  for ([[maybe_unused]] const int x : progress(std::vector{1, 2, 3}, {.disable = true})) sleep_for(1s);
  EXPECT_EQ(screen.lines(),
            (Lines{"sized: 100%|██████████████████| 4/4 [00:02<00:00, 2.00it/s]", "not sized: 4it [00:04, 1.00it/s]",
                   "told: 100%|███████████████████| 4/4 [00:04<00:00, 1.00it/s]"}));
  EXPECT_TRUE(screen.clean());
}

TEST(Progress, DrawsAtOnceAndThenTenTimesASecondAtMost) {
  TestScreen screen(80);
  testing::VirtualTime time;
  Lines seen;
  int i = 0;
  for ([[maybe_unused]] const int x : progress(std::views::iota(0, 1000), {.title = "t", .leave = false})) {
    if (++i % 250 == 1) seen.push_back(screen.lines().at(0));
    sleep_for(10ms);
  }
  EXPECT_EQ(seen.at(0), "t:   0%|                                              | 0/1000 [00:00<?, ?it/s]");
  EXPECT_EQ(seen.at(2), "t:  50%|███████████████████                   | 500/1000 [00:05<00:05, 100it/s]");
  EXPECT_GE(screen.writes, 90);
  EXPECT_LE(screen.writes, 102) << "10 seconds, the first and the last";
  EXPECT_EQ(screen.lines(), Lines{});
}

TEST(Progress, BeginsTheRangeOnceAfterTheBarWasDrawn) {
  struct Range {
    int* begins;
    std::string* shown;
    TestScreen* screen;
    std::list<int> items{1, 2, 3};
    auto begin() {
      ++*begins;
      *shown = screen->lines().at(0);
      return items.begin();
    }
    auto end() { return items.end(); }
  };
  TestScreen screen;
  int begins = 0;
  std::string shown;
  Range range{&begins, &shown, &screen};
  for ([[maybe_unused]] const int x : progress(range, {.title = "t"})) {
  }
  EXPECT_EQ(begins, 1);
  EXPECT_EQ(shown, "t: 0it [00:00, ?it/s]");
}

TEST(Progress, ABreakLeavesTheBarWhereItWas) {
  TestScreen screen;
  testing::VirtualTime time;
  for (const int x : progress(std::vector{1, 2, 3, 4}, {.title = "t"})) {
    sleep_for(1s);
    if (x == 3) break;
  }
  EXPECT_EQ(screen.lines(), Lines{"t:  50%|███████████           | 2/4 [00:03<00:03, 1.50s/it]"});
  EXPECT_TRUE(screen.clean());
}

TEST(Progress, ExceptionsOfTheLoopAndOfTheRangePassThroughAndLeaveTheTerminalClean) {
  const auto fails = [](int at) -> Generator<int> {
    for (int i = 0; i < at; ++i) co_yield i;
    throw std::runtime_error("the range");
  };
  TestScreen screen;
  EXPECT_THROW(
      {
        for ([[maybe_unused]] const int x : progress(std::vector{1, 2}, {.title = "a"}))
          throw std::runtime_error("loop");
      },
      std::runtime_error);
  EXPECT_TRUE(screen.clean());
  EXPECT_THROW(
      {
        for ([[maybe_unused]] const int x : progress(fails(2), {.title = "b"})) {
        }
      },
      std::runtime_error);
  EXPECT_TRUE(screen.clean());
  EXPECT_THROW(
      {
        for ([[maybe_unused]] const int x : progress(fails(0), {.title = "c", .leave = false})) {
        }
      },
      std::runtime_error);
  EXPECT_TRUE(screen.clean());
  ASSERT_EQ(screen.lines().size(), 2u);
  EXPECT_TRUE(screen.lines()[0].starts_with("a:   0%")) << screen.lines()[0];
  EXPECT_TRUE(screen.lines()[1].starts_with("b: 2it")) << screen.lines()[1];
}

TEST(Progress, ANamedOneEndsWithItsRangeAndMayBeMovedBefore) {
  TestScreen screen;
  std::vector<int> items{1, 2};
  auto made = progress(items, {.title = "t"});
  EXPECT_EQ(made.size(), 2u);
  auto moved = std::move(made);
  for ([[maybe_unused]] const int x : moved) {
  }
  EXPECT_TRUE(screen.clean());
  const int writes = screen.writes;
  int again = 0;
  for (const int x : moved) again += x;
  EXPECT_EQ(again, 3);
  EXPECT_EQ(screen.writes, writes) << "a second time is not drawn";
}

TEST(Progress, LoopsInLoopsHaveARowEach) {
  TestScreen screen(40);
  testing::VirtualTime time;
  Lines middle;
  for (const int i : progress(std::vector{1, 2}, {.title = "outer"})) {
    for (const int j : progress(std::vector{1, 2}, {.title = "inner", .leave = false})) {
      sleep_for(1s);
      if (i == 2 && j == 2) middle = screen.lines();
    }
  }
  EXPECT_EQ(middle, (Lines{"outer:  50%|████    | 1/2 [00:03<00:02]", "inner:  50%|████    | 1/2 [00:01<00:01]"}));
  EXPECT_EQ(screen.lines(), Lines{"outer: 100%|████████| 2/2 [00:04<00:00]"});
  EXPECT_TRUE(screen.clean());
}

TEST(Progress, BadOptionsAreRefusedAlsoWhereNobodyLooks) {
  TestScreen screen;
  for (const bool on : {true, false}) {
    screen.on = on;
    EXPECT_THROW(static_cast<void>(progress(std::vector{1}, {.total = -1})), std::logic_error);
    EXPECT_THROW(static_cast<void>(progress(std::vector{1}, {.unit_scale = 10})), std::logic_error);
    EXPECT_THROW(static_cast<void>(progress(count_to(1), {.total = -1, .disable = true})), std::logic_error);
  }
  EXPECT_EQ(screen.writes, 0);
}

AsyncGenerator<int> ticks(int n) {
  for (int i = 1; i <= n; ++i) {
    co_await sleep(1s);
    co_yield i;
  }
}

TEST(ProgressOfTasks, CountsWhatAnAsyncGeneratorGives) {
  TestScreen screen;
  std::string half;
  testing::run([&]() -> Task<> {
    auto p = progress(ticks(4), {.title = "ticks", .total = 4});
    int sum = 0;
    while (auto item = co_await p.next()) {
      sum += *item;
      if (*item == 3) half = screen.lines().at(0);
    }
    EXPECT_EQ(sum, 10);
    EXPECT_TRUE(screen.clean()) << "it ends with the source";
    EXPECT_FALSE(co_await p.next());
  });
  EXPECT_EQ(half, "ticks:  50%|█████████         | 2/4 [00:02<00:02, 1.00it/s]")
      << "drawn when the third was asked for";
  EXPECT_EQ(screen.lines(), Lines{"ticks: 100%|██████████████████| 4/4 [00:04<00:00, 1.00it/s]"});
}

TEST(ProgressOfTasks, KnowsTheTotalOfAsCompletedAndCountsErrorsToo) {
  TestScreen screen;
  testing::run([&]() -> Task<> {
    std::vector<Task<int>> tasks;
    for (int i = 1; i <= 3; ++i) tasks.push_back(give_after(std::chrono::seconds(i), i));
    tasks.push_back([]() -> Task<int> {
      co_await sleep(1500ms);
      throw std::runtime_error("one of them");
    }());
    auto results = as_completed(std::move(tasks));
    auto p = progress(results, {.title = "all"});
    int sum = 0, errors = 0;
    for (bool more = true; more;) {
      try {
        auto* item = co_await p.next();
        more = item != nullptr;
        if (item) sum += co_await *item;
      } catch (const std::runtime_error&) {
        ++errors;
      }
    }
    EXPECT_EQ(sum, 6);
    EXPECT_EQ(errors, 1);
  });
  EXPECT_EQ(screen.lines(), Lines{"all: 100%|████████████████████| 4/4 [00:03<00:00, 1.33it/s]"});
}

TEST(ProgressOfTasks, PassesReferencesThroughAndTakesQueues) {
  TestScreen screen;
  static int object = 0;
  const auto objects = []() -> AsyncGenerator<int&> {
    co_yield object;
    co_yield object;
  };
  run([&]() -> Task<> {
    auto p = progress(objects(), {.leave = false});
    while (int* item = co_await p.next()) ++*item;
    Queue<std::unique_ptr<int>> queue;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.try_put(std::make_unique<int>(i)));
    queue.shutdown();
    auto q = progress(queue);
    int sum = 0;
    while (auto item = co_await q.next()) sum += **item;
    EXPECT_EQ(sum, 3);
  });
  EXPECT_EQ(object, 2);
  EXPECT_EQ(screen.lines().size(), 1u);
}

TEST(ProgressOfTasks, ACancelledNextCountsNothing) {
  TestScreen screen;
  testing::run([&]() -> Task<> {
    Queue<int> queue;
    auto p = progress(queue, {.title = "t"});
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(co_await move_on_after(1s, p.next()));
    EXPECT_TRUE(queue.try_put(1));
    EXPECT_EQ(co_await p.next(), 1);
    queue.shutdown();
    EXPECT_EQ(co_await p.next(), std::nullopt);
  });
  EXPECT_EQ(screen.lines(), Lines{"t: 1it [00:03, 3.00s/it]"});
}

TEST(ProgressOfTasks, ThreadsWaitForTheSameNext) {
  TestScreen screen;
  Queue<int> queue;
  EXPECT_TRUE(queue.try_put(1));
  queue.shutdown();
  auto p = progress(queue);
  EXPECT_EQ(sync_wait(p.next()), 1);
  EXPECT_EQ(sync_wait(p.next()), std::nullopt);
  EXPECT_TRUE(screen.clean());
}

/// As the results of a map are: a range for threads, and `next()` for tasks.
class Both {
 public:
  explicit Both(int n) : left_(n) {}
  auto begin() { return std::counted_iterator(std::views::iota(0).begin(), left_); }
  auto end() { return std::default_sentinel; }
  Task<std::optional<int>> next() {
    co_await yield_now();
    if (left_ == 0) co_return std::nullopt;
    co_return left_--;
  }
  std::size_t left() const { return static_cast<std::size_t>(left_); }

 private:
  int left_;
};

TEST(ProgressOfTasks, ARangeThatHasNextServesBoth) {
  TestScreen screen(30);
  int sum = 0;
  for (const int x : progress(Both(3), {.title = "r"})) sum += x;
  run([&]() -> Task<> {
    auto p = progress(Both(3), {.title = "n"});
    while (auto item = co_await p.next()) sum += *item;
  });
  EXPECT_EQ(sum, 9);
  EXPECT_EQ(screen.lines(), (Lines{"r: 100%|██████| [00:00<00:00]", "n: 100%|██████| [00:00<00:00]"}));
}

TEST(ProgressOfPools, GoesRoundAMapAndAsCompletedThatHaveNoName) {
  TestScreen screen(30);
  ThreadPool pool(2);
  const std::vector<int> xs{1, 2, 3};
  const auto twice = [](int x) { return 2 * x; };
  int sum = 0;
  for (const int y : progress(pool.map(twice, xs), {.title = "map"})) sum += y;
  for (const int y : progress(pool.map(twice, std::vector{4, 5}, {.ordered = false}), {.title = "own"})) sum += y;
  std::vector<Future<int>> futures;
  for (const int x : xs) futures.push_back(pool.submit(twice, x));
  for (const auto& future : progress(as_completed(futures), {.title = "done"})) sum += future.result();
  run([&]() -> Task<> {
    auto p = progress(pool.map(twice, xs), {.title = "next"});
    while (auto y = co_await p.next()) sum += *y;
    auto q = progress(as_completed(futures), {.title = "tasks"});
    for (bool more = true; more;) {
      const auto* future = co_await q.next();
      more = future != nullptr;
      if (more) sum += co_await *future;
    }
    co_await pool.close();
  });
  EXPECT_EQ(sum, 4 * 12 + 18);
  Lines titles;
  for (const std::string& line : screen.lines()) titles.push_back(line.substr(0, line.find(" <")));
  EXPECT_EQ(titles, (Lines{"map: 100%", "own: 100%", "done: 100%", "next: 100%", "tasks: 100%"}));
  EXPECT_TRUE(screen.clean());
}

}  // namespace
}  // namespace plait
