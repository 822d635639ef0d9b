// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/as_completed.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::give_after;
using test::Live;
using test::turns;

template <class... S>
std::vector<Task<int>> after_seconds(S... seconds) {
  std::vector<Task<int>> tasks;
  (tasks.push_back(give_after(std::chrono::seconds(seconds), seconds)), ...);
  return tasks;
}

TEST(AsCompleted, GivesResultsAsTheyComeWithTheirPlace) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    auto results = as_completed(after_seconds(3, 1, 2));
    EXPECT_EQ(results.left(), 3u);
    std::string order;
    while (auto item = co_await results.next()) {
      order += std::to_string(item->index) + ":" + std::to_string(item->value) + " ";
      EXPECT_EQ(time.elapsed(), std::chrono::seconds(item->value));
    }
    EXPECT_EQ(order, "1:1 2:2 0:3 ");
    EXPECT_EQ(results.left(), 0u);
    EXPECT_FALSE(co_await results.next());
  });
}

TEST(AsCompleted, TakesFuturesAlsoOfThreadsAndResultsThatCanOnlyBeMoved) {
  run([]() -> Task<> {
    std::vector<Future<std::unique_ptr<int>>> futures;
    for (int i = 0; i < 4; ++i) futures.push_back(spawn_thread([i] { return std::make_unique<int>(i); }));
    auto results = as_completed(std::move(futures));
    int sum = 0;
    while (auto item = co_await results.next()) sum += *item->value;
    EXPECT_EQ(sum, 6);
    std::vector<Future<void>> voids;
    voids.push_back(spawn(turns(2)));
    auto ends = as_completed(std::move(voids));
    EXPECT_TRUE(co_await ends.next());
    std::vector<Future<int>> empty(1);
    EXPECT_THROW(static_cast<void>(as_completed(std::move(empty))), std::logic_error);
  });
}

TEST(AsCompleted, ThrowsWhereOneFailedAndGoesOnAfterIt) {
  testing::run([]() -> Task<> {
    std::vector<Task<>> tasks;
    tasks.push_back(turns(1));
    tasks.push_back(test::fail_after(1s, "x"));
    tasks.push_back(turns(1));
    auto results = as_completed(std::move(tasks));
    EXPECT_TRUE(co_await results.next());
    EXPECT_TRUE(co_await results.next());
    EXPECT_THROW(co_await results.next(), std::runtime_error);
    EXPECT_FALSE(co_await results.next());
  });
}

TEST(AsCompleted, PassesNothingOverWhenAWaitIsCancelled) {
  testing::run([]() -> Task<> {
    auto results = as_completed(after_seconds(2, 4));
    EXPECT_FALSE(co_await move_on_after(1s, results.next()));
    EXPECT_EQ((co_await results.next())->value, 2);
    EXPECT_FALSE(co_await move_on_after(1s, results.next()));
    EXPECT_EQ((co_await results.next())->value, 4);
  });
}

TEST(AsCompleted, CancelsTheTasksThatAreLeftWhenItDies) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    int live = 0;
    const auto one = [&](Duration span) -> Task<int> {
      Live here(live);
      co_await sleep(span);
      co_return 1;
    };
    {
      std::vector<Task<int>> tasks;
      tasks.push_back(one(1s));
      tasks.push_back(one(1000h));
      auto results = as_completed(std::move(tasks));
      co_await results.next();
      EXPECT_EQ(live, 1);
    }
    co_await turns(3);
    EXPECT_EQ(live, 0);
    EXPECT_EQ(time.elapsed(), 1s);
  });
}

TEST(AsCompleted, LeavesFuturesThatAreLeftAlone) {
  testing::run([]() -> Task<> {
    bool ended = false;
    {
      std::vector<Future<void>> futures;
      futures.push_back(spawn([&]() -> Task<> {
        co_await sleep(2s);
        ended = true;
      }));
      auto results = as_completed(std::move(futures));
      EXPECT_FALSE(co_await move_on_after(1s, results.next()));
    }
    co_await sleep(2s);
    EXPECT_TRUE(ended);
  });
}

TEST(AsCompleted, RefusesASecondTaskThatAsks) {
  testing::run([]() -> Task<> {
    auto results = as_completed(after_seconds(1, 2));
    Future<void> first = spawn([&]() -> Task<> { EXPECT_EQ((co_await results.next())->value, 1); });
    co_await turns(2);
    EXPECT_THROW(co_await results.next(), std::logic_error);
    co_await first;
    EXPECT_EQ((co_await results.next())->value, 2);
  });
}

TEST(AsCompleted, MayDieWhileThreadsComplete) {
  for (int round = 0; round < test::rounds(200); ++round) {
    run([&]() -> Task<> {
      std::vector<Future<int>> futures;
      for (int i = 0; i < 3; ++i) futures.push_back(spawn_thread([i] { return i; }));
      auto results = as_completed(std::move(futures));
      for (int i = 0; i < round % 4; ++i) co_await results.next();
    });
  }
}

TEST(AsCompleted, RunsInAThread) {
  testing::VirtualTime time;
  const auto first = []() -> Task<int> {
    auto results = as_completed(after_seconds(2, 1));
    co_return (co_await results.next())->value;
  };
  EXPECT_EQ(sync_wait(first()), 1);
  EXPECT_EQ(time.elapsed(), 1s);
}

TEST(AsCompleted, LeavesNoTaskBehindWhereverItIsCancelled) {
  int live = 0;
  // Out here: the tasks are cancelled with the body, and end after it.
  const auto one = [&](Duration span) -> Task<int> {
    Live here(live);
    co_await sleep(span);
    co_return 1;
  };
  testing::cancel_everywhere(
      [&]() -> Task<int> {
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 3; ++i) tasks.push_back(one(std::chrono::seconds(1 + i % 2)));
        auto results = as_completed(std::move(tasks));
        int sum = 0;
        while (auto item = co_await results.next()) sum += item->value;
        co_return sum;
      },
      [&](const testing::CancelPoint& point) { EXPECT_EQ(live, 0) << point.text(); });
}

}  // namespace
}  // namespace plait
