// SPDX-License-Identifier: BSL-1.0
//
// Bars of a program of its own, on a real pseudo-terminal.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "plait/os/terminal.hpp"
#include "support/terminal.hpp"

namespace plait {
namespace {

using Lines = std::vector<std::string>;

struct Environment {
  const char* term = "xterm";
  const char* locale = "C.UTF-8";
  const char* argument = nullptr;
};

/// What progress_child writes to a terminal of that width; with `to_null` its stderr goes to /dev/null.
std::string output_of_child(unsigned short columns, const Environment& environment = {}, bool to_null = false) {
  winsize size{};
  size.ws_col = columns;
  size.ws_row = 24;
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    if (to_null) ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
    ::setenv("TERM", environment.term, 1);
    ::setenv("LC_ALL", environment.locale, 1);
    ::execl(PLAIT_CHILDREN "/progress_child", "progress_child", environment.argument, nullptr);
    ::_exit(127);
  }
  std::string text;
  char bytes[4096];
  // The end of a pseudo-terminal is EIO.
  for (ssize_t n; (n = ::read(terminal, bytes, sizeof bytes)) > 0;) text.append(bytes, static_cast<std::size_t>(n));
  ::close(terminal);
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  return text;
}

TEST(ProgressOnATerminal, ShowsBarsAndLeavesACleanTerminal) {
  for (const char* argument : {"", "throw"}) {
    test::Terminal terminal(26);
    terminal.feed(output_of_child(26, {.argument = argument}));
    const Lines lines = terminal.lines();
    ASSERT_EQ(lines.size(), *argument ? 3u : 2u);
    EXPECT_EQ(lines[0], *argument ? "数据:  66% <00:00" : "数据: 100% <00:00");
    EXPECT_EQ(lines.back(), "done");
    EXPECT_EQ(terminal.wraps, 0);
    EXPECT_EQ(terminal.unknown, 0);
  }
}

TEST(ProgressOnATerminal, IsSilentWhereStderrIsNone) { EXPECT_EQ(output_of_child(40, {}, true), "done\r\n"); }

TEST(ProgressOnATerminal, WritesAsciiInALocaleWithoutUtf8) {
  const std::string text = output_of_child(60, {.locale = "C"});
  for (const char c : text) EXPECT_GE(c, 0);
  EXPECT_NE(text.find("????: 100%|####"), std::string::npos) << text;
}

TEST(ProgressOnATerminal, WritesNoControlSequencesToADumbOne) {
  const std::string text = output_of_child(60, {.term = "dumb"});
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  EXPECT_NE(text.find("数据: 100%|██"), std::string::npos) << text;
}

TEST(ProgressOnATerminal, ItsSizeIsAskedFor) {
  int ours = -1, theirs = -1;
  winsize size{};
  size.ws_col = 123;
  size.ws_row = 45;
  ASSERT_EQ(::openpty(&ours, &theirs, nullptr, nullptr, &size), 0);
  EXPECT_TRUE(os::is_terminal(theirs));
  EXPECT_EQ(os::terminal_size(theirs).columns, 123);
  EXPECT_EQ(os::terminal_size(theirs).rows, 45);
  ::close(ours);
  ::close(theirs);
  const int null = ::open("/dev/null", O_RDONLY);
  EXPECT_FALSE(os::is_terminal(null));
  EXPECT_EQ(os::terminal_size(null).columns, 0);
  ::close(null);
}

}  // namespace
}  // namespace plait
