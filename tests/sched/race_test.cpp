// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/race.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::fail_after;
using test::forever;
using test::give;
using test::give_after;
using test::Live;
using test::live_forever;
using test::turns;

TEST(Race, GivesTheValueOfWhoEndsFirstAndSaysWho) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    auto first = co_await race(give_after(3s, 1), give_after(2s, 2), forever());
    EXPECT_EQ(first.index(), 1u);
    EXPECT_EQ(std::get<1>(first), 2);
    EXPECT_EQ(time.elapsed(), 2s);
    auto of_one = co_await race(give(4));
    EXPECT_EQ(std::get<0>(of_one), 4);
  });
}

TEST(Race, TakesOperationsFuturesAndTasksMixed) {
  testing::run([]() -> Task<> {
    Lock lock;
    Future<std::string> future = spawn([]() -> Task<std::string> {
      co_await sleep(1h);
      co_return "late";
    });
    auto won = co_await race(sleep(2h), lock.guard(), std::move(future));
    EXPECT_EQ(won.index(), 1u);
    EXPECT_TRUE(lock.locked());
  });
}

TEST(Race, CancelsTheOthersAndWaitsForTheirEnd) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    int cleaned = 0;
    const auto slow_to_end = [&]() -> Task<> {
      const auto clean = [&]() -> Task<> {
        co_await sleep(3s);
        ++cleaned;
      };
      co_await finally(&forever, clean);
    };
    auto won = co_await race(slow_to_end(), sleep(1s), slow_to_end());
    EXPECT_EQ(won.index(), 1u);
    EXPECT_EQ(cleaned, 2);
    EXPECT_EQ(time.elapsed(), 4s);
  });
}

TEST(Race, ThrowsUnwrappedWhenTheFirstToEndFails) {
  testing::run([]() -> Task<> {
    EXPECT_THROW(co_await race(forever(), fail_after(1s, "x")), std::runtime_error);
    EXPECT_THROW(co_await race(timeout(1s, forever()), forever()), TimeoutError);
    co_await yield_now();
  });
}

TEST(Race, LeavesWithTheirPrimitivesWhatLosersWaitedFor) {
  testing::run([]() -> Task<> {
    Semaphore permits(0);
    auto won = co_await race(permits.acquire(), sleep(1s));
    EXPECT_EQ(won.index(), 1u);
    EXPECT_EQ(permits.statistics().waiters, 0u);
    permits.release();
    EXPECT_EQ(permits.value(), 1);
  });
}

TEST(Race, LosesNothingOfThePrimitivesThatLost) {  // [W10]
  run([]() -> Task<> {
    Queue<int> first, second;
    Semaphore permits(0);
    Lock lock;
    EXPECT_TRUE(lock.try_lock());
    Future<void> granter = spawn([&]() -> Task<> {
      co_await turns(3);
      EXPECT_TRUE(first.try_put(1));
      EXPECT_TRUE(second.try_put(2));
      permits.release();
      lock.release();
    });
    auto won = co_await race(first.get(), second.get(), permits.acquire(), lock.guard());
    EXPECT_EQ(won.index(), 0u);
    EXPECT_EQ(std::get<0>(won), 1);
    EXPECT_EQ(co_await second.get(), 2);
    EXPECT_EQ(permits.value(), 1);
    EXPECT_FALSE(lock.locked());
    co_await granter;
  });
}

TEST(Race, PassesAGrantOfALoserOnToTheNextWhoWaits) {  // [W10]
  run([]() -> Task<> {
    Semaphore a(0), b(0);
    bool next_has_it = false;
    Future<void> granter = spawn([&]() -> Task<> {
      co_await turns(3);
      a.release();
      b.release();
    });
    Future<void> next;
    const auto queue_behind = [&]() -> Task<> {
      co_await turns(2);  // behind the racer
      co_await b.acquire();
      next_has_it = true;
    };
    next = spawn(queue_behind);
    co_await race(a.acquire(), b.acquire());
    co_await next;
    EXPECT_TRUE(next_has_it);
    EXPECT_EQ(b.value(), 0);
    co_await granter;
  });
}

TEST(Race, TakesOnlyOneOfTwoThatCouldBothBeDoneAtOnce) {
  run([]() -> Task<> {
    Semaphore a(1), b(1);
    auto won = co_await race(a.acquire(), b.acquire());
    EXPECT_EQ(won.index(), 0u);
    EXPECT_EQ(a.value(), 0);
    EXPECT_EQ(b.value(), 1);
  });
}

Task<std::unique_ptr<int>> finishes_all_the_same(Duration first, int n) {
  try {
    co_await sleep(first);
  } catch (const Cancelled&) {
  }
  co_return std::make_unique<int>(n);
}

TEST(Race, HandsTheValuesOfLosersThatFinishToOnLateInTheirOrder) {
  testing::run([]() -> Task<> {
    std::string late;
    const auto note = [&](auto&& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::unique_ptr<int>>) {
        late += std::to_string(*value) + " ";
      } else {
        late += "void ";
      }
    };
    const auto ends_anyway = []() -> Task<> {
      try {
        co_await forever();
      } catch (const Cancelled&) {
      }
    };
    auto won = co_await race(on_late(note), finishes_all_the_same(5s, 1), finishes_all_the_same(1s, 2), ends_anyway(),
                             finishes_all_the_same(6s, 4), forever());
    EXPECT_EQ(*std::get<1>(won), 2);
    EXPECT_EQ(late, "1 void 4 ");
  });
}

TEST(Race, HandsLateValuesOverAlsoWhenTheFirstToEndFailed) {
  testing::run([]() -> Task<> {
    int late = 0;
    const auto note = [&](auto&& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::unique_ptr<int>>) late += *value;
    };
    EXPECT_THROW(co_await race(on_late(note), fail_after(1s, "x"), finishes_all_the_same(2s, 7)), std::runtime_error);
    EXPECT_EQ(late, 7);
  });
}

TEST(Race, ThrowsWhatOnLateThrows) {
  testing::run([]() -> Task<> {
    const auto refuse = [](auto&&) { throw std::logic_error("late"); };
    EXPECT_THROW(co_await race(on_late(refuse), sleep(1s), finishes_all_the_same(2s, 7)), std::logic_error);
  });
}

TEST(Race, DropsALateValueWithoutOnLate) {
  int live = 0;
  testing::run([&]() -> Task<> {
    const auto late = [&]() -> Task<std::unique_ptr<Live>> {
      try {
        co_await forever();
      } catch (const Cancelled&) {
      }
      co_return std::make_unique<Live>(live);
    };
    co_await race(sleep(1s), late());
    EXPECT_EQ(live, 0);
  });
}

TEST(Race, ReportsTheErrorOfALoser) {
  test::Unretrieved unretrieved;
  testing::run([]() -> Task<> { co_await race(sleep(1s), test::fail_when_cancelled("in the loser"), forever()); });
  ASSERT_EQ(unretrieved.seen().size(), 1u);
  EXPECT_NE(unretrieved.seen()[0].find("in the loser"), std::string::npos);
}

TEST(Race, TakesARangeAndGivesTheIndex) {
  testing::run([]() -> Task<> {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 100; ++i) tasks.push_back(give_after(std::chrono::seconds(1 + (i + 50) % 100), i));
    const auto [index, value] = co_await race(std::move(tasks));
    EXPECT_EQ(index, 50u);
    EXPECT_EQ(value, 50);
    std::vector<Task<>> voids;
    voids.push_back(forever());
    voids.push_back(turns(2));
    EXPECT_EQ((co_await race(std::move(voids))).first, 1u);
    std::vector<Task<std::unique_ptr<int>>> late;
    for (int i = 0; i < 4; ++i) late.push_back(finishes_all_the_same(std::chrono::seconds(4 - i), i));
    int sum = 0;
    const auto note = [&](std::unique_ptr<int> n) { sum += *n; };
    EXPECT_EQ((co_await race(on_late(note), std::move(late))).first, 3u);
    EXPECT_EQ(sum, 0 + 1 + 2);
    std::vector<Task<>> none;
    EXPECT_THROW(static_cast<void>(race(std::move(none))), std::logic_error);
  });
}

TEST(Race, IsCancelledWithAllThatRace) {
  testing::run([]() -> Task<> {
    int live = 0;
    EXPECT_THROW(co_await timeout(1s, race(live_forever(live), live_forever(live), live_forever(live))), TimeoutError);
    EXPECT_EQ(live, 0);
  });
}

TEST(Race, Nests) {
  testing::run([]() -> Task<> {
    auto won = co_await race(race(forever(), give_after(3s, 1)), race(give_after(2s, 2), forever()));
    EXPECT_EQ(won.index(), 1u);
    EXPECT_EQ(std::get<0>(std::get<1>(won)), 2);
  });
}

TEST(Race, RunsInAThread) {
  testing::VirtualTime time;
  Lock a, b;
  ASSERT_TRUE(a.try_lock() && b.try_lock());
  b.unlock();
  auto won = sync_wait(race(a.acquire(), b.acquire()));
  EXPECT_EQ(won.index(), 1u);
  EXPECT_THROW(sync_wait(timeout(1s, race(a.acquire(), b.acquire()))), TimeoutError);
  a.unlock();
  b.unlock();
  auto both = sync_wait(gather(a.guard(), b.guard(), give(3)));
  EXPECT_TRUE(a.locked() && b.locked());
  EXPECT_EQ(std::get<2>(both), 3);
}

TEST(Race, TakesOneOfTwoWhereverItIsCancelled) {
  std::optional<Semaphore> a, b;
  int taken = 0;
  const auto granter = [&]() -> Task<> {
    co_await turns(2);
    a->release();
    b->release();
  };
  testing::cancel_everywhere(
      [&]() -> Task<> {
        a.emplace(0);
        b.emplace(0);
        taken = 0;
        Future<void> granting = spawn(granter());
        co_await race(a->acquire(), b->acquire());
        ++taken;
        co_await granting;
      },
      [&](const testing::CancelPoint& point) {
        EXPECT_EQ(a->value() + b->value(), 2 - taken) << point.text();
        EXPECT_EQ(a->statistics().waiters + b->statistics().waiters, 0u) << point.text();
      });
}

}  // namespace
}  // namespace plait
