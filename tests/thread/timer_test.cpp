// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/timer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::rounds;
using testing::VirtualTime;

TEST(TimerTest, CallsItsFunctionAfterTheDelay) {
  VirtualTime time;
  Duration called{};
  Timer timer(
      30s, [&](int a, const std::unique_ptr<int>& b) { called = time.elapsed() + a * 1s + *b * 1s; }, 1,
      std::make_unique<int>(2));
  sleep_for(10s);
  EXPECT_FALSE(timer.is_alive());
  timer.start();  // from here on time counts
  EXPECT_TRUE(timer.is_alive());
  timer.join();
  EXPECT_EQ(called, 43s);
  EXPECT_EQ(time.elapsed(), 40s);
  EXPECT_FALSE(timer.is_alive());
}

TEST(TimerTest, IsPreventedByACancelBeforeItsTime) {
  VirtualTime time;
  std::atomic<int> calls{0};
  auto held = std::make_shared<int>();
  Timer timer(30s, [&calls, held] { ++calls; });
  timer.start();
  sleep_for(29s);
  EXPECT_TRUE(timer.cancel());
  timer.join();
  EXPECT_EQ(time.elapsed(), 29s);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_TRUE(timer.cancel());
  sleep_for(1h);
  EXPECT_EQ(calls, 0);
}

TEST(TimerTest, IsNotPreventedOnceItHasBegun) {
  VirtualTime time;
  Timer timer(1s, [] { sleep_for(10s); });
  timer.start();
  sleep_for(2s);
  EXPECT_FALSE(timer.cancel());
  EXPECT_TRUE(timer.is_alive());
  EXPECT_FALSE(timer.join(1s));
  timer.join();
  EXPECT_EQ(time.elapsed(), 11s);
  EXPECT_FALSE(timer.cancel());
}

TEST(TimerTest, ThatIsCancelledBeforeItsStartEndsAtOnce) {
  VirtualTime time;
  Timer timer(30s, [] { ADD_FAILURE(); });
  EXPECT_TRUE(timer.cancel());
  timer.start();
  timer.join();
  EXPECT_EQ(time.elapsed(), 0s);
}

TEST(TimerTest, OfNoDelayCallsAtOnce) {
  for (const auto delay : {0s, -5s}) {
    VirtualTime time;
    bool called = false;
    Timer timer(delay, [&] { called = true; });
    timer.start();
    timer.join();
    EXPECT_TRUE(called);
    EXPECT_EQ(time.elapsed(), 0s);
  }
}

TEST(TimerTest, CancelIsFromManyThreadsAndOneAnswer) {
  for (int round = 0; round < rounds(300); ++round) {
    std::atomic<int> calls{0}, prevented{0};
    Timer timer(std::chrono::microseconds(round % 50), [&] { ++calls; });
    timer.start();
    std::thread a([&] { prevented += timer.cancel(); }), b([&] { prevented += timer.cancel(); });
    a.join();
    b.join();
    timer.join();
    EXPECT_EQ(prevented == 2, calls == 0);
    EXPECT_EQ(prevented == 0 || prevented == 2, true);
  }
}

TEST(TimerTest, IsAwaitedAndThrowsWhatTheCallThrew) {
  test::Unretrieved reported;
  const auto result = testing::run([]() -> Task<> {
    Timer timer({.name = "fails"}, 3s, [] { throw std::out_of_range("far"); });
    EXPECT_EQ(timer.name(), "fails");
    timer.start();
    bool caught = false;
    try {
      co_await timer;
    } catch (const std::out_of_range&) {
      caught = true;
    }
    EXPECT_TRUE(caught);
  });
  EXPECT_EQ(result.elapsed, 3s);
  EXPECT_EQ(reported.seen().size(), 1u);
}

TEST(TimerTest, IsNotPreventedByTheEndOfItsObject) {
  VirtualTime time;
  Event called;
  {
    Timer timer(5s, [&] { called.set(); });
    timer.start();
    Timer moved = std::move(timer);
    EXPECT_THROW(timer.cancel(), std::logic_error);
    EXPECT_THROW(timer.join(), std::logic_error);
  }
  sync_wait(called.wait());
  EXPECT_EQ(time.elapsed(), 5s);
}

TEST(TimerTest, IsStartedOnlyOnceAndJoinedOnlyAfterThat) {
  Timer timer({.name = "t"}, 0s, [] {});
  try {
    timer.join();
    FAIL();
  } catch (const std::logic_error& e) {
    EXPECT_EQ(std::string(e.what()), "plait: Thread \"t\": join() before start().");
  }
  timer.start();
  EXPECT_THROW(timer.start(), std::logic_error);
  timer.join();
}

}  // namespace
}  // namespace plait
