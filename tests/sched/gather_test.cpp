// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/gather.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "plait/plait.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::errors_of;
using test::fail_when_cancelled;
using test::give;

Task<> fail_after(int turns, const char* text) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  throw std::runtime_error(text);
}
Task<> until_cancelled(int& cancelled) {
  try {
    co_await sleep(1000h);
  } catch (const Cancelled&) {
    ++cancelled;
    throw;
  }
}

TEST(Gather, GivesResultsInTheOrderOfItsArguments) {
  run([]() -> Task<> {
    auto [a, b, c] = co_await gather(give(1), sleep(1us), give(3));
    EXPECT_EQ(a, 1);
    static_assert(std::is_same_v<decltype(b), std::monostate>);
    EXPECT_EQ(c, 3);
  });
}

TEST(Gather, TakesTasksFuturesAndOperationsMixed) {
  run([]() -> Task<> {
    Lock lock;
    Future<int> future = spawn(give(2));
    auto [a, b, guard] = co_await gather(give(1), std::move(future), lock.guard());
    EXPECT_EQ(a + b, 3);
    EXPECT_TRUE(lock.locked());
  });
}

TEST(Gather, GivesResultsThatCanOnlyBeMoved) {
  run([]() -> Task<> {
    const auto make = [](int n) -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(n); };
    auto [a, b] = co_await gather(make(1), make(2));
    EXPECT_EQ(*a + *b, 3);
    std::vector<Task<std::unique_ptr<int>>> range;
    for (int i = 0; i < 10; ++i) range.push_back(make(i));
    auto all = co_await gather(std::move(range));
    EXPECT_EQ(*all[9], 9);
  });
}

TEST(Gather, TakesARangeAndGivesAVectorInOrder) {
  run([]() -> Task<> {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 1000; ++i) tasks.push_back(give(i));
    const std::vector<int> all = co_await gather(std::move(tasks));
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
  });
}

TEST(Gather, OfAnEmptyRangeIsEmpty) {
  run([]() -> Task<> {
    EXPECT_TRUE((co_await gather(std::vector<Task<int>>{})).empty());
    co_await gather(std::vector<Task<>>{});
  });
}

TEST(Gather, RunsSideBySide) {
  const auto elapsed = [] {
    const TimePoint start = now();
    run([]() -> Task<> { co_await gather(sleep(20ms), sleep(20ms), sleep(20ms), sleep(20ms)); });
    return now() - start;
  }();
  EXPECT_GE(elapsed, 20ms);
  EXPECT_LT(elapsed, 75ms);
}

TEST(Gather, CancelsTheRestAtTheFirstFailureAndThrowsAGroupEvenOfOne) {
  int cancelled = 0;
  run([&]() -> Task<> {
    auto all = gather(until_cancelled(cancelled), fail_after(2, "one"), until_cancelled(cancelled));
    EXPECT_EQ(co_await errors_of(std::move(all)), "one;");
  });
  EXPECT_EQ(cancelled, 2);
}

TEST(Gather, ThrowsAllErrorsTogetherInTheOrderOfItsArguments) {
  run([]() -> Task<> {
    // All of them fail in one turn or on their way out: none is lost.
    auto late = gather(fail_when_cancelled("x"), fail_after(1, "y"), fail_when_cancelled("z"));
    EXPECT_EQ(co_await errors_of(std::move(late)), "x;y;z;");
    auto at_once = gather(fail_after(1, "a"), fail_after(1, "b"), fail_after(0, "c"));
    EXPECT_TRUE((co_await errors_of(std::move(at_once))).ends_with("c;"));
  });
}

TEST(Gather, ReportsAnErrorThatArrivesTwiceOnce) {
  run([]() -> Task<> {
    Future<void> one = spawn(fail_after(1, "shared"));
    const auto wait = [&]() -> Task<> { co_await one; };
    std::size_t errors = 0;
    try {
      co_await gather(wait(), wait(), wait());
    } catch (const ExceptionGroup& group) {
      errors = group.size();
    }
    EXPECT_EQ(errors, 1u);
  });
}

TEST(Gather, PassesACancelFromOutsideToAllChildrenAndThenThrowsCancelled) {  // behaviour 30
  int cancelled = 0;
  run([&]() -> Task<> {
    Future<void> f = spawn([&]() -> Task<> {
      co_await gather(until_cancelled(cancelled), until_cancelled(cancelled), until_cancelled(cancelled));
    });
    for (int i = 0; i < 3; ++i) co_await yield_now();
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
  });
  EXPECT_EQ(cancelled, 3);
}

TEST(Gather, ReportsAnErrorOfAChildRatherThanTheCancelFromOutside) {  // behaviour 37
  run([]() -> Task<> {
    bool pending = false;
    Future<void> f = spawn([&]() -> Task<> {
      EXPECT_EQ(co_await errors_of(gather(fail_when_cancelled("in clean-up"))), "in clean-up;");
      try {
        co_await yield_now();
      } catch (const Cancelled&) {
        pending = true;
      }
    });
    co_await yield_now();
    co_await yield_now();
    f.cancel();
    co_await f;
    EXPECT_TRUE(pending);
  });
}

TEST(Gather, OfACancelledFutureIsCancelledAndStopsItsSiblings) {  // behaviour 31, with a group's semantics
  run([]() -> Task<> {
    int cancelled = 0;
    Future<void> f = spawn([]() -> Task<> { co_await sleep(1000h); });
    const auto wait = [&]() -> Task<> { co_await f; };
    f.cancel();
    EXPECT_THROW(co_await gather(wait(), until_cancelled(cancelled)), Cancelled);
    EXPECT_EQ(cancelled, 1);
    co_await yield_now();  // this strand itself is not cancelled
  });
}

Task<int> tree(int depth) {
  if (depth == 0) co_return 1;
  auto [a, b] = co_await gather(tree(depth - 1), tree(depth - 1));
  co_return a + b;
}

TEST(Gather, NestsInATree) { EXPECT_EQ(run(tree(10)), 1024); }

Task<> failing_tree(int depth, int& cancelled) {
  if (depth == 0) {
    co_await fail_after(2, "leaf");
  } else {
    co_await gather(failing_tree(depth - 1, cancelled), until_cancelled(cancelled));
  }
}

TEST(Gather, KeepsTheShapeOfNestedGroupsAndUnwindsThemAll) {
  int cancelled = 0;
  try {
    run(failing_tree(3, cancelled));
    FAIL();
  } catch (const ExceptionGroup& group) {
    EXPECT_STREQ(group.what(), "gather (1 error)\n└─ gather\n   └─ gather\n      └─ std::runtime_error: leaf");
  }
  EXPECT_EQ(cancelled, 3);
}

Task<int> chain(int depth) {
  if (depth == 0) co_return 0;
  auto [below] = co_await gather(chain(depth - 1));
  co_return below + 1;
}

TEST(Gather, NestsAHundredThousandDeep) { EXPECT_EQ(run(chain(100'000)), 100'000); }

TEST(Gather, DoesNothingWhenItIsNotAwaited) {
  bool ran = false;
  const auto task = [&]() -> Task<> {
    ran = true;
    co_return;
  };
  {
    auto unused = gather(task(), task());
  }
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace plait
