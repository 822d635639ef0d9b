// SPDX-License-Identifier: BSL-1.0
// What a pool's calls and tasks may do to each other: submit from everywhere, go from pool to pool, and be cancelled
// while one lies on another's stack.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "plait/plait.hpp"
#include "support/build.hpp"
#include "support/spin_until.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::spin_until;

TEST(PoolCalls, CallsAreSubmittedFromEverywhere) {
  ThreadPool one(1), two(2);
  const auto seven = [] { return 7; };
  EXPECT_EQ(one.submit([&] { return one.submit(seven).result(); }).result(), 7);
  EXPECT_EQ(one.submit([&] { return two.submit(seven).result(); }).result(), 7);
  EXPECT_EQ(one.submit([&] { return two.submit([&] { return one.submit(seven).result(); }).result(); }).result(), 7);
  const auto from_task = [&]() -> Task<int> {
    Future<int> f = one.submit(seven);
    co_return co_await f;
  };
  EXPECT_EQ(one.run(from_task()), 7);
  EXPECT_EQ(two.run(from_task()), 7);
  EXPECT_EQ(run(from_task), 7);
  EXPECT_EQ(two.submit([&] { return run(from_task); }).result(), 7);        // a loop inside a call
  EXPECT_EQ(one.submit([&] { return one.run(from_task()); }).result(), 7);  // the pool's own tasks
  EXPECT_EQ(one.submit([&] { return two.run(from_task()); }).result(), 7);
}

TEST(PoolCalls, ATaskGoesFromPoolToPoolAndBack) {
  ThreadPool one(1), two(1);
  const auto id = []() -> Task<std::thread::id> { co_return std::this_thread::get_id(); };
  const auto tour = [&]() -> Task<> {
    const auto here = std::this_thread::get_id();
    EXPECT_NE(co_await on(two, id()), here);
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_EQ(co_await on(one, id()), here);
  };
  one.run(tour());
}

TEST(PoolCalls, OnIsCancelledAtEachStage) {
  ThreadPool one(1), two(1);
  for (int round = 0; round < test::rounds(300); ++round) {
    Event never;
    const auto inside = [&]() -> Task<int> {
      for (int i = 0; i < round % 5; ++i) co_await yield_now();
      if (round % 3 == 0) co_await never.wait();
      co_return 3;
    };
    const auto outside = [&]() -> Task<int> { co_return co_await on(two, inside()); };
    const auto cancel_at_some_time = [&](Future<int> f) {
      for (int i = 0; i < round % 41; ++i) detail::cpu_relax();
      if (round % 7 == 0) std::this_thread::yield();
      f.cancel();
      return f;
    };
    const auto check = [&](Future<int> f) {
      try {
        EXPECT_EQ(f.result(), 3);
        EXPECT_NE(round % 3, 0);
      } catch (const Cancelled&) {
      }
    };
    check(cancel_at_some_time(one.start(outside(), std::source_location::current())));
    run([&]() -> Task<> {
      Future<int> f = spawn(outside());
      for (int i = 0; i < round % 6; ++i) co_await yield_now();
      f.cancel();
      try {
        const int value = co_await f;
        EXPECT_EQ(value, 3);
      } catch (const Cancelled&) {
      }
    });
  }
}

TEST(PoolCalls, RunInAThreadThatIsCancelledCancelsTheTask) {
  ThreadPool pool(1);
  for (int round = 0; round < 50; ++round) {
    Event never;
    std::atomic<bool> begun{false};
    bool cancelled = false;
    const auto body = [&]() -> Task<> {
      begun = true;
      try {
        co_await never.wait();
      } catch (const Cancelled&) {
        cancelled = true;
        throw;
      }
    };
    Future<void> thread = spawn_thread([&] { pool.run(body()); });
    if (round % 2 == 0) spin_until(begun);
    thread.cancel();
    EXPECT_THROW(thread.result(), Cancelled);
    EXPECT_EQ(cancelled, begun);
  }
}

TEST(PoolCalls, ACancelOfACoveredCallWaitsUntilItIsOnTopAgain) {
  ThreadPool pool(1);
  std::atomic<bool> covered{false}, go{false}, inner_was_cancelled{false}, outer_was_cancelled{false};
  Future<void> outer = pool.submit([&] {
    Future<void> inner = pool.submit([&] {  // made on the stack of the outer one
      covered = true;
      spin_until(go);
      try {
        sleep_for(1us);
      } catch (const Cancelled&) {
        inner_was_cancelled = true;
      }
    });
    try {
      inner.result();
    } catch (const Cancelled&) {
      outer_was_cancelled = true;
    }
  });
  spin_until(covered);
  outer.cancel();
  go = true;
  outer.result();
  EXPECT_FALSE(inner_was_cancelled);
  EXPECT_TRUE(outer_was_cancelled);
}

TEST(PoolCalls, ACallAndTheOneItWaitsForMayBeCancelledAtOnce) {
  ThreadPool pool(1);
  Event never;
  for (int round = 0; round < test::rounds(3'000); ++round) {
    std::atomic<Future<void>*> inner{nullptr};
    std::atomic<bool> cancelled{false};
    Future<void> outer = pool.submit([&] {
      Future<void> waits = pool.submit([&] { sync_wait(never.wait()); });
      inner = &waits;
      EXPECT_THROW(waits.result(), Cancelled);
      spin_until(cancelled);
    });
    while (!inner) detail::cpu_relax();
    for (int i = 0; i < round * 7919 % 40; ++i) detail::cpu_relax();
    if (round % 3 != 0) outer.cancel();
    inner.load()->cancel();
    cancelled = true;
    outer.result();
  }
}

}  // namespace
}  // namespace plait
