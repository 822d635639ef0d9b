// SPDX-License-Identifier: BSL-1.0
#include "plait/core/exceptions.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace plait {
namespace {

std::exception_ptr error(const char* text) { return std::make_exception_ptr(std::runtime_error(text)); }
template <class... E>
ExceptionGroup group(const char* message, E... errors) {
  return ExceptionGroup(message, {errors...});
}
template <class E>
std::string what_of(const std::exception_ptr& p) {
  try {
    std::rethrow_exception(p);
  } catch (const E& e) {
    return e.what();
  } catch (...) {
    return "another type";
  }
}

static_assert(!std::is_base_of_v<std::exception, Cancelled>);
static_assert(!std::is_base_of_v<std::exception, KeyboardInterrupt>);

TEST(ExceptionGroup, ShowsItsErrorsAsATree) {
  const ExceptionGroup inner = group("inner", error("b"), std::make_exception_ptr(1));
  const ExceptionGroup outer = group("outer", error("a"), std::make_exception_ptr(inner), error("c"));
  EXPECT_STREQ(outer.what(),
               "outer (3 errors)\n"
               "├─ std::runtime_error: a\n"
               "├─ inner\n"
               "│  ├─ std::runtime_error: b\n"
               "│  └─ int\n"
               "└─ std::runtime_error: c");
  EXPECT_STREQ(group("one", error("x")).what(), "one (1 error)\n└─ std::runtime_error: x");
}

TEST(ExceptionGroup, RefusesToBeEmpty) { EXPECT_THROW(ExceptionGroup("nothing", {}), std::logic_error); }

TEST(ExceptionGroup, KeepsTheOrderOfItsErrors) {
  const ExceptionGroup g = group("g", error("a"), error("b"));
  ASSERT_EQ(g.size(), 2u);
  EXPECT_EQ(what_of<std::runtime_error>(g[0]), "a");
  EXPECT_EQ(what_of<std::runtime_error>(g[1]), "b");
  EXPECT_THROW(g[2], std::out_of_range);
}

TEST(ExceptionGroup, IsSplitThroughNestedGroupsWhoseShapeIsKept) {
  const ExceptionGroup inner = group("inner", error("b"), std::make_exception_ptr(1));
  const ExceptionGroup outer = group("outer", std::make_exception_ptr(2), std::make_exception_ptr(inner));
  const auto [numbers, others] = outer.split<int>();
  ASSERT_TRUE(numbers && others);
  EXPECT_STREQ(numbers->what(), "outer (2 errors)\n├─ int\n└─ inner\n   └─ int");
  EXPECT_STREQ(others->what(), "outer (1 error)\n└─ inner\n   └─ std::runtime_error: b");
}

TEST(ExceptionGroup, IsSplitByABaseClassThatItHasItself) {
  // Every group is a std::exception; what counts is what it holds.
  const ExceptionGroup inner = group("inner", error("b"), std::make_exception_ptr(1));
  const auto [exceptions, others] = group("outer", std::make_exception_ptr(inner)).split<std::exception>();
  ASSERT_TRUE(exceptions && others);
  EXPECT_STREQ(exceptions->what(), "outer (1 error)\n└─ inner\n   └─ std::runtime_error: b");
  EXPECT_STREQ(others->what(), "outer (1 error)\n└─ inner\n   └─ int");
}

TEST(ExceptionGroup, GivesNullForAnEmptyPartOfASplit) {
  const auto [numbers, others] = group("g", error("a")).split<int>();
  EXPECT_FALSE(numbers);
  ASSERT_TRUE(others);
  EXPECT_EQ(others->size(), 1u);
}

TEST(ExceptionGroup, MayBeNestedAThousandDeep) {
  std::exception_ptr inner = error("core");
  for (int i = 0; i < 1000; ++i) inner = std::make_exception_ptr(group("level", inner, error("beside")));
  EXPECT_EQ(what_of<ExceptionGroup>(inner).rfind("level", 0), 0u);
}

TEST(Describe, NamesTheTypeOfAnyException) {
  EXPECT_EQ(describe(error("x")), "std::runtime_error: x");
  EXPECT_EQ(describe(std::make_exception_ptr(Cancelled{})), "plait::Cancelled");
  EXPECT_EQ(describe(std::make_exception_ptr(1)), "int");
  EXPECT_EQ(describe(nullptr), "no error");
  EXPECT_EQ(describe(std::make_exception_ptr(TimeoutError())), "plait::TimeoutError: timed out");
}

}  // namespace
}  // namespace plait
