// SPDX-License-Identifier: BSL-1.0
#include "plait/process/shared_queue.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/process/shared_array.hpp"
#include "plait/process/shared_value.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"
#include "support/forked.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::Forked;
using test::rounds;
using test::turns;

TEST(SharedQueue, GivesWhatWasPut_InOrder) {
  shared::Queue<int> queue(3);
  EXPECT_FALSE(queue.try_get());
  EXPECT_TRUE(queue.try_put(1) && queue.try_put(2) && queue.try_put(3));
  EXPECT_FALSE(queue.try_put(4));
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.capacity(), 3u);
  EXPECT_EQ(queue.try_get(), 1);
  EXPECT_EQ(sync_wait(queue.get()), 2);
  EXPECT_EQ(sync_wait(queue.next()), 3);
  EXPECT_TRUE(queue.empty());
}

TEST(SharedQueue, CarriesLinesToAnotherProcess) {
  shared::Queue<std::string> queue(64);
  Forked producer([&] {
    for (int i = 0; i < 1000; ++i) sync_wait(queue.put("line " + std::to_string(i)));
  });
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(sync_wait(queue.get()), "line " + std::to_string(i));
  EXPECT_TRUE(producer.ends_well());
}

TEST(SharedQueue, CarriesMessagesLargerThanAnyBlock_AndUsesTheirMemoryAgain) {
  shared::Queue<std::vector<int>> queue(2);
  Forked producer([&] {
    for (int i = 0; i < 40; ++i) sync_wait(queue.put(std::vector<int>(static_cast<std::size_t>(i) * 20'000 + 1, i)));
    for (int i = 0; i < 3; ++i) sync_wait(queue.put(std::vector<int>(6'000'000, i)));  // gives pages back
  });
  for (int i = 0; i < 40; ++i) {
    const std::vector<int> got = sync_wait(queue.get());
    ASSERT_EQ(got.size(), static_cast<std::size_t>(i) * 20'000 + 1);
    EXPECT_EQ(got.front(), i);
    EXPECT_EQ(got.back(), i);
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sync_wait(queue.get()), std::vector<int>(6'000'000, i));
  EXPECT_TRUE(producer.ends_well());
}

TEST(SharedQueue, HoldsAsManyItemsAsCome_WithoutABound) {
  shared::Queue<int> queue;
  const int n = 200'000;
  for (int i = 0; i < n; ++i) sync_wait(queue.put(i));
  EXPECT_EQ(queue.size(), static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) ASSERT_EQ(sync_wait(queue.get()), i);
}

TEST(SharedQueue, WaitsOnBothSides_InTasksThreadsAndProcesses) {
  shared::Queue<int> queue(2);
  shared::Value<std::atomic<long>> sum;
  const int n = rounds(5'000);
  const auto consume = [=] {
    while (auto item = sync_wait(queue.next())) sum->fetch_add(*item);
  };
  const auto consume_by_tasks = [=] {
    run([&]() -> Task<> {
      const auto one = [&]() -> Task<> {
        while (auto item = co_await queue.next()) sum->fetch_add(*item);
      };
      co_await gather(one(), one());
    });
  };
  Forked a(consume), b(consume_by_tasks);
  std::thread c(consume_by_tasks);
  Forked producer([&] {
    for (int i = 1; i <= n; ++i) sync_wait(queue.put(i));
  });
  run([&]() -> Task<> {
    for (int i = 1; i <= n; ++i) co_await queue.put(i);
  });
  EXPECT_TRUE(producer.ends_well());
  queue.shutdown();
  EXPECT_TRUE(a.ends_well());
  EXPECT_TRUE(b.ends_well());
  c.join();
  EXPECT_EQ(sum->load(), static_cast<long>(n) * (n + 1));
}

TEST(SharedQueue, EndsForAll_WhenItIsShutDown) {
  shared::Queue<int> queue(1);
  run([&]() -> Task<> {
    Future<int> getter = spawn([&]() -> Task<int> { co_return co_await queue.get(); });
    co_await turns(2);
    queue.shutdown();
    EXPECT_THROW(co_await getter, QueueShutDown);
  });
  EXPECT_THROW(sync_wait(queue.put(1)), QueueShutDown);
  EXPECT_THROW((void)queue.try_put(1), QueueShutDown);
  EXPECT_THROW((void)queue.try_get(), QueueShutDown);
  EXPECT_FALSE(sync_wait(queue.next()));

  shared::Queue<int> full(1);
  EXPECT_TRUE(full.try_put(1));
  std::thread putter([&] { EXPECT_THROW(sync_wait(full.put(2)), QueueShutDown); });
  std::this_thread::yield();
  full.shutdown();
  putter.join();
  EXPECT_EQ(full.try_get(), 1);
  EXPECT_THROW((void)full.try_get(), QueueShutDown);

  shared::Queue<int> dropped;
  EXPECT_TRUE(dropped.try_put(1));
  dropped.shutdown(true);
  EXPECT_THROW(sync_wait(dropped.get()), QueueShutDown);
  sync_wait(dropped.join());
}

TEST(SharedQueue, JoinsWhenAllIsDone) {
  shared::Queue<int> queue;
  EXPECT_THROW(queue.task_done(), std::logic_error);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(queue.try_put(i));
  Forked worker([&] {
    for (int i = 0; i < 10; ++i) {
      sync_wait(queue.get());
      queue.task_done();
    }
  });
  sync_wait(queue.join());
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(worker.ends_well());
  EXPECT_THROW(queue.task_done(), std::logic_error);
}

TEST(SharedQueue, LosesNothingAndPutsNoHalf_WhereverTasksAreCancelled) {
  int got = 0, put = 0;
  std::unique_ptr<shared::Queue<int>> queue;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        queue = std::make_unique<shared::Queue<int>>(1);
        got = put = 0;
        Future<void> producer = spawn([&]() -> Task<> {
          for (int i = 0; i < 4; ++i) {
            co_await queue->put(i);
            put = i + 1;
          }
        });
        for (int i = 0; i < 4; ++i) {
          const int item = co_await queue->get();
          EXPECT_EQ(item, i);
          got = i + 1;
        }
        co_await producer;
      },
      [&](const testing::CancelPoint&) {
        // What is left follows what was got, without a gap.
        while (auto item = queue->try_get()) EXPECT_EQ(*item, got++);
        EXPECT_GE(got, put);
        EXPECT_LE(got, put + 1);
      });
  EXPECT_GT(runs, 10);
}

TEST(SharedQueue, TakesAnItemBack_ThatWasGrantedToATaskThatIsCancelledBeforeItRuns) {  // [W10]
  shared::Queue<int> queue;
  run([&]() -> Task<> {
    Future<int> getter = spawn([&]() -> Task<int> { co_return co_await queue.get(); });
    co_await turns(2);
    EXPECT_TRUE(queue.try_put(7));
    EXPECT_TRUE(queue.empty());
    getter.cancel();
    EXPECT_EQ(queue.size(), 1u);
    EXPECT_THROW(co_await getter, Cancelled);
  });
  EXPECT_EQ(queue.try_get(), 7);
}

TEST(SharedQueue, IsLeftByThreadsAndTasksAtATimeout) {
  shared::Queue<int> queue;
  run([&]() -> Task<> {
    EXPECT_THROW(co_await timeout(1ms, queue.get()), TimeoutError);
    Future<void> thread = spawn_thread([&] { sync_wait(queue.get()); });
    co_await sleep(2ms);
    thread.cancel();
    EXPECT_THROW(co_await thread, Cancelled);
  });
  EXPECT_TRUE(queue.try_put(1));
  EXPECT_EQ(queue.try_get(), 1);
}

TEST(SharedQueue, RefusesWhatCantLieInSharedMemory) {
  shared::Queue<shared::Lock> queue;
  EXPECT_THROW((void)queue.try_put(shared::Lock()), std::logic_error);
}

struct Message {
  std::uint32_t producer, number;
  std::vector<std::uint32_t> rest;
};

std::uint32_t check_word(std::uint32_t producer, std::uint32_t number) { return producer * 2'654'435'761U ^ number; }

/// Producers and consumers are killed again and again; every message that was completed arrives once, whole.
TEST(SharedQueue, LosesNoCompletedMessage_WhenProducersAndConsumersAreKilled) {
  PLAIT_TEST_NEEDS_FORK();
  const long kills = test::from_environment("PLAIT_SHARED_KILLS", test::rounds(60));
  std::mt19937 random(test::stress_seed());
  shared::Queue<Message> queue(64);
  // What each producer has certainly put, said after the put; and what was taken, noted by whoever took it before it
  // takes the next.
  constexpr std::uint32_t kMost = 1 << 16;
  const auto producers = static_cast<std::size_t>(kills) + 2;
  shared::Array<std::atomic<std::uint32_t>> put(producers);
  shared::Array<std::atomic<std::uint8_t>> seen(producers * kMost);
  shared::Value<std::atomic<long>> torn, twice, lost_with_consumer;
  shared::Array<std::atomic<std::uint32_t>> idle(1);
  const auto check = [&](const Message& m) {
    bool whole = m.producer < producers && m.number < kMost;
    for (const std::uint32_t word : m.rest) whole &= word == check_word(m.producer, m.number);
    if (!whole)
      ++*torn;
    else if (seen[m.producer * kMost + m.number].fetch_add(1) != 0)
      ++*twice;
  };
  const auto produce = [&](std::uint32_t id) {
    std::mt19937 sizes(id);
    for (std::uint32_t i = 0; i < kMost; ++i) {
      const std::size_t size = sizes() % 64 == 0 ? sizes() % 40'000 : sizes() % 64;
      Message m{id, i, std::vector<std::uint32_t>(size, check_word(id, i))};
      sync_wait(queue.put(std::move(m)));
      put[id] = i + 1;
    }
    Forked::wait_for_ever();
  };
  const auto consume = [&] {
    while (auto m = sync_wait(queue.next())) check(*m);
  };
  std::uint32_t next = 0;
  long consumers_killed = 0;
  std::vector<Forked> producing, consuming;
  for (int i = 0; i < 2; ++i) {
    producing.emplace_back([&, id = next] { produce(id); });
    ++next;
    consuming.emplace_back(consume);
  }
  for (long i = 0; i < kills; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
    const std::size_t which = random() % 2;
    if (random() % 2 == 0) {
      producing[which].kill();
      if (next < producers) {
        Forked fresh([&, id = next] { produce(id); });
        std::swap(producing[which], fresh);
        ++next;
      }
    } else {
      consuming[which].kill();
      ++consumers_killed;
      Forked fresh(consume);
      std::swap(consuming[which], fresh);
    }
  }
  for (Forked& producer : producing) producer.kill();
  queue.shutdown();
  for (Forked& consumer : consuming) EXPECT_TRUE(consumer.ends_well());
  consume();
  long missing = 0;
  for (std::size_t id = 0; id < next; ++id) {
    for (std::uint32_t i = 0; i < put[id]; ++i) missing += seen[id * kMost + i] == 0;
  }
  EXPECT_EQ(torn->load(), 0);
  EXPECT_EQ(twice->load(), 0);
  // What a consumer had taken when it was killed, before it could note it.
  EXPECT_LE(missing, consumers_killed);
  std::uint64_t total = 0;
  for (std::size_t id = 0; id < next; ++id) total += put[id];
  RecordProperty("messages", std::to_string(total));
  EXPECT_GT(total, static_cast<std::uint64_t>(kills));
  if (std::getenv("PLAIT_SHARED_KILLS")) {
    std::printf("%ld kills, %lu messages put, %ld taken by consumers that were killed before they noted them\n", kills,
                total, missing);
  }
}

}  // namespace
}  // namespace plait
