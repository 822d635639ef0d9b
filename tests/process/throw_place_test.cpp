// SPDX-License-Identifier: BSL-1.0
#include "plait/os/throw_place.hpp"

#include <gtest/gtest.h>

#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

#include "plait/plait.hpp"

namespace app {
namespace {

// The functions are not inlined nor cut short, so that they have frames; the lines are those of the throws.
constexpr unsigned kLineOfThrow = std::source_location::current().line() + 2;
[[gnu::noinline]] int refuse(int n) {
  if (n == 3) throw std::invalid_argument("not three");
  return n;
}
[[gnu::noinline]] int look_closely(int n) { return refuse(n) + 1; }
[[gnu::noinline]] int look_beyond(int n) { return std::vector<int>(3).at(static_cast<std::size_t>(n)) + 1; }
[[gnu::noinline]] int look_again(int n) {
  try {
    return refuse(n) + 2;
  } catch (const std::invalid_argument&) {
    throw;
  }
}

std::string where(const std::exception& error) {
  const plait::RemoteInfo* const info = plait::remote_info(error);
  return info != nullptr ? info->where() : "not remote";
}
std::string place_of_throw() { return "throw_place_test.cpp:" + std::to_string(kLineOfThrow); }

/// Where the build has debug information there are lines.
void expect_story(const std::string& text, const std::string& function) {
  EXPECT_NE(text.find("app::(anonymous namespace)::refuse(int)"), std::string::npos) << text;
  EXPECT_NE(text.find("app::(anonymous namespace)::" + function + "(int)"), std::string::npos) << text;
  EXPECT_EQ(text.find("plait::detail"), std::string::npos) << text;
  EXPECT_EQ(text.find("__cxa_throw"), std::string::npos) << text;
  const bool has_lines = text.find(".cpp:") != std::string::npos;
  EXPECT_TRUE(!has_lines || text.find(place_of_throw()) != std::string::npos) << text;
}

TEST(ThrowPlace, ACallTellsTheLineThatItFailedIn) {
  plait::ProcessPool pool(1);
  auto failed = pool.submit(look_closely, 3);
  try {
    failed.result();
    FAIL();
  } catch (const std::invalid_argument& error) {
    expect_story(where(error), "look_closely");
    EXPECT_NE(plait::describe(std::current_exception()).find("refuse(int)"), std::string::npos);
  }
}

TEST(ThrowPlace, SoDoesEachCallOfAMap) {
  plait::ProcessPool pool(1);
  auto results = pool.map(look_closely, std::vector<int>{1, 3}, {.chunksize = 2});
  auto at = results.begin();
  EXPECT_EQ(*at, 2);
  try {
    ++at;
    static_cast<void>(*at);
    FAIL();
  } catch (const std::invalid_argument& error) {
    expect_story(where(error), "look_closely");
  }
}

TEST(ThrowPlace, TellsOfThrowsInTheStandardLibrary) {
  plait::ProcessPool pool(1);
  try {
    pool.submit(look_beyond, 5).result();
    FAIL();
  } catch (const std::out_of_range& error) {
    const std::string text = where(error);
    EXPECT_NE(text.find("look_beyond(int)"), std::string::npos) << text;
    EXPECT_EQ(text.find("__throw_out_of_range"), std::string::npos) << text;
  }
}

TEST(ThrowPlace, OfARethrowThePlaceOfThatIsKnown) {
  plait::ProcessPool pool(1);
  try {
    pool.submit(look_again, 3).result();
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(where(error).find("look_again(int)"), std::string::npos) << where(error);
  }
}

TEST(ThrowPlace, IsNotAskedWhereAnInnerHandlerTakesIt) {
  try {
    throw 1;
  } catch (const plait::os::ThrowPlace&) {
    FAIL();
  } catch (int) {
    EXPECT_FALSE(plait::os::thrown_from().empty());
  }
  const void* const before = plait::os::thrown_from().front();
  try {
    try {
      throw std::runtime_error("inside");
    } catch (const std::exception&) {
    }
  } catch (const plait::os::ThrowPlace&) {
    FAIL();
  }
  EXPECT_EQ(plait::os::thrown_from().front(), before);
}

}  // namespace
}  // namespace app
