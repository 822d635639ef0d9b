// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/priority_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"

namespace plait {
namespace {

using Job = std::pair<int, int>;  // priority, number

struct ByPriority {
  bool operator()(const Job& a, const Job& b) const { return a.first < b.first; }
};

TEST(PriorityQueue, GivesTheLeastFirst) {
  PriorityQueue<int> queue;
  std::mt19937 random(1);
  std::vector<int> items;
  for (int i = 0; i < 500; ++i) {
    items.push_back(static_cast<int>(random() % 1000));
    EXPECT_TRUE(queue.try_put(items.back()));
  }
  std::sort(items.begin(), items.end());
  for (int item : items) EXPECT_EQ(queue.try_get(), item);
}

TEST(PriorityQueue, TakesAnOrderOfYourOwn) {
  PriorityQueue<int, std::greater<int>> queue;
  for (int i : {2, 3, 1}) EXPECT_TRUE(queue.try_put(i));
  for (int i : {3, 2, 1}) EXPECT_EQ(queue.try_get(), i);
}

TEST(PriorityQueue, GivesEqualOnesInTheOrderInWhichTheyWerePut) {
  PriorityQueue<Job, ByPriority> queue;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(queue.try_put(Job(i % 3, i)));
  Job last(-1, -1);
  for (int i = 0; i < 100; ++i) {
    const Job job = *queue.try_get();
    EXPECT_TRUE(last.first < job.first || (last.first == job.first && last.second < job.second));
    last = job;
  }
}

TEST(PriorityQueue, PutsWhatIsGivenBackInFrontOfItsEquals) {
  PriorityQueue<Job, ByPriority> queue;
  run([&]() -> Task<> {
    const auto get = [&]() -> Task<> { co_await queue.get(); };
    Future<void> a = spawn(get), b = spawn(get);
    co_await yield_now();
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.try_put(Job(0, i)));
    a.cancel();
    b.cancel();
    while (!a.done() || !b.done()) co_await yield_now();
  });
  for (int i = 0; i < 4; ++i) EXPECT_EQ(queue.try_get()->second, i);
}

/// Throws at the comparison whose turn it is.
struct Throwing {
  bool operator()(const std::unique_ptr<int>& a, const std::unique_ptr<int>& b) const {
    if (*countdown > 0 && --*countdown == 0) throw std::domain_error("compare");
    return *a < *b;
  }
  int* countdown;
};

TEST(PriorityQueue, LosesNothingWhereverCompareThrows) {
  int countdown = 0;
  for (int at = 1; at < 200; ++at) {
    countdown = 0;
    PriorityQueue<std::unique_ptr<int>, Throwing> queue(0, Throwing{&countdown});
    for (int i : {5, 3, 9, 1, 7, 2, 8}) EXPECT_TRUE(queue.try_put(std::make_unique<int>(i)));
    countdown = at;
    std::vector<int> got;
    auto six = std::make_unique<int>(6);
    for (int step = 0; step < 10; ++step) {
      try {
        if (six) {
          EXPECT_TRUE(queue.try_put(std::move(six)));
        } else if (auto item = queue.try_get()) {
          got.push_back(**item);
        }
      } catch (const std::domain_error&) {
      }
    }
    EXPECT_EQ(got, (std::vector{1, 2, 3, 5, 6, 7, 8, 9})) << at;
  }
}

TEST(PriorityQueue, TellsAPutterThatWaitsWhatCompareThrewAndServesTheNext) {
  int countdown = 0;
  PriorityQueue<std::unique_ptr<int>, Throwing> queue(2, Throwing{&countdown});
  run([&]() -> Task<> {
    for (int i : {1, 2}) EXPECT_TRUE(queue.try_put(std::make_unique<int>(i)));
    const auto put = [&](int i) -> Task<> { co_await queue.put(std::make_unique<int>(i)); };
    Future<void> a = spawn(put, 3), b = spawn(put, 4);
    co_await yield_now();
    countdown = 1;  // the get of one of two compares nothing, the put that follows does
    EXPECT_EQ(**queue.try_get(), 1);
    EXPECT_THROW(co_await a, std::domain_error);
    co_await b;
  });
  EXPECT_EQ(**queue.try_get(), 2);
  EXPECT_EQ(**queue.try_get(), 4);
}

TEST(PriorityQueueDeathTest, StopsTheProgramWhenItIsDestroyedWithWaiters) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto queue = std::make_unique<PriorityQueue<int>>(1);
                 EXPECT_TRUE(queue->try_put(1));
                 auto a = spawn([&]() -> Task<> { co_await queue->put(2); });
                 co_await yield_now();
                 queue.reset();
               }),
               "a PriorityQueue was destroyed with 1 waiter.*1 in put");
}

}  // namespace
}  // namespace plait
