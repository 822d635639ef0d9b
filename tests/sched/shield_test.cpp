// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/shield.hpp"

#include <gtest/gtest.h>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::checkpoint_throws;
using test::forever;
using test::give_after;
using test::turns;

TEST(Shield, CarriesWhatItGoesRoundToItsEndAndTheNextCheckpointThrows) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    int got = 0;
    bool threw = false;
    Future<void> f = spawn([&]() -> Task<> {
      got = co_await shield(give_after(5s, 3));
      threw = co_await checkpoint_throws();
    });
    co_await sleep(1s);
    f.cancel();
    co_await f;
    EXPECT_EQ(got, 3);
    EXPECT_TRUE(threw);
    EXPECT_EQ(time.elapsed(), 5s);
  });
}

TEST(Shield, BeginsAlsoInAScopeThatIsCancelled) {
  testing::run([]() -> Task<> {
    CancelScope scope;
    const auto body = [&]() -> Task<int> {
      scope.cancel();
      EXPECT_TRUE(co_await checkpoint_throws());
      co_await shield(sleep(1s));
      EXPECT_TRUE(co_await checkpoint_throws());
      co_return co_await shield(give_after(1s, 4));
    };
    EXPECT_EQ(co_await scope.run(body), 4);
  });
}

TEST(Shield, DoesNotHideItsOwnTimeout) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    Future<void> f = spawn([]() -> Task<> { co_await shield(timeout(2s, forever())); });
    co_await turns(2);
    f.cancel();
    EXPECT_THROW(co_await f, TimeoutError);
    EXPECT_EQ(time.elapsed(), 2s);
  });
}

TEST(Shield, HoldsATimeoutRoundIt) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    EXPECT_EQ(co_await timeout(1s, shield(give_after(3s, 5))), 5);
    EXPECT_EQ(time.elapsed(), 3s);
  });
}

TEST(Shield, ProtectsChildrenOfAGroupInsideIt) {
  testing::run([]() -> Task<> {
    bool ended = false;
    const auto group = [&](TaskGroup& g) -> Task<> {
      g.spawn([&]() -> Task<> {
        co_await sleep(2s);
        ended = true;
      });
      co_return;
    };
    EXPECT_TRUE(co_await move_on_after(1s, shield(with_task_group(group))));
    EXPECT_TRUE(ended);
  });
}

TEST(Shield, LetsExceptionsPass) {
  testing::run([]() -> Task<> {
    EXPECT_THROW(co_await shield(test::fail_after(1s, "x")), std::runtime_error);
    EXPECT_FALSE(co_await checkpoint_throws());
  });
}

TEST(Shield, EndsWhatItProtectsWhereverItIsCancelled) {
  int begun = 0, ended = 0;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        begun = ended = 0;
        co_await yield_now();
        const auto whole = [&]() -> Task<> {
          ++begun;
          co_await sleep(1s);
          co_await turns(2);
          ++ended;
        };
        co_await shield(whole());
        co_await yield_now();
      },
      [&](const testing::CancelPoint& point) { EXPECT_EQ(begun, ended) << point.text(); });
}

}  // namespace
}  // namespace plait
