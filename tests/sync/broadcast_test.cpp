// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/broadcast.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"

namespace plait {
namespace {

TEST(Broadcast, GivesEveryReceiverEveryValueSentSinceItSubscribed) {
  Broadcast<int> channel(8);
  auto a = channel.subscribe();
  channel.send(1);
  auto b = channel.subscribe();
  channel.send(2);
  EXPECT_EQ(a.try_get(), 1);
  EXPECT_EQ(a.try_get(), 2);
  EXPECT_EQ(a.try_get(), std::nullopt);
  EXPECT_EQ(b.try_get(), 2);
  EXPECT_EQ(b.try_get(), std::nullopt);
}

TEST(Broadcast, TellsAReceiverThatLagsHowMuchItMissedAndGoesOnWithTheOldestThatIsLeft) {
  Broadcast<int> channel(2);
  auto receiver = channel.subscribe();
  for (int i = 0; i < 5; ++i) channel.send(i);
  try {
    (void)receiver.try_get();
    FAIL();
  } catch (const BroadcastLagged& lagged) {
    EXPECT_EQ(lagged.missed(), 3u);
    EXPECT_NE(std::string(lagged.what()).find("missed 3 value"), std::string::npos);
  }
  EXPECT_EQ(receiver.try_get(), 3);
  EXPECT_EQ(receiver.try_get(), 4);
}

TEST(Broadcast, EndsForAllWhenItIsShutDownAndDrained) {
  Broadcast<int> channel(4);
  auto receiver = channel.subscribe();
  int sum = 0;
  run([&]() -> Task<> {
    auto f = spawn([&]() -> Task<> {
      while (auto x = co_await receiver.next()) sum += *x;
    });
    co_await yield_now();
    EXPECT_EQ(channel.waiting(), 1u);
    channel.send(1);
    channel.send(2);
    channel.shutdown();
    EXPECT_THROW(channel.send(3), QueueShutDown);
    co_await f;
    EXPECT_THROW(co_await receiver.get(), QueueShutDown);
    EXPECT_THROW((void)receiver.try_get(), QueueShutDown);
  });
  EXPECT_EQ(sum, 3);
}

TEST(Broadcast, LosesNothingWhereverAReceiverIsCancelled) {
  std::unique_ptr<Broadcast<int>> channel;
  std::optional<Broadcast<int>::Receiver> receiver;
  int got = 0;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        receiver.reset();
        channel = std::make_unique<Broadcast<int>>(8);
        receiver = channel->subscribe();
        got = 0;
        auto sender = spawn([&]() -> Task<> {
          for (int i = 0; i < 3; ++i) {
            co_await yield_now();
            channel->send(i);
          }
        });
        for (int i = 0; i < 3; ++i) {
          EXPECT_EQ(co_await receiver->get(), got);
          ++got;
        }
        co_await sender;
      },
      [&](const testing::CancelPoint& point) {
        while (auto value = receiver->try_get()) EXPECT_EQ(*value, got++) << point.text();
        EXPECT_EQ(channel->waiting(), 0u);
      });
}

TEST(Broadcast, GivesAValueAgainWhoseCopyThrew) {
  struct Fragile {
    explicit Fragile(bool* b) : breaks(b) {}
    Fragile(Fragile&& other) noexcept : breaks(other.breaks) {}
    Fragile(const Fragile& other) : breaks(other.breaks) {
      if (*breaks) throw std::domain_error("copy");
    }
    bool* breaks;
  };
  bool breaks = true;
  Broadcast<Fragile> channel(2);
  auto receiver = channel.subscribe();
  channel.send(Fragile(&breaks));
  EXPECT_THROW((void)receiver.try_get(), std::domain_error);
  breaks = false;
  EXPECT_TRUE(receiver.try_get());
}

TEST(Broadcast, ReachesTasksOfTwoLoopsAndThreadsInOrder) {
  const int n = test::rounds(5000);
  Broadcast<int> channel(static_cast<std::size_t>(n));
  const auto in_loop = [&](Broadcast<int>::Receiver receiver) {
    run([&]() -> Task<> {
      for (int i = 0; i < n; ++i) EXPECT_EQ(co_await receiver.get(), i);
    });
  };
  const auto in_thread = [&](Broadcast<int>::Receiver receiver) {
    for (int i = 0; i < n; ++i) EXPECT_EQ(sync_wait(receiver.get()), i);
  };
  std::thread strands[] = {std::thread(in_loop, channel.subscribe()), std::thread(in_loop, channel.subscribe()),
                           std::thread(in_thread, channel.subscribe()), std::thread(in_thread, channel.subscribe())};
  for (int i = 0; i < n; ++i) channel.send(i);
  for (std::thread& t : strands) t.join();
}

TEST(Broadcast, RefusesToKeepNothingAndToBlockALoop) {
  EXPECT_THROW(Broadcast<int>(0), std::logic_error);
  Broadcast<int> channel(1);
  auto receiver = channel.subscribe();
  run([&]() -> Task<> {
    EXPECT_THROW(sync_wait(receiver.get()), std::logic_error);
    co_return;
  });
}

TEST(BroadcastDeathTest, StopsTheProgramWhenItIsDestroyedWithWaiters) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto channel = std::make_unique<Broadcast<int>>(1);
                 auto receiver = channel->subscribe();
                 auto f = spawn([&]() -> Task<> { co_await receiver.get(); });
                 co_await yield_now();
                 channel.reset();
               }),
               "a Broadcast was destroyed with 1 waiter");
}

}  // namespace
}  // namespace plait
