// SPDX-License-Identifier: BSL-1.0
#include <plait/core/generator.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace {

using plait::elements_of;
using plait::Generator;

/// Counts the objects that are alive, so that a test sees one that is lost or destroyed twice.
struct Probe {
  static inline int alive = 0;
  Probe() { ++alive; }
  Probe(const Probe&) { ++alive; }
  Probe(Probe&&) noexcept { ++alive; }
  Probe& operator=(const Probe&) = default;
  Probe& operator=(Probe&&) = default;
  ~Probe() { --alive; }
};

/// Fails a test that ends with more or fewer Probes than it began with.
class GeneratorTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(Probe::alive, 0); }
};

Generator<int> count_to(int n) {
  for (int i = 0; i < n; ++i) co_yield i;
}

std::vector<int> all_of(Generator<int> generator) {
  std::vector<int> seen;
  for (int i : generator) seen.push_back(i);
  return seen;
}

TEST_F(GeneratorTest, ARangeForSeesAllValuesInOrder) {
  EXPECT_EQ(all_of(count_to(4)), (std::vector{0, 1, 2, 3}));
  EXPECT_TRUE(all_of(count_to(0)).empty());
}

TEST_F(GeneratorTest, TheBodyDoesNotStartBeforeTheFirstStep) {
  bool started = false;
  auto body = [](bool& started) -> Generator<int> {
    started = true;
    co_yield 1;
  };
  auto generator = body(started);
  EXPECT_FALSE(started);
  generator.next();
  EXPECT_TRUE(started);
}

TEST_F(GeneratorTest, NextGivesEachValueAndStaysExhausted) {
  auto generator = count_to(2);
  EXPECT_EQ(generator.next(), 0);
  EXPECT_EQ(generator.next(), 1);
  EXPECT_EQ(generator.next(), std::nullopt);
  EXPECT_EQ(generator.next(), std::nullopt);
  EXPECT_TRUE(generator.begin() == generator.end());
}

TEST_F(GeneratorTest, FreeNextThrowsStopIterationAtTheEnd) {
  auto generator = count_to(1);
  EXPECT_EQ(plait::next(generator), 0);
  try {
    plait::next(generator);
    FAIL();
  } catch (const std::exception& error) {
    EXPECT_STREQ(error.what(), "plait::StopIteration: the generator is exhausted");
  }
  EXPECT_THROW(plait::next(generator), plait::StopIteration);
  EXPECT_EQ(plait::next(count_to(1)), 0);
}

TEST_F(GeneratorTest, ALoopAfterNextSeesTheRest) {
  auto generator = count_to(4);
  generator.next();
  EXPECT_EQ(all_of(std::move(generator)), (std::vector{1, 2, 3}));
}

TEST_F(GeneratorTest, ItIsAnInputRangeForTheStandardViews) {
  static_assert(std::ranges::input_range<Generator<int>>);
  static_assert(std::ranges::input_range<Generator<std::unique_ptr<int>>>);
  static_assert(std::ranges::input_range<Generator<int&>>);
  static_assert(std::ranges::input_range<Generator<double, double, int>>);
  static_assert(!std::ranges::forward_range<Generator<int>>);
  static_assert(std::movable<Generator<int>> && !std::copyable<Generator<int>>);
  std::vector<int> seen;
  for (int i : count_to(10) | std::views::filter([](int i) { return i % 2 == 1; }) |
                   std::views::transform([](int i) { return i * 10; }) | std::views::take(3)) {
    seen.push_back(i);
  }
  EXPECT_EQ(seen, (std::vector{10, 30, 50}));
  auto generator = count_to(5);
  EXPECT_TRUE(std::ranges::equal(generator, std::vector{0, 1, 2, 3, 4}));
}

TEST_F(GeneratorTest, APipedLvalueIsBorrowedAndKeepsTheRest) {
  auto generator = count_to(6);
  for (int i : generator | std::views::take_while([](int i) { return i < 2; })) EXPECT_LT(i, 2);
  EXPECT_EQ(generator.next(), 3);
}

TEST_F(GeneratorTest, MoveOnlyValuesAreMovedOut) {
  auto body = []() -> Generator<std::unique_ptr<int>> {
    co_yield std::make_unique<int>(1);
    auto named = std::make_unique<int>(2);
    co_yield std::move(named);
    co_yield nullptr;
  };
  auto generator = body();
  std::unique_ptr<int> first = plait::next(generator);
  EXPECT_EQ(*first, 1);
  EXPECT_EQ(**generator.next(), 2);
  for (std::unique_ptr<int> last : generator) EXPECT_EQ(last, nullptr);
}

TEST_F(GeneratorTest, AYieldedLvalueIsCopiedSoThatTheBodyKeepsItsOwn) {
  auto body = []() -> Generator<std::string> {
    std::string mine = "a string that is too long to be stored in place";
    co_yield mine;
    co_yield mine;
  };
  std::vector<std::string> seen;
  for (std::string s : body()) seen.push_back(std::move(s));
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_FALSE(seen[1].empty());
}

TEST_F(GeneratorTest, WhatConvertsToTheYieldedTypeCanBeYielded) {
  auto strings = []() -> Generator<std::string> { co_yield "literal"; };
  EXPECT_EQ(strings().next(), "literal");
  auto doubles = []() -> Generator<double> {
    int i = 2;
    co_yield i;
  };
  EXPECT_EQ(doubles().next(), 2.0);
  auto bare = []() -> Generator<std::monostate> { co_yield {}; };
  EXPECT_TRUE(bare().next());
  auto pairs = []() -> Generator<std::pair<int, std::string>> { co_yield {1, "one"}; };
  EXPECT_EQ(pairs().next()->second, "one");
}

TEST_F(GeneratorTest, ReferencesLetTheCallerChangeWhatTheBodyHolds) {
  auto body = [](std::vector<int>& items) -> Generator<int&> {
    for (int& i : items) co_yield i;
  };
  std::vector<int> items{1, 2, 3};
  for (int& i : body(items)) i *= 2;
  EXPECT_EQ(items, (std::vector{2, 4, 6}));

  auto generator = body(items);
  EXPECT_EQ(generator.next(), &items[0]);
  EXPECT_EQ(&plait::next(generator), &items[1]);
  int* last = generator.next();
  EXPECT_EQ(last, &items[2]);
  EXPECT_EQ(generator.next(), nullptr);
}

TEST_F(GeneratorTest, ConstReferencesCopyNothing) {
  auto body = [](const Probe& probe) -> Generator<const Probe&> {
    co_yield probe;
    co_yield Probe{};
  };
  Probe probe;
  auto generator = body(probe);
  EXPECT_EQ(generator.next(), &probe);
  EXPECT_EQ(Probe::alive, 1);
  EXPECT_NE(generator.next(), nullptr);
  EXPECT_EQ(Probe::alive, 2);
}

TEST_F(GeneratorTest, RvalueReferencesAreHandedOverAndMovedFromByNext) {
  auto body = []() -> Generator<std::string&&> { co_yield std::string("only"); };
  std::optional<std::string> only = body().next();
  EXPECT_EQ(only, "only");
}

TEST_F(GeneratorTest, SendGivesTheValueOfTheYield) {
  auto body = []() -> Generator<int, std::string, int> {
    int length = 0;
    for (;;) {
      const std::string word = co_yield length;
      if (word.empty()) co_return -1;
      length = static_cast<int>(word.size());
    }
  };
  auto generator = body();
  EXPECT_EQ(generator.next(), 0);
  EXPECT_EQ(generator.send("four"), 4);
  EXPECT_EQ(generator.send("seven.."), 7);
  EXPECT_THROW(generator.returned(), std::logic_error);
  EXPECT_EQ(generator.next(), std::nullopt);
  EXPECT_EQ(generator.returned(), -1);
  EXPECT_EQ(generator.send("late"), std::nullopt);
}

TEST_F(GeneratorTest, SendBeforeTheFirstStepIsRefusedAndChangesNothing) {
  auto body = []() -> Generator<int, int> { co_yield 1; };
  auto generator = body();
  EXPECT_THROW(generator.send(0), std::logic_error);
  EXPECT_EQ(generator.next(), 1);
}

TEST_F(GeneratorTest, AnOptionalSendTellsNextFromSend) {
  auto body = []() -> Generator<bool, std::optional<int>> {
    bool sent = false;
    for (;;) sent = (co_yield sent).has_value();
  };
  auto generator = body();
  generator.next();
  EXPECT_EQ(generator.send(0), true);
  EXPECT_EQ(generator.next(), false);
}

TEST_F(GeneratorTest, NextIsRefusedWhereTheSentTypeHasNoDefault) {
  struct Word {
    explicit Word(int n) : n{n} {}
    int n;
  };
  auto body = []() -> Generator<int, Word> {
    int n = 0;
    for (;;) n = (co_yield n).n;
  };
  auto generator = body();
  EXPECT_EQ(generator.next(), 0);
  EXPECT_THROW(generator.next(), std::logic_error);
  EXPECT_EQ(generator.send(Word{5}), 5);
}

TEST_F(GeneratorTest, MoveOnlyValuesCanBeSentAndReturned) {
  auto body = []() -> Generator<int, std::unique_ptr<int>, std::unique_ptr<int>> { co_return co_yield 1; };
  auto generator = body();
  generator.next();
  EXPECT_FALSE(generator.send(std::make_unique<int>(7)));
  EXPECT_EQ(*generator.returned(), 7);
}

TEST_F(GeneratorTest, AnExceptionLeavesTheStepThatRanTheBodyAndEndsIt) {
  auto body = []() -> Generator<int> {
    Probe probe;
    co_yield 1;
    throw std::runtime_error("broken");
  };
  auto generator = body();
  EXPECT_EQ(generator.next(), 1);
  EXPECT_THROW(generator.next(), std::runtime_error);
  EXPECT_EQ(Probe::alive, 0);
  EXPECT_EQ(generator.next(), std::nullopt);
  auto ranged = body();
  EXPECT_THROW(std::ranges::for_each(ranged, [](int) {}), std::runtime_error);
}

TEST_F(GeneratorTest, AnExceptionBeforeTheFirstYieldLeavesBegin) {
  auto body = []() -> Generator<int> {
    throw std::runtime_error("at once");
    co_yield 1;
  };
  auto generator = body();
  EXPECT_THROW((void)generator.begin(), std::runtime_error);
  EXPECT_TRUE(generator.begin() == generator.end());
}

TEST_F(GeneratorTest, AGeneratorThatThrewHasNotReturned) {
  auto body = []() -> Generator<int, void, int> {
    throw std::runtime_error("broken");
    co_return 1;
  };
  auto generator = body();
  EXPECT_THROW(generator.next(), std::runtime_error);
  EXPECT_THROW(generator.returned(), std::logic_error);
}

TEST_F(GeneratorTest, ThrownInIsThrownAtTheYieldAndAnswersWithTheNextValue) {
  auto body = []() -> Generator<int> {
    int caught = 0;
    for (;;) {
      try {
        co_yield caught;
      } catch (const std::out_of_range&) {
        ++caught;
      }
    }
  };
  auto generator = body();
  generator.next();
  EXPECT_EQ(generator.throw_in(std::out_of_range("one")), 1);
  EXPECT_EQ(generator.throw_in(std::make_exception_ptr(std::out_of_range("two"))), 2);
  EXPECT_THROW(generator.throw_in(std::runtime_error("not caught")), std::runtime_error);
  EXPECT_EQ(generator.next(), std::nullopt);
}

TEST_F(GeneratorTest, ThrowInAtANullExceptionIsRefused) {
  auto generator = count_to(2);
  generator.next();
  EXPECT_THROW(generator.throw_in(std::exception_ptr{}), std::logic_error);
  EXPECT_EQ(generator.next(), 1);
}

TEST_F(GeneratorTest, CloseRunsTheHandlersAndDestructionDoesNot) {
  auto body = [](std::vector<std::string>& trace) -> Generator<int> {
    Probe probe;
    try {
      co_yield 1;
    } catch (...) {
      trace.push_back("handler");
      throw;
    }
  };
  std::vector<std::string> trace;
  {
    auto dropped = body(trace);
    dropped.next();
    EXPECT_EQ(Probe::alive, 1);
  }
  EXPECT_EQ(Probe::alive, 0);
  EXPECT_TRUE(trace.empty());
  auto closed = body(trace);
  closed.next();
  closed.close();
  EXPECT_EQ(trace, (std::vector<std::string>{"handler"}));
  EXPECT_EQ(Probe::alive, 0);
  closed.close();
  EXPECT_EQ(closed.next(), std::nullopt);
}

TEST_F(GeneratorTest, GeneratorExitIsNoStandardException) {
  auto body = []() -> Generator<int> {
    for (;;) {
      try {
        co_yield 1;
      } catch (const std::exception&) {
      }
    }
  };
  auto generator = body();
  generator.next();
  generator.close();
  EXPECT_EQ(generator.next(), std::nullopt);
}

TEST_F(GeneratorTest, AStepFromInsideItsOwnBodyIsRefused) {
  Generator<int>* self = nullptr;
  auto body = [](Generator<int>*& self) -> Generator<int> {
    EXPECT_THROW(self->next(), std::logic_error);
    EXPECT_THROW(self->throw_in(1), std::logic_error);
    EXPECT_THROW(self->close(), std::logic_error);
    co_yield 1;
    EXPECT_THROW((void)self->begin(), std::logic_error);
    co_yield 2;
  };
  auto generator = body(self);
  self = &generator;
  EXPECT_EQ(generator.next(), 1);
  EXPECT_EQ(generator.next(), 2);
  EXPECT_EQ(generator.next(), std::nullopt);
}

TEST_F(GeneratorTest, MovingKeepsTheIteratorAndEmptiesTheSource) {
  auto generator = count_to(3);
  auto position = generator.begin();
  Generator<int> moved = std::move(generator);
  EXPECT_EQ(generator.next(), std::nullopt);
  EXPECT_EQ(*position, 0);
  ++position;
  EXPECT_EQ(*position, 1);
  generator = std::move(moved);
  EXPECT_EQ(generator.next(), 2);
  generator = count_to(1);
  EXPECT_EQ(generator.next(), 0);
}

TEST_F(GeneratorTest, AnUnstartedGeneratorDestroysItsArguments) {
  auto body = [](Probe) -> Generator<int> { co_yield 1; };
  {
    auto generator = body(Probe{});
    EXPECT_EQ(Probe::alive, 1);
  }
  EXPECT_EQ(Probe::alive, 0);
  auto closed = body(Probe{});
  closed.close();
  EXPECT_EQ(Probe::alive, 0);
}

TEST_F(GeneratorTest, TemporariesOfAYieldLiveOnceWhileTheBodyWaits) {
  struct Wrapped {
    explicit Wrapped(int n) : n{n} {}
    Probe probe;
    int n;
  };
  auto body = []() -> Generator<Wrapped> {
    co_yield Wrapped{1};
    Wrapped named{2};
    co_yield named;
    co_yield std::move(named);
  };
  for (const auto& wrapped : body()) EXPECT_GE(wrapped.n, 1);
  EXPECT_EQ(Probe::alive, 0);
  auto dropped = body();
  dropped.next();
  dropped.next();
}

TEST_F(GeneratorTest, SentAndReturnedAggregatesAreDestroyedOnce) {
  struct Aggregate {
    Probe probe;
    int n = 0;
  };
  auto body = []() -> Generator<int, Aggregate, Aggregate> {
    Aggregate sent = co_yield 1;
    co_yield sent.n;
    co_return sent;
  };
  auto outer = [](auto body) -> Generator<int, Aggregate> {
    Aggregate returned = co_yield elements_of(body());
    co_yield returned.n + 1;
  };
  auto generator = outer(body);
  generator.next();
  EXPECT_EQ(generator.send(Aggregate{{}, 5}), 5);
  EXPECT_EQ(generator.next(), 6);
}

TEST_F(GeneratorTest, ANamedAggregateCanBeYielded) {
  struct Aggregate {
    Probe probe;
    int n;
  };
  auto copies = []() -> Generator<Aggregate> {
    Aggregate named{{}, 1};
    co_yield named;
  };
  for (const Aggregate& aggregate : copies()) EXPECT_EQ(aggregate.n, 1);
  auto references = []() -> Generator<Aggregate&> {
    Aggregate named{{}, 2};
    co_yield named;
  };
  for (Aggregate& aggregate : references()) EXPECT_EQ(aggregate.n, 2);
}

TEST(GeneratorDeathTest, ABodyThatDestroysItsOwnGeneratorStopsWithASentence) {
  EXPECT_DEATH(
      {
        std::optional<Generator<int>> self;
        auto body = [](std::optional<Generator<int>>& self) -> Generator<int> {
          self.reset();
          co_yield 1;
        };
        self = body(self);
        self->next();
      },
      "destroyed by its own body");
}

}  // namespace
