// SPDX-License-Identifier: BSL-1.0
#include "plait/core/task.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "plait/core/frame_allocator.hpp"
#include "plait/sched/run.hpp"
#include "support/build.hpp"

namespace plait {
namespace {

using test::Counted;
using test::StackMeter;

/// The runner's allowance [W8] and the frames that the last hop may leave on top of it.
constexpr std::uintptr_t kMostStack = 64 * 1024;

Task<> set(bool& flag) {
  flag = true;
  co_return;
}

TEST(Task, RunsNothingUntilItIsAwaited) {
  bool ran = false;
  run([&]() -> Task<> {
    Task<> task = set(ran);
    EXPECT_FALSE(ran);
    co_await std::move(task);
    EXPECT_TRUE(ran);
  });
}

TEST(Task, DoesNothingWhenItDiesUnawaited) {
  bool ran = false;
  {
    Task<> task = set(ran);
  }
  EXPECT_FALSE(ran);
}

Task<> keep(Counted) { co_return; }

TEST(Task, FreesItsParametersWhenItDiesUnawaited) {
  {
    Task<> task = keep(Counted{});
    EXPECT_EQ(Counted::live, 1);
  }
  EXPECT_EQ(Counted::live, 0);
}

Task<std::unique_ptr<int>> make_unique_int(int n) { co_return std::make_unique<int>(n); }

TEST(Task, GivesResultsThatCanOnlyBeMoved) {
  const int value = run([]() -> Task<int> {
    auto p = co_await make_unique_int(7);
    co_return *p;
  });
  EXPECT_EQ(value, 7);
  EXPECT_EQ(*run(make_unique_int(8)), 8);
}

Task<int&> give_reference(int& n) { co_return n; }
Task<const std::string&> give_constant(const std::string& s) { co_return s; }

TEST(Task, GivesReferencesToTheVeryObject) {
  int n = 1;
  run([&]() -> Task<> { EXPECT_EQ(&co_await give_reference(n), &n); });
  EXPECT_EQ(&run(give_reference(n)), &n);
  const std::string s = "s";
  EXPECT_EQ(&run(give_constant(s)), &s);
}

struct NoDefault {
  explicit NoDefault(int n) : n(n) {}
  int n;
};
Task<NoDefault> make_no_default() { co_return NoDefault(3); }

TEST(Task, GivesResultsWithoutADefaultConstructor) { EXPECT_EQ(run(make_no_default()).n, 3); }

Task<Counted> make_counted() { co_return Counted{}; }

TEST(Task, DestroysItsResultOnce) {
  run([]() -> Task<> {
    Counted c = co_await make_counted();
    EXPECT_EQ(Counted::live, 1);
  });
  EXPECT_EQ(Counted::live, 0);
}

Task<> fail(const char* text) {
  throw std::runtime_error(text);
  co_return;
}

TEST(Task, ThrowsItsExceptionWhereItIsAwaited) {
  run([]() -> Task<> {
    std::string caught;
    try {
      co_await fail("one");
    } catch (const std::runtime_error& e) {
      caught = e.what();
    }
    EXPECT_EQ(caught, "one");
  });
  EXPECT_THROW(run(fail("two")), std::runtime_error);
}

struct ThrowsWhenMoved {
  ThrowsWhenMoved() = default;
  ThrowsWhenMoved(ThrowsWhenMoved&&) { throw std::runtime_error("moved"); }
};
Task<ThrowsWhenMoved> make_throwing() { co_return ThrowsWhenMoved{}; }

TEST(Task, TurnsAResultThatThrowsWhenItIsMovedIntoAnError) { EXPECT_THROW(run(make_throwing()), std::runtime_error); }

struct Note {
  std::string* log;
  char mark;
  Note(std::string& log, char mark) : log(&log), mark(mark) {}
  Note(Note&& other) noexcept : log(std::exchange(other.log, nullptr)), mark(other.mark) {}
  ~Note() {
    if (log) log->push_back(mark);
  }
};
Task<> local_and_parameter(std::string& log, Note) {
  Note local(log, 'l');
  log.push_back('b');
  co_return;
}

TEST(Task, KeepsItsParametersUntilTheAwaitIsOverAndDestroysLocalsFirst) {
  std::string log;
  run([&]() -> Task<> {
    co_await local_and_parameter(log, Note(log, 'p'));
    log.push_back('a');
  });
  EXPECT_EQ(log, "blpa");
}

StackMeter meter;

Task<int> nested(int depth) {
  meter.touch();
  if (depth == 0) co_return 0;
  const int below = co_await nested(depth - 1);
  meter.touch();
  co_return below + 1;
}

TEST(Task, NestsAMillionDeepWithoutGrowingTheStack) {  // [W8]
  meter = {};
  EXPECT_EQ(run(nested(1'000'000)), 1'000'000);
  EXPECT_LT(meter.used(), kMostStack);
}

Task<int> one() {
  meter.touch();
  co_return 1;
}

Task<int> many(int n) {
  int sum = 0;
  for (int i = 0; i < n; ++i) sum += co_await one();
  meter.touch();
  co_return sum;
}

TEST(Task, AwaitsAMillionTasksInARowWithoutGrowingTheStack) {  // [W8]
  meter = {};
  EXPECT_EQ(run(many(1'000'000)), 1'000'000);
  EXPECT_LT(meter.used(), kMostStack);
}

Task<> nested_failure(int depth) {
  meter.touch();
  if (depth == 0) throw std::runtime_error("from below");
  co_await nested_failure(depth - 1);
}

TEST(Task, PassesAnExceptionThroughAHundredThousandFrames) {  // [W8]
  meter = {};
  EXPECT_THROW(run(nested_failure(100'000)), std::runtime_error);
  EXPECT_LT(meter.used(), kMostStack);
}

Task<int> failing_one() {
  meter.touch();
  throw 1;
  co_return 0;
}

TEST(Task, ThrowsAHundredThousandTimesInARowWithoutGrowingTheStack) {  // [W8]
  meter = {};
  const int caught = run([]() -> Task<int> {
    int n = 0;
    for (int i = 0; i < 100'000; ++i) {
      try {
        co_await failing_one();
      } catch (int) {
        ++n;
      }
    }
    co_return n;
  });
  EXPECT_EQ(caught, 100'000);
  EXPECT_LT(meter.used(), kMostStack);
}

Task<int> nested_with_local(int depth, Counted) {
  Counted local;
  if (depth == 0) throw 5;
  co_return co_await nested_with_local(depth - 1, Counted{});
}

TEST(Task, LeavesNoFrameBehindWhenAnExceptionPasses) {
  EXPECT_THROW(run(nested_with_local(1000, Counted{})), int);
  EXPECT_EQ(Counted::live, 0);
}

TEST(Task, IsEmptyAfterItWasMovedFrom) {
  bool ran = false;
  Task<> a = set(ran);
  Task<> b = std::move(a);
  a = set(ran);  // may be assigned to again
  a.swap(b);
  run(std::move(a));
  EXPECT_TRUE(ran);
}

static_assert(!std::is_copy_constructible_v<Task<int>>);
static_assert(!std::is_default_constructible_v<Task<int>>);
static_assert(std::is_nothrow_move_constructible_v<Task<int>>);

}  // namespace
}  // namespace plait
