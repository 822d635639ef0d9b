// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include <gtest/gtest.h>

namespace plait::tool {
namespace {

auto read(std::initializer_list<const char*> arguments) {
  std::vector<const char*> argv{"plait"};
  argv.insert(argv.end(), arguments);
  return read_command_line(static_cast<int>(argv.size()), argv.data());
}

TEST(OptionsTest, CompareTakesADirectoryAndThreeOptions) {
  const auto read_back = read({"compare", "--print", "dir", "--html", "a.html", "--json", "b.json"});
  const auto& options = std::get<CompareOptions>(read_back);
  EXPECT_EQ(options.directory, "dir");
  EXPECT_TRUE(options.print);
  EXPECT_EQ(options.html, "a.html");
  EXPECT_EQ(options.json, "b.json");
}

TEST(OptionsTest, ADirectoryThatBeginsWithADashComesAfterTwoDashes) {
  EXPECT_EQ(std::get<CompareOptions>(read({"compare", "--", "-dir"})).directory, "-dir");
}

TEST(OptionsTest, MisuseIsExitCodeTwoWithASentence) {
  for (auto arguments : {std::initializer_list<const char*>{},
                         {"compare"},
                         {"compare", "a", "b"},
                         {"compare", "a", "--what"},
                         {"weave"},
                         {"compare", "a", "--json"}}) {
    const auto end = std::get<EndNow>(read(arguments));
    EXPECT_EQ(end.exit_code, 2);
    EXPECT_TRUE(end.text.starts_with("plait: ")) << end.text;
  }
}

TEST(OptionsTest, HelpAndVersionEndWell) {
  for (auto arguments : {std::initializer_list<const char*>{"--help"}, {"compare", "--help"}}) {
    const auto end = std::get<EndNow>(read(arguments));
    EXPECT_EQ(end.exit_code, 0);
    EXPECT_NE(end.text.find("compare"), std::string::npos);
    EXPECT_EQ(end.text.find("child"), std::string::npos) << "the hidden mode stays hidden";
  }
  for (auto arguments : {std::initializer_list<const char*>{"--version"}, {"compare", "--version"}}) {
    EXPECT_EQ(std::get<EndNow>(read(arguments)).exit_code, 0);
    EXPECT_EQ(std::get<EndNow>(read(arguments)).text, "plait 0.1.0\n");
  }
}

}  // namespace
}  // namespace plait::tool
