// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "support/build.hpp"

namespace plait::detail {
namespace {

TimePoint at(std::int64_t ns) { return TimePoint(Duration(ns)); }

std::vector<int> fired;

struct Numbered : Timer {
  int number = 0;
  Numbered() {
    fire = [](Timer& t) noexcept { fired.push_back(static_cast<Numbered&>(t).number); };
  }
};

class TimerWheelTest : public ::testing::Test {
 protected:
  TimerWheelTest() { fired.clear(); }
  ~TimerWheelTest() override { fired.clear(); }
  TimerWheel wheel;
};

TEST_F(TimerWheelTest, IsEmptyAtFirst) {
  EXPECT_EQ(wheel.next(), kNever);
  EXPECT_FALSE(wheel.expire(at(1000)));
  EXPECT_EQ(wheel.armed(), 0u);
}

TEST_F(TimerWheelTest, FiresTimersOfOneDeadlineInTheOrderOfArmingWhereverTheyWereArmed) {
  std::vector<Numbered> timers(100);
  Numbered early;
  early.number = -1;
  wheel.arm(early, at(900'000));
  for (int i = 0; i < 100; ++i) {
    timers[static_cast<std::size_t>(i)].number = i;
    wheel.arm(timers[static_cast<std::size_t>(i)], at(1'000'000));
    if (i == 50) wheel.expire(at(999'000));  // the rest is armed when time is near
  }
  wheel.expire(at(1'000'000));
  ASSERT_EQ(fired.size(), 101u);
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
}

TEST_F(TimerWheelTest, FiresPastDeadlinesAtTheNextTurn) {
  wheel.restart(at(5000));
  Numbered a, b;
  wheel.arm(a, at(10));
  wheel.arm(b, at(-7));
  EXPECT_LE(wheel.next(), at(5000));
  EXPECT_TRUE(wheel.expire(at(5000)));
  EXPECT_EQ(fired.size(), 2u);
}

TEST_F(TimerWheelTest, KeepsDeadlinesOfTheFarFuture) {
  Numbered century, never, soon;
  wheel.arm(century, at(3'000'000'000'000'000'000));
  wheel.arm(never, kNever);
  wheel.arm(soon, at(100));
  EXPECT_EQ(wheel.next(), at(100));
  wheel.expire(at(200));
  EXPECT_EQ(fired.size(), 1u);
  EXPECT_LE(wheel.next(), at(3'000'000'000'000'000'000));
  wheel.expire(at(3'000'000'000'000'000'000));
  EXPECT_EQ(fired.size(), 2u);
  EXPECT_EQ(wheel.armed(), 1u);
  wheel.disarm(never);
  EXPECT_EQ(wheel.next(), kNever);
}

TEST_F(TimerWheelTest, LetsAFiringTimerDisarmOthersThatAreDueWithIt) {
  static TimerWheel* the_wheel;
  static Numbered* other;
  the_wheel = &wheel;
  Numbered a, b, c;
  b.number = 1;
  c.number = 2;
  other = &b;
  a.fire = [](Timer&) noexcept { the_wheel->disarm(*other); };
  wheel.arm(a, at(50));
  wheel.arm(b, at(50));
  wheel.arm(c, at(50));
  wheel.expire(at(50));
  EXPECT_EQ(fired, std::vector<int>{2});
  EXPECT_EQ(wheel.armed(), 0u);
}

/// What a wheel must do: a sorted map, ties by order of arming.
class Model {
 public:
  void arm(int number, TimePoint deadline) { timers_.emplace(std::pair(deadline, order_++), number); }
  void disarm(int number) {
    std::erase_if(timers_, [&](const auto& t) { return t.second == number; });
  }
  std::vector<int> expire(TimePoint now) {
    std::vector<int> due;
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
      due.push_back(timers_.begin()->second);
      timers_.erase(timers_.begin());
    }
    return due;
  }
  TimePoint earliest() const { return timers_.empty() ? kNever : timers_.begin()->first.first; }
  std::size_t size() const { return timers_.size(); }

 private:
  std::map<std::pair<TimePoint, int>, int> timers_;
  int order_ = 0;
};

TEST_F(TimerWheelTest, DoesWhatASortedListDoes) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 random(seed);
    TimerWheel tested;
    Model model;
    std::int64_t time = static_cast<std::int64_t>(random() % 1'000'000'000'000);
    tested.restart(at(time));
    std::vector<std::unique_ptr<Numbered>> timers;
    for (int i = 0; i < 60; ++i) {
      timers.push_back(std::make_unique<Numbered>());
      timers.back()->number = i;
    }
    // Spans of all sizes, and a few round ones so that deadlines coincide.
    const auto span = [&] {
      const std::int64_t wide = static_cast<std::int64_t>(random() >> (1 + random() % 62));
      return random() % 3 == 0 ? static_cast<std::int64_t>(random() % 4) * 64 : wide % 100'000'000'000'000;
    };
    for (int step = 0; step < 3000; ++step) {
      const int i = static_cast<int>(random() % timers.size());
      Numbered& timer = *timers[static_cast<std::size_t>(i)];
      switch (random() % 4) {
        case 0:
        case 1:
          if (timer.linked()) break;
          tested.arm(timer, at(time + span()));
          model.arm(i, timer.deadline);
          break;
        case 2:
          tested.disarm(timer);
          model.disarm(i);
          break;
        default:
          fired.clear();
          if (random() % 2 && model.earliest() != kNever) {
            // As a loop does: to where the wheel says, which may be before the earliest but never after it.
            const TimePoint next = tested.next();
            ASSERT_LE(next, model.earliest());
            time = std::max(time, next.time_since_epoch().count());
          } else {
            time += span();
          }
          tested.expire(at(time));
          ASSERT_EQ(fired, model.expire(at(time))) << "seed " << seed << ", step " << step;
      }
      ASSERT_EQ(tested.armed(), model.size());
      ASSERT_LE(tested.next(), model.earliest());
    }
    fired.clear();
    for (auto& t : timers) tested.disarm(*t);
  }
}

TEST_F(TimerWheelTest, ReachesTheEarliestDeadlineInFewStepsAmongManyTimers) {
  // `next` may answer a moment too early when slots are crowded, but not for ever.
  constexpr int n = 10'000;
  std::vector<Numbered> timers(n);
  std::mt19937_64 random(1);
  TimePoint earliest = kNever;
  for (Numbered& t : timers) {
    wheel.arm(t, at(1'000'000'000 + static_cast<std::int64_t>(random() % 1'000'000'000)));
    earliest = std::min(earliest, t.deadline);
  }
  int steps = 0;
  while (fired.empty()) {
    const TimePoint next = wheel.next();
    ASSERT_LE(next, earliest);
    wheel.expire(next);
    ASSERT_LT(++steps, 12);
  }
  for (Numbered& t : timers) wheel.disarm(t);
}

TEST_F(TimerWheelTest, HoldsAMillionTimers) {
  constexpr int n = 1'000'000;
  std::vector<Numbered> timers(n);
  std::mt19937_64 random(2);
  for (Numbered& t : timers) wheel.arm(t, at(static_cast<std::int64_t>(random() % 1'000'000'000)));
  EXPECT_EQ(wheel.armed(), static_cast<std::size_t>(n));
  for (int i = 0; i < n; i += 2) wheel.disarm(timers[static_cast<std::size_t>(i)]);
  for (std::int64_t t = 0; t <= 1'000'000'000; t += 10'000'000) wheel.expire(at(t));
  EXPECT_EQ(fired.size(), static_cast<std::size_t>(n / 2));
  EXPECT_EQ(wheel.armed(), 0u);
}

}  // namespace
}  // namespace plait::detail
