// SPDX-License-Identifier: BSL-1.0
#include "names.hpp"

#include <gtest/gtest.h>

#include "digest.hpp"
#include "test_support.hpp"

namespace plait::tool {
namespace {

TEST(NamesTest, SortsByTheBytesOfTheNames) {
  NameList names;
  for (const char* name : {"b", "a/c", "a", "\xc3\xa9", "B"}) names.add(name);
  names.sort();
  std::vector<std::string> sorted;
  sorted.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) sorted.emplace_back(names[i]);
  EXPECT_EQ(sorted, (std::vector<std::string>{"B", "a", "a/c", "b", "\xc3\xa9"}));
}

TEST(NamesTest, ReadsAListThatAnotherProcessLaidOut) {
  NameList names;
  names.add("one");
  names.add("two\nlines");
  const std::string text(names.text());
  const NameList read(text);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_STREQ(read[0], "one");
  EXPECT_STREQ(read[1], "two\nlines");
  EXPECT_EQ(NameList(std::string_view()).size(), 0U);
}

TEST(NamesTest, ALineIsWhatSha256sumPrintsWhateverTheName) {
  testing::TempDirectory directory;
  NameList names;
  for (const char* name : {"plain", "with space", " leading", "new\nline", "back\\slash", "carriage\rreturn",
                           "tab\there", "both\\\n", "-dash", "\xff\xfe not UTF-8", "*star"}) {
    names.add(directory.write(name, name));
  }
  names.sort();
  std::string ours;
  HashBench bench;
  for (std::size_t i = 0; i < names.size(); ++i) {
    ours += sha256sum_line(to_hex(hash_file(names[i], bench).digest), names[i]);
  }
  auto theirs = testing::shell("find '" + directory.path().string() +
                               "' -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum");
  ASSERT_EQ(theirs.exit_code, 0);
  EXPECT_EQ(ours, theirs.out);
}

TEST(NamesTest, ANameOnTheTerminalHoldsNoControlCharacter) {
  EXPECT_EQ(printable("a\nb\x1b[31m\\\x7f"), "a\\nb\\x1b[31m\\\\\\x7f");
  EXPECT_EQ(printable("plain \xc3\xa9"), "plain \xc3\xa9");
}

}  // namespace
}  // namespace plait::tool
