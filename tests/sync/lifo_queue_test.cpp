// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/lifo_queue.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"

namespace plait {
namespace {

Task<> get_one(LifoQueue<int>& queue, std::vector<int>& got) { got.push_back(co_await queue.get()); }

TEST(LifoQueue, GivesTheItemFirstThatWasPutLast) {
  LifoQueue<std::unique_ptr<int>> queue(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.try_put(std::make_unique<int>(i)));
  EXPECT_FALSE(queue.try_put(std::make_unique<int>(3)));
  for (int i = 2; i >= 0; --i) EXPECT_EQ(**queue.try_get(), i);
  EXPECT_EQ(queue.try_get(), std::nullopt);
}

TEST(LifoQueue, PutsWhatIsGivenBackToWhereItWas) {
  for (const bool forward : {true, false}) {
    LifoQueue<int> queue;
    std::vector<int> got;
    run([&]() -> Task<> {
      Future<void> a = spawn(get_one(queue, got)), b = spawn(get_one(queue, got));
      co_await yield_now();
      for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.try_put(i));  // 0 and 1 are granted
      (forward ? a : b).cancel();
      (forward ? b : a).cancel();
      while (!a.done() || !b.done()) co_await yield_now();
    });
    for (int i = 3; i >= 0; --i) EXPECT_EQ(queue.try_get(), i);
    EXPECT_TRUE(got.empty());
  }
}

TEST(LifoQueue, LosesNothingWhereverItsUserIsCancelled) {
  std::unique_ptr<LifoQueue<int>> queue;
  int got = 0;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        queue = std::make_unique<LifoQueue<int>>(2);
        got = 0;
        for (int i = 0; i < 2; ++i) EXPECT_TRUE(queue->try_put(1 << i));
        for (int i = 0; i < 2; ++i) got += co_await queue->get();
      },
      [&](const testing::CancelPoint& point) {
        int sum = got;
        while (auto item = queue->try_get()) sum += *item;
        EXPECT_EQ(sum, 3) << point.text();
      });
}

TEST(LifoQueueDeathTest, StopsTheProgramWhenItIsDestroyedWithWaiters) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto queue = std::make_unique<LifoQueue<int>>();
                 std::vector<int> got;
                 auto a = spawn(get_one(*queue, got));
                 co_await yield_now();
                 queue.reset();
               }),
               "a LifoQueue was destroyed with 1 waiter");
}

}  // namespace
}  // namespace plait
