// SPDX-License-Identifier: BSL-1.0
//
// Calls that borrow a token of a CapacityLimiter for their time.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::rounds;
using test::turns;

Task<> until(const std::atomic<bool>& flag) {
  while (!flag) co_await yield_now();
}

TEST(ToThreadLimiter, HoldsATokenForTheTimeOfTheCall) {
  CapacityLimiter limiter(2);
  run([&]() -> Task<> {
    const ToThreadOptions options{.limiter = &limiter};
    EXPECT_EQ(co_await to_thread(options, [&] { return limiter.borrowed_tokens(); }), 1u);
    EXPECT_EQ(limiter.borrowed_tokens(), 0u);
    bool caught = false;
    try {
      co_await to_thread(options, [] { throw std::out_of_range("far"); });
    } catch (const std::out_of_range&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
    EXPECT_EQ(limiter.borrowed_tokens(), 0u);
  });
  EXPECT_EQ(sync_wait(to_thread({.limiter = &limiter}, [&] { return limiter.borrowed_tokens(); })), 1u);
}

TEST(ToThreadLimiter, LetsAsManyRunAtOnceAsThereAreTokens) {
  CapacityLimiter limiter(3);
  std::atomic<int> running{0}, most{0};
  const auto work = [&] {
    const int now_running = ++running;
    for (int seen = most; seen < now_running && !most.compare_exchange_weak(seen, now_running);) {
    }
    sleep_for(1s);
    --running;
  };
  const auto call = [&]() -> Task<> {
    const ToThreadOptions options{.limiter = &limiter};
    co_await to_thread(options, std::cref(work));
  };
  const auto result = testing::run([&]() -> Task<> {
    std::vector<Task<>> calls;
    for (int i = 0; i < 12; ++i) calls.push_back(call());
    co_await gather(std::move(calls));
  });
  EXPECT_EQ(most, 3);
  EXPECT_EQ(result.elapsed, 4s);
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

TEST(ToThreadLimiter, TakesATokenBesideTheCallers) {
  CapacityLimiter limiter(2);
  run([&]() -> Task<> {
    co_await limiter.acquire();
    const ToThreadOptions options{.limiter = &limiter};
    EXPECT_EQ(co_await to_thread(options, [&] { return limiter.borrowed_tokens(); }), 2u);
    limiter.release();
  });
}

TEST(ToThreadLimiter, NeverRunsACallThatIsCancelledBeforeItHasAToken) {
  CapacityLimiter limiter(1);
  std::atomic<bool> ran{false};
  run([&]() -> Task<> {
    co_await limiter.acquire();
    const auto queued = [&]() -> Task<> {
      const ToThreadOptions options{.limiter = &limiter};
      co_await to_thread(options, [&ran] { ran = true; });
    };
    Future<void> call = spawn(queued), next = spawn(queued);
    co_await turns(2);
    EXPECT_EQ(limiter.statistics().waiters, 2u);
    call.cancel();
    bool cancelled = false;
    try {
      co_await call;
    } catch (const Cancelled&) {
      cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    EXPECT_EQ(limiter.statistics().waiters, 1u);
    EXPECT_FALSE(ran);
    limiter.release();
    co_await next;
    EXPECT_TRUE(ran);
  });
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

TEST(ToThreadLimiter, KeepsTheTokenOfAnAbandonedCallUntilItReturns) {
  CapacityLimiter limiter(1);
  std::atomic<bool> running{false}, second_ran{false};
  std::binary_semaphore gate(0);
  run([&]() -> Task<> {
    const auto body = [&]() -> Task<> {
      const ToThreadOptions options{.abandon_on_cancel = true, .limiter = &limiter};
      co_await to_thread(options, [&running, &gate] {
        running = true;
        gate.acquire();
      });
    };
    Future<void> call = spawn(body);
    co_await until(running);
    call.cancel();
    bool cancelled = false;
    try {
      co_await call;
    } catch (const Cancelled&) {
      cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    EXPECT_EQ(limiter.borrowed_tokens(), 1u);
    const auto second = [&]() -> Task<> {
      const ToThreadOptions options{.limiter = &limiter};
      co_await to_thread(options, [&second_ran] { second_ran = true; });
    };
    Future<void> waiting = spawn(second);
    co_await turns(20);
    EXPECT_FALSE(second_ran);
    gate.release();
    co_await waiting;
    EXPECT_TRUE(second_ran);
  });
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

TEST(ToThreadLimiter, MayBeCancelledAnywhereAndLosesNoToken) {
  int runs = 0;
  for (const bool abandon : {false, true}) {
    auto limiter = std::make_shared<CapacityLimiter>(1);
    const auto body = [&]() -> Task<> {
      const auto one = [&]() -> Task<> {
        const ToThreadOptions options{.abandon_on_cancel = abandon, .limiter = limiter.get()};
        co_await to_thread(options, [] {});
      };
      co_await gather(one(), one());
    };
    runs += testing::cancel_everywhere(body, [&](const testing::CancelPoint&) {
      while (limiter->borrowed_tokens() != 0) std::this_thread::yield();  // abandoned calls return by themselves
      EXPECT_EQ(limiter->statistics().waiters, 0u);
    });
  }
  EXPECT_GT(runs, 4);
}

TEST(ToThreadLimiter, LosesNothingWhenCancelsMeetTokens) {
  CapacityLimiter limiter(2);
  std::atomic<int> ran{0}, completed{0}, cancelled{0};
  const auto loop = [&](int seed) {
    run([&]() -> Task<> {
      const auto body = [&]() -> Task<> {
        const ToThreadOptions options{.limiter = &limiter};
        co_await to_thread(options, [&ran] { ++ran; });
      };
      for (int i = 0; i < rounds(1000); ++i) {
        Future<void> a = spawn(body), b = spawn(body), c = spawn(body);
        for (int k = 0; k < (i + seed) % 7; ++k) co_await yield_now();
        a.cancel();
        if (i % 2) b.cancel();
        for (Future<void>* f : {&a, &b, &c}) {
          try {
            co_await *f;
            ++completed;
          } catch (const Cancelled&) {
            ++cancelled;
          }
        }
      }
    });
  };
  std::thread other(loop, 3);
  loop(0);
  other.join();
  EXPECT_EQ(ran, completed);
  EXPECT_EQ(completed + cancelled, 2 * 3 * rounds(1000));
  EXPECT_EQ(limiter.borrowed_tokens(), 0u);
}

}  // namespace
}  // namespace plait
