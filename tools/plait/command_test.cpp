// SPDX-License-Identifier: BSL-1.0
// The command itself, run as a user runs it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "test_support.hpp"

namespace plait::tool {
namespace {

namespace fs = std::filesystem;

std::string command(const std::string& arguments) { return std::string("'") + PLAIT_COMMAND + "' " + arguments; }

std::string in_quotes(const fs::path& path) { return fmt::format("'{}'", path.string()); }

TEST(CommandTest, AMissingDirectoryIsMisuse) {
  const auto ended = testing::shell(command("compare /no/such/directory 2>&1"));
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_EQ(ended.out, "plait: /no/such/directory: No such file or directory\n");
}

TEST(CommandTest, AFileIsNoDirectory) {
  testing::TempDirectory directory;
  const std::string file = directory.write("file", "");
  const auto ended = testing::shell(command("compare " + in_quotes(file) + " 2>&1"));
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_EQ(ended.out, "plait: " + file + ": Not a directory\n");
}

TEST(CommandTest, AnOutputThatCanNotBeWrittenIsSaidBeforeTheWork) {
  testing::TempDirectory directory;
  const auto ended = testing::shell(command("compare " + in_quotes(directory.path()) + " --json /no/such/file 2>&1"));
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_EQ(ended.out, "plait: /no/such/file: No such file or directory\n");
}

TEST(CommandTest, PrintsWhatSha256sumPrints) {
  testing::TempDirectory directory, outside;
  for (const char* name : {"a", "b/c", "new\nline", "back\\slash", "return\r", "\xff", "b/empty"}) {
    directory.write(name, name);
  }
  directory.write("b/empty", "");
  outside.write("linked/file", "elsewhere");
  fs::create_symlink("a", directory.path() / "link");
  fs::create_directory_symlink(outside.path(), directory.path() / "out");
  const auto ours = testing::shell(command("compare --print " + in_quotes(directory.path())));
  const auto theirs = testing::shell("find -L " + in_quotes(directory.path()) +
                                     " -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum");
  EXPECT_EQ(ours.exit_code, 0);
  EXPECT_EQ(ours.out, theirs.out);
}

TEST(CommandTest, PrintsNothingForAnEmptyTree) {
  testing::TempDirectory directory;
  const auto ended = testing::shell(command("compare --print " + in_quotes(directory.path()) + " 2>&1"));
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(ended.out, "");
}

TEST(CommandTest, SaysWhatItCouldNotReadAndGoesOn) {
  testing::TempDirectory directory;
  const std::string file = directory.write("file", "content");
  fs::create_symlink("nowhere", directory.path() / "dangling\n");
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  const auto errors = testing::shell(command("compare --print " + in_quotes(directory.path()) + " 2>&1 >/dev/null"));
  EXPECT_EQ(errors.exit_code, 1);
  EXPECT_EQ(errors.out, "plait: " + directory / "dangling\\n" + ": No such file or directory\n" +
                            "plait: " + directory / "fifo" + ": is a FIFO; not read\n");
  const auto digests = testing::shell(command("compare --print " + in_quotes(directory.path()) + " 2>/dev/null"));
  EXPECT_EQ(digests.out, testing::shell("sha256sum " + in_quotes(file)).out);
}

// One whole comparison: most of its time is spent waiting for the slow server.
TEST(CommandTest, ComparesATreeAndWritesTableJsonAndPage) {
  testing::TempDirectory directory, output;
  directory.write("file", "content");
  const auto ended =
      testing::shell(command("compare " + in_quotes(directory.path()) + " --json " + in_quotes(output / "f.json") +
                             " --html " + in_quotes(output / "f.html") + " 2>&1"));
  EXPECT_EQ(ended.exit_code, 0) << ended.out;
  EXPECT_EQ(ended.out.find('\033'), std::string::npos) << "no bar into a pipe";
  EXPECT_EQ(ended.out.find('\r'), std::string::npos) << "no bar into a pipe";
  EXPECT_NE(ended.out.find("All ways agree on 1 digest and 1,000 answers"), std::string::npos) << ended.out;
  EXPECT_NE(ended.out.find("No advice: "), std::string::npos) << ended.out;
  const auto json = nlohmann::json::parse(testing::content_of(output / "f.json"));
  for (const auto& [block, ways] : {std::pair("cpu_bound", 5U), std::pair("io_bound", 4U)}) {
    ASSERT_EQ(json["figures"][block].size(), ways);
    for (const auto& way : json["figures"][block]) EXPECT_EQ(way["rounds"].size(), 3U);
  }
  const auto& processes = json["figures"]["cpu_bound"][4]["median"];
  EXPECT_GE(processes["threads"], 3U) << "the main program, the server of processes, a worker";
  EXPECT_GT(processes["peak_memory_bytes"], json["figures"]["cpu_bound"][0]["median"]["peak_memory_bytes"]);
  const auto& io = json["figures"]["io_bound"];
  EXPECT_GE(io[0]["median"]["wall_s"], 5.0) << "1,000 requests of 5 ms, one after the other";
  EXPECT_GE(io[1]["median"]["threads"], 32U);
  EXPECT_EQ(json["experiment"].size(), 4U);
  EXPECT_EQ(json["unread"].size(), 0U);
  EXPECT_NE(testing::content_of(output / "f.html").find("<svg"), std::string::npos);
}

struct Interrupted {
  std::string shown;
  bool in_time;  // the command was there to see the Ctrl-C
};

/// Runs the command on a terminal, and presses Ctrl-C when `moment` finds in what is shown what it waits for. Returns
/// when nobody has the terminal open any more, and holds the command's end against what a Ctrl-C has to lead to.
Interrupted press_ctrl_c(const fs::path& directory, const std::function<bool(const std::string&)>& moment) {
  winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child < 0) throw std::runtime_error("forkpty");
  if (child == 0) {
    ::execl(PLAIT_COMMAND, "plait", "compare", directory.c_str(), nullptr);
    ::_exit(127);
  }
  Interrupted seen{};
  char part[4096];
  for (ssize_t got = 0; (got = ::read(terminal, part, sizeof part)) > 0;) {
    seen.shown.append(part, static_cast<std::size_t>(got));
    if (!seen.in_time && moment(seen.shown)) seen.in_time = ::write(terminal, "\x03", 1) == 1;
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  ::close(terminal);
  EXPECT_TRUE(WIFEXITED(status)) << seen.shown;
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_TRUE(seen.shown.ends_with("\r\033[K")) << seen.shown;
  // The terminal's process group was the command's: nobody of it is left.
  EXPECT_EQ(::kill(-child, 0), -1);
  EXPECT_EQ(errno, ESRCH);
  return seen;
}

TEST(CommandTest, CtrlCEndsItWithACleanTerminal) {
  testing::TempDirectory directory;
  directory.write("file", "content");
  // The requests have begun: there are a server and a client to be ended.
  const Interrupted seen = press_ctrl_c(
      directory.path(), [](const std::string& shown) { return shown.find("IO round 1/3") != std::string::npos; });
  EXPECT_TRUE(seen.in_time) << seen.shown;
}

TEST(CommandTest, CtrlCEndsTheProcessesOfThePoolToo) {
  testing::TempDirectory directory;
  for (int i = 0; i < 16; ++i) fs::resize_file(directory.write(std::to_string(i), ""), 24 << 20);
  // The bar is drawn when the way begins, and again after 100 ms, when the processes have been at work for a while.
  // They have the terminal for their standard streams, and are not of its process group.
  const Interrupted seen = press_ctrl_c(directory.path(), [](const std::string& shown) {
    const std::size_t first = shown.find(", processes ");
    return first != std::string::npos && shown.find(", processes ", first + 1) != std::string::npos;
  });
  EXPECT_TRUE(seen.in_time) << seen.shown;
}

}  // namespace
}  // namespace plait::tool
