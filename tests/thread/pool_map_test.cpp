// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/pool_map.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/core/generator.hpp"
#include "plait/sched/run.hpp"
#include "plait/sched/sleep.hpp"
#include "plait/sched/timeout.hpp"
#include "plait/sync/event.hpp"
#include "plait/thread/thread_pool.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

std::vector<int> numbers(int n) {
  std::vector<int> xs(static_cast<std::size_t>(n));
  std::iota(xs.begin(), xs.end(), 0);
  return xs;
}

/// The squares of 0 to n-1, in order.
template <class Results>
void expect_squares(Results&& results, int n) {
  int i = 0;
  for (const long y : results) {
    ASSERT_EQ(y, static_cast<long>(i) * i);
    ++i;
  }
  EXPECT_EQ(i, n);
}

long square(int x) { return static_cast<long>(x) * x; }

TEST(PoolMap, KeepsTheOrderWhateverTheChunks) {
  ThreadPool pool(2);
  for (const int n : {0, 1, 2, 17, 1000, 20'000}) {
    const std::vector<int> xs = numbers(n);
    expect_squares(pool.map(square, xs), n);
    expect_squares(pool.map(square, xs, {.chunksize = 7}), n);
    if (n <= 1000) expect_squares(pool.map(square, xs, {.buffersize = 3}), n);
    expect_squares(pool.map(square, xs, {.chunksize = 5, .buffersize = 11}), n);
    expect_squares(pool.map(square, numbers(n)), n);                                         // a container of its own
    expect_squares(pool.map(square, xs | std::views::filter([](int) { return true; })), n);  // of unknown length
  }
}

Generator<std::unique_ptr<int>> counted(int n, int& taken) {
  for (int i = 0; i < n; ++i) {
    ++taken;
    co_yield std::make_unique<int>(i);
  }
}

TEST(PoolMap, TakesRvaluesOfAnInputRange) {
  ThreadPool pool(2);
  int taken = 0;
  expect_squares(pool.map([](std::unique_ptr<int> x) { return square(*x); }, counted(1000, taken)), 1000);
  EXPECT_EQ(taken, 1000);
}

// CPython: test_map_buffersize_when_buffer_is_full.
TEST(PoolMap, TakesNoMoreOfItsInputThanTheBufferHolds) {
  ThreadPool pool(2);
  int taken = 0;
  {
    auto results =
        pool.map([](const std::unique_ptr<int>& x) { return *x; }, counted(1'000'000, taken), {.buffersize = 2});
    EXPECT_EQ(taken, 2);
    auto at = results.begin();
    EXPECT_EQ(*at, 0);
    ++at;
    EXPECT_EQ(*at, 1);
  }
  EXPECT_LE(taken, 4);
}

TEST(PoolMap, AnEndlessInputIsTakenAsFarAsItIsRead) {
  ThreadPool pool(2);
  int i = 0;
  for (const long y : pool.map(square, std::views::iota(0))) {
    ASSERT_EQ(y, square(i));
    if (++i == 5000) break;
  }
}

TEST(PoolMap, ACallThatThrowsThrowsInItsPlaceAndTheOthersAreMade) {
  ThreadPool pool(2);
  std::atomic<int> calls{0};
  const auto even = [&](int x) {
    ++calls;
    if (x % 2 != 0) throw std::runtime_error(std::to_string(x));
    return x;
  };
  const std::vector<int> xs = numbers(100);
  auto results = pool.map(even, xs, {.chunksize = 8});
  plait::run([&]() -> Task<> {
    for (int i = 0; i < 100; ++i) {
      std::string said;
      try {
        std::optional<int> y = co_await results.next();
        EXPECT_TRUE(y == i);
      } catch (const std::runtime_error& error) {
        said = error.what();
      }
      EXPECT_EQ(said, i % 2 != 0 ? std::to_string(i) : "");
    }
    EXPECT_FALSE((co_await results.next()).has_value());
  });
  EXPECT_EQ(calls, 100);
}

// CPython: test_imap_handle_iterable_exception.
TEST(PoolMap, AnInputThatThrowsGivesWhatCameBeforeAndThenItsError) {
  ThreadPool pool(2);
  const auto input = []() -> Generator<int> {
    for (int i = 0; i < 5; ++i) co_yield i;
    throw std::runtime_error("the input");
  };
  std::vector<long> seen;
  EXPECT_THROW(
      {
        for (const long y : pool.map(square, input(), {.chunksize = 2})) seen.push_back(y);
      },
      std::runtime_error);
  EXPECT_EQ(seen, (std::vector<long>{0, 1, 4, 9, 16}));
}

TEST(PoolMap, OfAPoolThatIsShutDownGivesWhatWasSubmittedAndThenTheRefusal) {
  const std::vector<int> xs = numbers(100);
  for (const bool ordered : {true, false}) {
    ThreadPool pool(2);
    auto results = pool.map(square, xs, {.chunksize = 1, .buffersize = 4, .ordered = ordered});
    auto at = results.begin();
    pool.shutdown();
    std::vector<long> seen;
    EXPECT_THROW(
        {
          for (; at != results.end(); ++at) seen.push_back(*at);
        },
        std::logic_error);
    std::ranges::sort(seen);
    expect_squares(seen, 4);
    plait::run([&]() -> Task<> { EXPECT_FALSE((co_await results.next()).has_value()); });
    EXPECT_THROW(static_cast<void>(pool.map(square, xs)), std::logic_error);
  }
}

TEST(PoolMap, LeavingEarlyCancelsWhatHasNotBegunAndWhatWaits) {
  ThreadPool pool(1);
  Event never;
  std::atomic<int> begun{0};
  {
    const std::vector<int> xs = numbers(100);
    auto results = pool.map(
        [&](int x) {
          ++begun;
          if (x > 0) sync_wait(never.wait());
          return x;
        },
        xs, {.chunksize = 1, .buffersize = 10});
    EXPECT_EQ(*results.begin(), 0);
  }
  EXPECT_LE(begun, 2);
}

TEST(PoolMap, OnALoopItIsAwaitedAndMayBeLeft) {
  ThreadPool pool(2);
  plait::run([&]() -> Task<> {
    {
      auto results = pool.map(square, numbers(1000));
      EXPECT_EQ(results.left(), 1000u);
      for (int i = 0; i < 10; ++i) {
        const std::optional<long> y = co_await results.next();
        EXPECT_EQ(y, square(i));
      }
      EXPECT_EQ(results.left(), 990u);
      EXPECT_THROW(results.begin(), std::logic_error);
    }
    co_await pool.close();
  });
}

TEST(PoolMap, ACancelOfNextPassesNothingOver) {
  ThreadPool pool(1);
  Event go;
  const std::vector<int> xs = numbers(3);
  auto results = pool.map(
      [&](int x) {
        sync_wait(go.wait());
        return x;
      },
      xs);
  plait::run([&]() -> Task<> {
    EXPECT_FALSE((co_await move_on_after(0s, results.next())).has_value());
    go.set();
    for (int i = 0; i < 3; ++i) {
      const std::optional<int> y = co_await results.next();
      EXPECT_EQ(y, i);
    }
  });
}

TEST(PoolMap, InsideACallOfAPoolOfOne) {
  ThreadPool pool(1);
  const long sum = pool.submit([&] {
                         const std::vector<int> xs = numbers(1000);
                         long all = 0;
                         for (const long y : pool.map(square, xs)) all += y;
                         return all;
                       })
                       .result();
  EXPECT_EQ(sum, 332'833'500);
}

TEST(PoolMap, AFunctionWithoutAValueIsCalledForEach) {
  ThreadPool pool(2);
  std::atomic<int> sum{0};
  const std::vector<int> xs = numbers(100);
  int results = 0;
  for ([[maybe_unused]] auto nothing : pool.map([&](int x) { sum += x; }, xs)) ++results;
  EXPECT_EQ(results, 100);
  EXPECT_EQ(sum, 4950);
}

TEST(PoolMap, WithoutOrderResultsComeAsTheyAreDone) {
  ThreadPool pool(2);
  const std::vector<int> xs = numbers(1000);
  std::vector<long> seen;
  for (const long y : pool.map(square, xs, {.chunksize = 3, .ordered = false})) seen.push_back(y);
  std::ranges::sort(seen);
  expect_squares(seen, 1000);

  Event go;
  const auto first_waits = [&](int x) {
    if (x == 0) sync_wait(go.wait());
    return x;
  };
  auto results = pool.map(first_waits, xs, {.chunksize = 1, .ordered = false});
  plait::run([&]() -> Task<> {
    for (int i = 0; i < 5; ++i) EXPECT_NE(co_await results.next(), 0);
    go.set();
  });
  const auto sum_inside = [&] {
    long all = 0;
    for (const long y : pool.map(square, xs, {.ordered = false})) all += y;
    return all;
  };
  EXPECT_EQ(pool.submit(sum_inside).result(), 332'833'500);
}

TEST(PoolMap, ItsResultsMayBeMovedBeforeTheyAreBegun) {
  ThreadPool pool(2);
  auto first = pool.map(square, numbers(100));
  auto second = std::move(first);
  EXPECT_EQ(first.left(), 0u);
  EXPECT_EQ(second.left(), 100u);
  EXPECT_THROW(first.begin(), std::logic_error);
  first = std::move(second);
  expect_squares(first, 100);
}

TEST(PoolMap, GivesBools) {
  ThreadPool pool(2);
  int i = 0;
  for (const bool odd : pool.map([](int x) { return x % 2 == 1; }, numbers(1000))) EXPECT_EQ(odd, i++ % 2 == 1);
  EXPECT_EQ(i, 1000);
}

TEST(PoolMap, ACallThatThrowsCancelledLosesItsOwnResultOnly) {
  for (const int size : {1, 2}) {
    ThreadPool pool(size);
    plait::run([&]() -> Task<> {
      const auto f = [](int x) {
        if (x == 3) throw Cancelled{};
        return x;
      };
      auto results = pool.map(f, numbers(6), {.chunksize = 6});
      for (const int x : {0, 1, 2}) EXPECT_EQ(co_await results.next(), x);
      EXPECT_THROW(co_await results.next(), Cancelled);
      for (const int x : {4, 5}) EXPECT_EQ(co_await results.next(), x);
      EXPECT_EQ(co_await results.next(), std::nullopt);
      co_await pool.close();
    });
  }
}

TEST(PoolMap, WhatAPoolTookBeforeItWasShutDownIsGiven) {
  for (const bool ordered : {true, false}) {
    ThreadPool pool(2);
    const std::vector<int> xs = numbers(1000);
    auto results = pool.map(square, xs, {.chunksize = 1, .buffersize = 4, .ordered = ordered});
    int given = 0;
    try {
      for ([[maybe_unused]] const long y : results) {
        if (++given == 2) pool.shutdown({.wait = false});
      }
      ADD_FAILURE() << "not all was taken";
    } catch (const std::logic_error&) {
    }
    EXPECT_GE(given, 4);
    EXPECT_LE(given, 6);
    EXPECT_THROW(static_cast<void>(pool.map(square, xs)), std::logic_error);
  }
}

TEST(PoolMap, APoolThatIsShutDownAsItTakesLeavesTheRangeAlone) {
  const std::string text(100, 'x');
  ThreadPool pool(2);
  const auto shuts_down = [&](const std::string& x) {
    pool.shutdown({.wait = false});
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    return x.size();
  };
  try {
    for (const std::size_t size :
         pool.map(shuts_down, std::vector<std::string>(3000, text), {.chunksize = 1, .buffersize = 3000})) {
      EXPECT_EQ(size, text.size());
    }
  } catch (const std::logic_error&) {  // unless all had been taken by then
  }
}

TEST(PoolMap, InAThreadItIsLeftWhenNoCallRunsAnyMore) {
  ThreadPool pool(2);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> running{0};
    {
      const auto f = [&](int x) {
        ++running;
        for (int i = 0; i < 100; ++i) std::this_thread::yield();
        --running;
        return x;
      };
      auto results = pool.map(f, std::views::iota(0), {.chunksize = 1});
      EXPECT_EQ(*results.begin(), 0);
    }
    EXPECT_EQ(running, 0);
  }
}

TEST(PoolMap, RefusesAChunkThatDoesNotFitItsBuffer) {
  ThreadPool pool(1);
  const std::vector<int> xs = numbers(10);
  EXPECT_THROW(static_cast<void>(pool.map(square, xs, {.chunksize = 8, .buffersize = 4})), std::logic_error);
}

}  // namespace
}  // namespace plait
