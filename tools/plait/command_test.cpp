// SPDX-License-Identifier: BSL-1.0
// The command itself, run as a user runs it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

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
  for (const char* block : {"cpu_bound", "io_bound"}) {
    ASSERT_EQ(json["figures"][block].size(), 4U);
    for (const auto& way : json["figures"][block]) EXPECT_EQ(way["rounds"].size(), 3U);
  }
  const auto& io = json["figures"]["io_bound"];
  EXPECT_GE(io[0]["median"]["wall_s"], 5.0) << "1,000 requests of 5 ms, one after the other";
  EXPECT_GE(io[1]["median"]["threads"], 32U);
  EXPECT_EQ(json["experiment"].size(), 4U);
  EXPECT_EQ(json["unread"].size(), 0U);
  EXPECT_NE(testing::content_of(output / "f.html").find("<svg"), std::string::npos);
}

TEST(CommandTest, CtrlCEndsItWithACleanTerminal) {
  testing::TempDirectory directory;
  directory.write("file", "content");
  winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::execl(PLAIT_COMMAND, "plait", "compare", directory.path().c_str(), nullptr);
    ::_exit(127);
  }
  std::string shown;
  bool interrupted = false;
  char part[4096];
  for (ssize_t got = 0; (got = ::read(terminal, part, sizeof part)) > 0;) {
    shown.append(part, static_cast<std::size_t>(got));
    // The requests have begun: there are a server and a client to be ended.
    if (!interrupted && shown.find("IO round 1/3") != std::string::npos) {
      ASSERT_EQ(::write(terminal, "\x03", 1), 1);
      interrupted = true;
    }
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ::close(terminal);
  ASSERT_TRUE(WIFEXITED(status)) << shown;
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_TRUE(interrupted) << shown;
  EXPECT_TRUE(shown.ends_with("\r\033[K")) << shown;
  // The terminal's process group was the command's: nobody of it is left.
  EXPECT_EQ(::kill(-child, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

}  // namespace
}  // namespace plait::tool
