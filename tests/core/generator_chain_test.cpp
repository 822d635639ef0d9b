// SPDX-License-Identifier: BSL-1.0
//
// Delegation: what elements_of does with generators and ranges, and chains of a million generators.
#include <plait/core/generator.hpp>

#include <gtest/gtest.h>

#include <array>
#include <list>
#include <memory>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using plait::elements_of;
using plait::Generator;

constexpr int very_deep = 1'000'000;

Generator<int> count_to(int n) {
  for (int i = 0; i < n; ++i) co_yield i;
}

template <class Yield>
auto all_of(Generator<Yield> generator) {
  std::vector<std::remove_cvref_t<Yield>> seen;
  for (auto&& value : generator) seen.push_back(std::forward<decltype(value)>(value));
  return seen;
}

TEST(GeneratorChainTest, RangesOfAllKindsCanBeDelegatedTo) {
  auto body = [](const std::vector<int>& lvalue) -> Generator<int> {
    co_yield elements_of(lvalue);
    co_yield elements_of(std::vector<int>(1, 3));
    co_yield elements_of(std::vector<int>(1, 4));
    co_yield elements_of(std::views::iota(5, 7));
    std::array array{7, 8};
    co_yield elements_of(array);
    int raw[]{9, 10};
    co_yield elements_of(raw);
    std::list<short> list{11, 12};
    co_yield elements_of(list);
    co_yield elements_of(lvalue | std::views::transform([](int i) { return i + 12; }));
    co_yield elements_of(std::vector<int>{});
  };
  std::vector<int> lvalue{1, 2};
  std::vector<int> expected(14);
  for (int i = 0; i < 14; ++i) expected[static_cast<std::size_t>(i)] = i + 1;
  EXPECT_EQ(all_of(body(lvalue)), expected);
}

TEST(GeneratorChainTest, ElementsAreCopiedOutOfARangeAndReferredToWhereReferencesAreYielded) {
  auto copies = [](std::vector<std::string>& from) -> Generator<std::string> { co_yield elements_of(from); };
  std::vector<std::string> strings{"one", "two"};
  EXPECT_EQ(all_of(copies(strings)), strings);
  EXPECT_EQ(strings, (std::vector<std::string>{"one", "two"}));
  auto references = [](std::vector<std::string>& from) -> Generator<std::string&> { co_yield elements_of(from); };
  for (std::string& s : references(strings)) s += "!";
  EXPECT_EQ(strings, (std::vector<std::string>{"one!", "two!"}));
}

TEST(GeneratorChainTest, AnotherTypeOfGeneratorIsGoneThroughByALoop) {
  auto body = []() -> Generator<long> {
    for (int i : count_to(3)) co_yield i;
  };
  EXPECT_EQ(all_of(body()), (std::vector<long>{0, 1, 2}));
}

Generator<int> tree(int low, int high) {
  if (low == high) co_return;
  const int middle = low + (high - low) / 2;
  co_yield elements_of(tree(low, middle));
  co_yield middle;
  co_yield elements_of(tree(middle + 1, high));
}

TEST(GeneratorChainTest, RecursionWalksATreeInOrder) {
  std::vector<int> expected(1000);
  for (int i = 0; i < 1000; ++i) expected[static_cast<std::size_t>(i)] = i;
  EXPECT_EQ(all_of(tree(0, 1000)), expected);
}

TEST(GeneratorChainTest, AStartedGeneratorGoesOnWhereItStands) {
  auto outer = [](Generator<int> inner) -> Generator<int> { co_yield elements_of(inner); };
  auto started = outer(count_to(4));
  started.next();
  started.next();
  auto wrapped = outer(std::move(started));
  EXPECT_EQ(wrapped.next(), 2);
  EXPECT_EQ(all_of(std::move(wrapped)), (std::vector{3}));
}

TEST(GeneratorChainTest, AnExhaustedOrEmptyGeneratorYieldsNothing) {
  auto outer = [](Generator<int>& inner) -> Generator<int> {
    co_yield elements_of(inner);
    co_yield elements_of(count_to(0));
    co_yield 9;
  };
  auto inner = count_to(1);
  EXPECT_EQ(all_of(outer(inner)), (std::vector{0, 9}));
  EXPECT_EQ(all_of(outer(inner)), (std::vector{9}));
  auto moved_from = count_to(1);
  auto elsewhere = std::move(moved_from);
  EXPECT_EQ(all_of(outer(moved_from)), (std::vector{9}));
}

Generator<int, void, std::string> named(std::string name) {
  co_yield static_cast<int>(name.size());
  co_return name + "!";
}

TEST(GeneratorChainTest, TheExpressionHasTheValueTheInnerReturns) {
  auto outer = [](Generator<int, void, std::string>& kept) -> Generator<int, void, std::string> {
    std::string moved = co_yield elements_of(named("one"));
    const std::string& left = co_yield elements_of(kept);
    co_return moved + left;
  };
  auto kept = named("three");
  auto generator = outer(kept);
  EXPECT_EQ(generator.next(), 3);
  EXPECT_EQ(generator.next(), 5);
  EXPECT_EQ(generator.next(), std::nullopt);
  EXPECT_EQ(generator.returned(), "one!three!");
  EXPECT_EQ(kept.returned(), "three!");
}

TEST(GeneratorChainTest, ADelegatedGeneratorCannotBeStepped) {
  auto outer = [](Generator<int>& inner) -> Generator<int> { co_yield elements_of(inner); };
  auto inner = count_to(3);
  auto first = outer(inner);
  auto second = outer(inner);
  EXPECT_EQ(first.next(), 0);
  EXPECT_THROW(inner.next(), std::logic_error);
  EXPECT_THROW(inner.close(), std::logic_error);
  EXPECT_THROW(second.next(), std::logic_error);
  EXPECT_EQ(first.next(), 1);
  EXPECT_EQ(first.next(), 2);
  EXPECT_EQ(first.next(), std::nullopt);
  EXPECT_EQ(inner.next(), std::nullopt);
}

TEST(GeneratorChainTest, ADelegatedGeneratorMayBeMoved) {
  auto outer = [](Generator<int>& inner) -> Generator<int> { co_yield elements_of(inner); };
  auto inner = count_to(3);
  {
    auto generator = outer(inner);
    EXPECT_EQ(generator.next(), 0);
    Generator<int> elsewhere = std::move(inner);
    EXPECT_EQ(generator.next(), 1);
    inner = std::move(elsewhere);
  }
  EXPECT_EQ(inner.next(), std::nullopt) << "it ends with the generator that delegates to it";
}

TEST(GeneratorChainTest, AnInnerGeneratorThatDiesFirstIsThrownAtItsDelegation) {
  auto middle = [](Generator<int>& inner) -> Generator<int> {
    try {
      co_yield elements_of(inner);
    } catch (const std::logic_error&) {
    }
    co_yield 42;
  };
  auto outer = [](Generator<int> middle) -> Generator<int> { co_yield elements_of(middle); };
  auto inner = std::make_unique<Generator<int>>(tree(0, 100));
  auto generator = outer(middle(*inner));
  EXPECT_EQ(generator.next(), 0);
  inner.reset();
  EXPECT_EQ(generator.next(), 42);
  EXPECT_EQ(generator.next(), std::nullopt);
}

TEST(GeneratorChainTest, ASentValueThatReachesARangeIsAnError) {
  auto body = [](bool catches) -> Generator<int, int> {
    bool caught = false;
    try {
      co_yield elements_of(std::views::iota(0, 9));
    } catch (const std::logic_error&) {
      if (!catches) throw;
      caught = true;
    }
    if (caught) co_yield -1;
  };
  auto generator = body(true);
  EXPECT_EQ(generator.next(), 0);
  EXPECT_EQ(generator.next(), 1);
  EXPECT_EQ(generator.send(7), -1);
  auto other = body(false);
  other.next();
  EXPECT_THROW(other.send(7), std::logic_error);
}

Generator<int> deep(int depth) {
  if (depth == 0) {
    co_yield 1;
    co_yield 2;
  } else {
    co_yield elements_of(deep(depth - 1));
  }
}

TEST(GeneratorChainTest, AMillionLevelsYieldAndEnd) { EXPECT_EQ(all_of(deep(very_deep)), (std::vector{1, 2})); }

TEST(GeneratorChainTest, AMillionLevelsAreDestroyedHalfWay) {
  auto generator = deep(very_deep);
  EXPECT_EQ(generator.next(), 1);
}

Generator<int> deep_in_variables(int depth, int& destroyed) {
  struct AtEnd {
    int& destroyed;
    ~AtEnd() { ++destroyed; }
  } at_end{destroyed};
  if (depth == 0) co_yield 1;
  auto inner = depth > 0 ? deep_in_variables(depth - 1, destroyed) : count_to(0);
  co_yield elements_of(inner);
}

TEST(GeneratorChainTest, AMillionLevelsHeldInVariablesAreDestroyedHalfWay) {
  int destroyed = 0;
  {
    auto generator = deep_in_variables(very_deep, destroyed);
    EXPECT_EQ(generator.next(), 1);
    EXPECT_EQ(destroyed, 0);
  }
  EXPECT_EQ(destroyed, very_deep + 1);
}

Generator<int, int, long> deep_sum(int depth) {
  if (depth == 0) co_return co_yield 0;
  co_return 1 + (co_yield elements_of(deep_sum(depth - 1)));
}

TEST(GeneratorChainTest, AMillionLevelsTakeASentValueAndReturn) {
  auto generator = deep_sum(very_deep);
  EXPECT_EQ(generator.next(), 0);
  EXPECT_EQ(generator.send(7), std::nullopt);
  EXPECT_EQ(generator.returned(), very_deep + 7);
}

Generator<int> deep_failing(int depth) {
  if (depth == 0) throw std::runtime_error("from the bottom");
  co_yield elements_of(deep_failing(depth - 1));
}

TEST(GeneratorChainTest, AnExceptionPassesAMillionLevels) {
  auto generator = deep_failing(very_deep);
  EXPECT_THROW(generator.next(), std::runtime_error);
}

TEST(GeneratorChainTest, AMillionLevelsAreClosed) {
  auto generator = deep(very_deep);
  generator.next();
  generator.close();
  EXPECT_EQ(generator.next(), std::nullopt);
}

TEST(GeneratorChainTest, AMillionDelegationsInARowUseOneStack) {
  auto body = []() -> Generator<int> {
    for (int i = 0; i < very_deep; ++i) co_yield elements_of(count_to(1));
  };
  int steps = 0;
  for (int i : body()) steps += 1 + i;
  EXPECT_EQ(steps, very_deep);
}

}  // namespace
