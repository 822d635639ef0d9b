// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/injection_queue.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "support/build.hpp"

namespace plait::detail {
namespace {

struct Piece : Work {
  int number = 0;
  int producer = 0;
};

std::vector<Piece> pieces(int count) {
  std::vector<Piece> all(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) all[static_cast<std::size_t>(i)].number = i;
  return all;
}

int number_of(Work* work) { return static_cast<Piece*>(work)->number; }

/// Takes all in steps of `step`, and says whether they came in order.
bool drains_in_order(InjectionQueue& queue, int count, std::size_t step) {
  std::vector<Work*> batch(step);
  int expected = 0;
  while (const std::size_t taken = queue.take(batch, 1)) {
    for (std::size_t i = 0; i < taken; ++i) {
      if (number_of(batch[i]) != expected++) return false;
    }
  }
  return expected == count && queue.empty();
}

TEST(InjectionQueue, IsFirstInFirstOutAcrossItsChunks) {
  InjectionQueue queue;
  for (const int count : {1, 62, 63, 64, 126, 127, 1000}) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{16}, std::size_t{200}}) {
      auto all = pieces(count);
      for (Piece& piece : all) ASSERT_TRUE(queue.push(piece));
      EXPECT_FALSE(queue.empty());
      EXPECT_TRUE(drains_in_order(queue, count, step)) << count << " in steps of " << step;
    }
  }
}

TEST(InjectionQueue, GivesAShareRoundedUpAndAtMostWhatFits) {
  InjectionQueue queue;
  auto all = pieces(10);
  for (Piece& piece : all) ASSERT_TRUE(queue.push(piece));
  Work* batch[4];
  EXPECT_EQ(queue.take(batch, 4), 3u);  // of 10
  EXPECT_EQ(number_of(batch[2]), 2);
  EXPECT_EQ(queue.take(batch, 1), 4u);  // of 7
  EXPECT_EQ(queue.take(batch, 2), 2u);  // of 3
  EXPECT_EQ(queue.take(batch, 2), 1u);
  EXPECT_EQ(number_of(batch[0]), 9);
  EXPECT_EQ(queue.take(batch, 2), 0u);
}

TEST(InjectionQueue, RefusesOffersOnceItIsClosedButTakesWhatIsPushed) {
  InjectionQueue queue;
  auto all = pieces(3);
  EXPECT_TRUE(queue.offer(all[0]));
  queue.close();
  EXPECT_TRUE(queue.closed());
  EXPECT_FALSE(queue.offer(all[1]));
  EXPECT_TRUE(queue.push(all[1]));
  EXPECT_FALSE(queue.end_if_empty());
  queue.open();
  EXPECT_TRUE(queue.offer(all[2]));
  EXPECT_TRUE(drains_in_order(queue, 3, 16));
  EXPECT_TRUE(queue.end_if_empty());
  EXPECT_FALSE(queue.push(all[0]));
  queue.close();
  EXPECT_FALSE(queue.push(all[0]));
}

/// Three threads put, two take: each piece comes out once, those of one producer in order at each taker.
TEST(InjectionQueue, LosesAndDoublesNothingBetweenThreads) {
  constexpr int kProducers = 3;
  const int each = test::rounds(20'000);
  InjectionQueue queue;
  std::vector<std::vector<Piece>> all;
  for (int p = 0; p < kProducers; ++p) {
    all.push_back(pieces(each));
    for (Piece& piece : all.back()) piece.producer = p;
  }
  std::atomic<int> left{kProducers * each};
  std::atomic<bool> in_order{true};
  std::vector<std::jthread> threads;
  for (auto& mine : all) {
    threads.emplace_back([&] {
      for (Piece& piece : mine) EXPECT_TRUE(queue.push(piece));
    });
  }
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      int last[kProducers] = {-1, -1, -1};
      Work* batch[16];
      while (left.load() > 0) {
        const std::size_t taken = queue.take(batch, 2);
        for (std::size_t i = 0; i < taken; ++i) {
          auto& piece = static_cast<Piece&>(*batch[i]);
          if (std::exchange(last[piece.producer], piece.number) >= piece.number) in_order = false;
        }
        left -= static_cast<int>(taken);
        if (taken == 0) std::this_thread::yield();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(left.load(), 0);
  EXPECT_TRUE(in_order.load());
}

/// Exits with 0 if the order stays when memory has run out.
[[noreturn]] void fill_without_memory() {
  constexpr int kCount = 2'000'000;
  auto all = pieces(kCount);
  InjectionQueue queue;
  std::size_t pages = 0;
  std::FILE* statm = std::fopen("/proc/self/statm", "r");
  if (!statm || std::fscanf(statm, "%zu", &pages) != 1) std::_Exit(2);
  const rlimit little{pages * 4096 + (1 << 20), RLIM_INFINITY};
  const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &little) != 0) std::_Exit(3);
  for (Piece& piece : all) {
    if (!queue.push(piece)) std::_Exit(5);
  }
  if (setrlimit(RLIMIT_AS, &none) != 0) std::_Exit(4);
  std::_Exit(drains_in_order(queue, kCount, 100) ? 0 : 1);
}

TEST(InjectionQueueDeathTest, KeepsTheOrderWithoutMemoryForMore) {
  if (test::kSanitized) GTEST_SKIP() << "the memory limit would stop the sanitizer";
  EXPECT_EXIT(fill_without_memory(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace plait::detail
