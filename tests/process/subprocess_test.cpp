// SPDX-License-Identifier: BSL-1.0
//
// Running programs, and what they are given; how they are stopped is in subprocess_stop_test.cpp. The behaviours are
// those of Python's test_subprocess.
#include "plait/process/subprocess.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "support/build.hpp"
#include "support/child_process.hpp"
#include "support/descriptors.hpp"
#include "support/processes.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

namespace sp = subprocess;
using test::error_of;
using test::NoMoreDescriptors;
using test::open_descriptors;
using test::own_children;
using test::TemporaryFolder;

/// The output of a shell script.
Task<std::string> output_of(std::string script, sp::Options options = {}) {
  options.capture_output = true;
  sp::Completed done = co_await sp::run(sp::Command::shell(script), options);
  EXPECT_EQ(done.returncode, 0) << done.err;
  co_return done.out;
}

std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text, mode_t mode = 0644) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), mode);
}

// ---- Ends ----

TEST(Subprocess, GivesTheExitCodeAndWhatWasCaptured) {
  run([]() -> Task<> {
    sp::Completed done = co_await sp::run({"sh", "-c", "echo out; echo err >&2; exit 3"}, {.capture_output = true});
    EXPECT_EQ(done.returncode, 3);
    EXPECT_EQ(done.out, "out\n");
    EXPECT_EQ(done.err, "err\n");
    EXPECT_EQ(done.args, (std::vector<std::string>{"sh", "-c", "echo out; echo err >&2; exit 3"}));
  });
}

TEST(Subprocess, GivesMinusTheSignalThatEndedIt) {
  EXPECT_EQ(sync_wait(sp::run({"sh", "-c", "kill -USR1 $$"})).returncode, -SIGUSR1);
}

TEST(Subprocess, ThrowsWithTheOutputsWhenACheckFails) {
  run([]() -> Task<> {
    try {
      co_await sp::run({"sh", "-c", "echo a; echo b >&2; exit 7"}, {.capture_output = true, .check = true});
      ADD_FAILURE();
    } catch (const sp::CalledProcessError& error) {
      EXPECT_EQ(error.returncode(), 7);
      EXPECT_EQ(error.out(), "a\n");
      EXPECT_EQ(error.err(), "b\n");
      EXPECT_STREQ(error.what(), "command sh -c 'echo a; echo b >&2; exit 7' returned 7");
    }
    try {
      co_await sp::run({"sh", "-c", "kill -9 $$"}, {.check = true});
      ADD_FAILURE();
    } catch (const sp::CalledProcessError& error) {
      EXPECT_STREQ(error.what(), "command sh -c 'kill -9 $$' was ended by signal 9");
    }
    EXPECT_EQ((co_await sp::run({"true"}, {.check = true})).returncode, 0);
  });
}

TEST(Subprocess, SpeaksOfProgramsThatCannotBeStarted) {
  TemporaryFolder folder;
  write_file(folder / "text", "echo\n");
  write_file(folder / "script", "#!/no/such/interpreter -x\n", 0755);
  write_file(folder / "nothing", "just text\n", 0755);
  run([&]() -> Task<> {
    int code = 0;
    std::string text = co_await error_of(sp::run({"no-such-command-here"}), code);
    EXPECT_EQ(code, ENOENT);
    EXPECT_NE(text.find("command not found: \"no-such-command-here\" is in no directory of PATH (/"), text.npos)
        << text;
    text = co_await error_of(sp::run({folder / "missing"}), code);
    EXPECT_EQ(text, "command not found: there is no file \"" + folder / "missing" + "\": No such file or directory");
    text = co_await error_of(sp::run({folder / "text"}), code);
    EXPECT_EQ(code, EACCES);
    EXPECT_EQ(text, "cannot run \"" + folder / "text" + "\": it is not executable: Permission denied");
    text = co_await error_of(sp::run({folder / "script"}), code);
    EXPECT_EQ(code, ENOENT);
    EXPECT_NE(text.find("bad interpreter \"/no/such/interpreter\""), text.npos) << text;
    text = co_await error_of(sp::run({folder / "nothing"}), code);
    EXPECT_EQ(code, ENOEXEC);
    EXPECT_NE(text.find("neither a program for this machine nor a script"), text.npos) << text;
    text = co_await error_of(sp::run({"true"}, {.cwd = "/no/such/folder"}), code);
    EXPECT_EQ(text, "cannot run \"true\": bad working directory \"/no/such/folder\": No such file or directory");
    text = co_await error_of(sp::run({"true"}, {.cwd = "/etc/passwd"}), code);
    EXPECT_EQ(code, ENOTDIR);
    text = co_await error_of(sp::run({"true"}, {.in = "/no/such/file"}), code);
    EXPECT_EQ(text, "open \"/no/such/file\": No such file or directory");
    text = co_await error_of(sp::run({""}), code);
    EXPECT_EQ(code, ENOENT);
    text = co_await error_of(sp::run({std::string("a\0b", 3)}), code);
    EXPECT_EQ(code, EINVAL);
    text = co_await error_of(sp::run({"true", std::string(40u << 20, 'x')}), code);
    EXPECT_EQ(code, E2BIG);
  });
  EXPECT_TRUE(own_children().empty());
}

TEST(Subprocess, RefusesOptionsThatContradictEachOther) {
  EXPECT_THROW((void)sp::run({"true"}, {.in = sp::Null, .input = "x"}), std::logic_error);
  EXPECT_THROW((void)sp::run({"true"}, {.in = sp::Pipe}), std::logic_error);
  EXPECT_THROW((void)sp::run({"true"}, {.out = sp::Out}), std::logic_error);
  EXPECT_THROW((void)sp::run({"true"}, {.out = sp::Null, .capture_output = true}), std::logic_error);
  EXPECT_THROW((void)sp::spawn({"true"}, {.capture_output = true}), std::logic_error);
  EXPECT_THROW((void)sp::run(std::vector<std::string>()), std::logic_error);
  run([]() -> Task<> {
    sp::Child child = co_await sp::spawn({"true"});
    EXPECT_THROW(child.out(), std::logic_error);
    sp::Child moved = std::move(child);
    EXPECT_THROW((void)child.pid(), std::logic_error);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(co_await moved.wait(), 0);
  });
}

// ---- Streams ----

TEST(Subprocess, TalksInTurns) {
  run([]() -> Task<> {
    sp::Child cat = co_await sp::spawn({"cat"}, {.in = sp::Pipe, .out = sp::Pipe});
    for (int i = 0; i < 10; ++i) {
      const std::string line = "line " + std::to_string(i) + "\n";
      co_await cat.in().write(line);
      EXPECT_EQ(co_await cat.out().read_line(), line);
    }
    EXPECT_EQ(cat.poll(), std::nullopt);
    cat.in().close();
    EXPECT_EQ(co_await cat.out().read_line(), "");
    EXPECT_EQ(co_await cat.wait(), 0);
    EXPECT_EQ(cat.returncode(), 0);
  });
}

TEST(Subprocess, DoesNotStandStillWhenMuchGoesInAndOut) {
  const std::string text(test::rounds(20) * 1'000'000, 'x');
  run([&]() -> Task<> {
    sp::Completed done = co_await sp::run({"sh", "-c", "tee /dev/stderr"}, {.input = text, .capture_output = true});
    EXPECT_TRUE(done.out == text);
    EXPECT_TRUE(done.err == text);
    sp::Child cat = co_await sp::spawn({"cat"}, {.in = sp::Pipe, .out = sp::Pipe});
    done = co_await cat.communicate(text);
    EXPECT_TRUE(done.out == text);
    EXPECT_EQ(done.returncode, 0);
  });
}

TEST(Subprocess, DoesNotMindAProgramThatDoesNotReadItsInput) {
  const std::string text(1'000'000, 'x');
  run([&]() -> Task<> {
    sp::Completed done = co_await sp::run({"sh", "-c", "exec <&-; echo done"}, {.input = text, .capture_output = true});
    EXPECT_EQ(done.out, "done\n");
    EXPECT_EQ((co_await sp::run({"true"}, {.input = text})).returncode, 0);
    EXPECT_EQ((co_await sp::run({"head", "-c", "3"}, {.input = text, .capture_output = true})).out, "xxx");
  });
}

TEST(Subprocess, GivesAnEmptyInputItsEnd) {
  EXPECT_EQ(sync_wait(sp::run({"cat"}, {.input = "", .capture_output = true})).out, "");
}

TEST(Subprocess, GivesLinesAsTheyCome) {
  run([]() -> Task<> {
    sp::Child child = co_await sp::spawn({"sh", "-c", "echo one; read x; echo $x; read y; printf three"},
                                         {.in = sp::Pipe, .out = sp::Pipe});
    auto lines = child.out().lines();
    EXPECT_EQ(co_await lines.next(), "one");
    co_await child.in().write("two\n");
    EXPECT_EQ(co_await lines.next(), "two");
    co_await child.in().write("\n");
    EXPECT_EQ(co_await lines.next(), "three");
    EXPECT_EQ(co_await lines.next(), std::nullopt);
    EXPECT_EQ(co_await child.wait(), 0);
  });
}

TEST(Subprocess, PutsErrorsWhereTheOutputGoes) {
  run([]() -> Task<> {
    sp::Completed done =
        co_await sp::run({"sh", "-c", "echo a; echo b >&2; echo c"}, {.err = sp::Out, .capture_output = true});
    EXPECT_EQ(done.out, "a\nb\nc\n");
    EXPECT_EQ(done.err, "");
  });
}

TEST(Subprocess, ReadsAndWritesFiles) {
  TemporaryFolder folder;
  write_file(folder / "in", "b\na\n");
  run([&]() -> Task<> {
    co_await sp::run({"sort"}, {.in = folder / "in", .out = folder / "out"});
    EXPECT_EQ(contents(folder / "out"), "a\nb\n");
    co_await sp::run({"echo", "more"}, {.out = sp::Redirect::append(folder / "out")});
    EXPECT_EQ(contents(folder / "out"), "a\nb\nmore\n");
    co_await sp::run({"echo", "less"}, {.out = folder / "out"});
    EXPECT_EQ(contents(folder / "out"), "less\n");
    std::FILE* file = std::fopen((folder / "out").c_str(), "w");
    co_await sp::run({"sh", "-c", "echo x; echo y >&2"}, {.out = ::fileno(file), .err = ::fileno(file)});
    std::fclose(file);
    EXPECT_EQ(contents(folder / "out"), "x\ny\n");
    EXPECT_EQ((co_await sp::run({"sh", "-c", "cat; echo x >&2"}, {.in = sp::Null, .out = sp::Null, .err = sp::Null}))
                  .returncode,
              0);
  });
}

TEST(Subprocess, JoinsProgramsIntoAPipeline) {
  run([]() -> Task<> {
    sp::Pipeline pipeline = sp::Command("printf", "b\\na\\nb\\n") | sp::Command("sort") | sp::Command("uniq", "-c");
    sp::Completed done = co_await sp::run(pipeline, {.capture_output = true, .check = true});
    EXPECT_EQ(done.out, "      1 a\n      2 b\n");
    EXPECT_EQ(done.returncodes, (std::vector<int>{0, 0, 0}));
    done = co_await sp::run(sp::Command("yes") | sp::Command("head", "-1"), {.capture_output = true, .check = true});
    EXPECT_EQ(done.out, "y\n");
    EXPECT_EQ(done.returncodes.front(), -SIGPIPE);
    done = co_await sp::run(sp::Command("cat") | sp::Command("tr", "a", "b"), {.input = "aha", .capture_output = true});
    EXPECT_EQ(done.out, "bhb");
    try {
      co_await sp::run(sp::Command("sh", "-c", "exit 4") | sp::Command("true"), {.check = true});
      ADD_FAILURE();
    } catch (const sp::CalledProcessError& error) {
      EXPECT_STREQ(error.what(), "command sh -c 'exit 4' '|' true returned 4");
    }
    int code = 0;
    co_await error_of(sp::run(sp::Command("sleep", "1000") | sp::Command("no-such-command")), code);
    EXPECT_EQ(code, ENOENT);
  });
}

TEST(Subprocess, HandsTheOutputOfOneChildToAnother) {
  run([]() -> Task<> {
    sp::Child yes = co_await sp::spawn({"yes"}, {.out = sp::Pipe});
    sp::Child head = co_await sp::spawn({"head", "-2"}, {.in = yes.out(), .out = sp::Pipe});
    EXPECT_EQ(yes.out().native_handle(), -1);
    EXPECT_EQ(co_await head.out().read_all(), "y\ny\n");
    EXPECT_EQ(co_await head.wait(), 0);
    EXPECT_EQ(co_await yes.wait(), -SIGPIPE);
  });
}

// ---- What it is given ----

TEST(Subprocess, GivesFolderEnvironmentAndArgumentsAsTheyAre) {
  TemporaryFolder folder;
  run([&]() -> Task<> {
    EXPECT_EQ(co_await output_of("pwd -P", {.cwd = folder.path()}), folder.path() + "\n");
    const std::vector<std::string> env = {"A=1", "B=x y"}, extra = {"A=2", "C=3"};
    EXPECT_EQ(co_await output_of("echo $A $B $C", {.env = env}), "1 x y\n");
    EXPECT_EQ(co_await output_of("echo $A $B $C", {.env = env, .extra_env = extra}), "2 x y 3\n");
    EXPECT_EQ(co_await output_of("echo $C${PATH:+p}", {.extra_env = extra}), "3p\n");
    sp::Completed done = co_await sp::run({"printf", "[%s]", "a b", "", "\"'$x\n", "ü"}, {.capture_output = true});
    EXPECT_EQ(done.out, "[a b][][\"'$x\n][ü]");
    done = co_await sp::run({"my name", "-c", "echo $0"}, {.capture_output = true, .executable = "/bin/sh"});
    EXPECT_EQ(done.out, "my name\n");
  });
}

TEST(Subprocess, LooksForTheProgramInThePathThatItGets) {
  TemporaryFolder folder;
  write_file(folder / "plait-test-tool", "#!/bin/sh\necho found\n", 0755);
  run([&]() -> Task<> {
    const std::vector<std::string> env = {"PATH=/nowhere:" + folder.path()};
    EXPECT_EQ((co_await sp::run({"plait-test-tool"}, {.capture_output = true, .env = env})).out, "found\n");
    // A relative one is seen from the working directory.
    EXPECT_EQ((co_await sp::run({"./plait-test-tool"}, {.capture_output = true, .cwd = folder.path()})).out, "found\n");
  });
}

TEST(Subprocess, GivesSessionGroupAndMask) {
  run([]() -> Task<> {
    EXPECT_EQ(co_await output_of("umask", {.umask = 0123}), "0123\n");
    EXPECT_EQ(co_await output_of("ps -o sid= -p $$ | tr -d ' '; echo $$ >&2", {.new_session = false}),
              std::to_string(::getsid(0)) + "\n");
    EXPECT_EQ(co_await output_of("test $(ps -o sid= -p $$) = $$ && echo own", {.new_session = true}), "own\n");
    EXPECT_EQ(co_await output_of("test $(ps -o pgid= -p $$) = $$ && echo own", {.process_group = 0}), "own\n");
    const os::ResourceLimit limits[] = {{RLIMIT_NOFILE, 77, 77}};
    EXPECT_EQ(co_await output_of("ulimit -n", {.limits = limits}), "77\n");
    int code = 0;
    const std::string text = co_await error_of(sp::run({"true"}, {.process_group = 1 << 29}), code);
    EXPECT_NE(text.find("process group"), text.npos) << text;
  });
}

TEST(Subprocess, GivesUserAndGroupsToWhoMay) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run([]() -> Task<> {
    const std::uint32_t groups[] = {12, 13};
    EXPECT_EQ(co_await output_of("id -u; id -g; id -G", {.user = 65534, .group = 65533, .groups = groups}),
              "65534\n65533\n65533 12 13\n");
  });
}

TEST(Subprocess, GivesNoHandlersAndNoBlockedSignals) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  const auto handler = ::signal(SIGUSR1, [](int) {});
  const auto pipe = ::signal(SIGPIPE, SIG_IGN);
  const std::string status = sync_wait(sp::run({"cat", "/proc/self/status"}, {.capture_output = true})).out;
  ::signal(SIGUSR1, handler);
  ::signal(SIGPIPE, pipe);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_NE(status.find("SigBlk:\t0000000000000000"), status.npos) << status;
  EXPECT_NE(status.find("SigCgt:\t0000000000000000"), status.npos) << status;
  EXPECT_EQ(status.find("SigIgn:\t0000000000001"), status.npos) << status;
}

// ---- Descriptors ----

constexpr const char* kListDescriptors = "ls /proc/self/fd | tr '\\n' ' '";

TEST(Subprocess, GetsThreeDescriptorsAndThoseThatArePassed) {
  const int open = ::open("/dev/null", O_RDONLY), passed = ::dup2(open, 50);
  run([&]() -> Task<> {
    // 3 is the folder that ls reads.
    EXPECT_EQ(co_await output_of(kListDescriptors), "0 1 2 3 ");
    const int pass[] = {passed};
    EXPECT_EQ(co_await output_of(kListDescriptors, {.pass_fds = pass}), "0 1 2 3 50 ");
    const int bad[] = {4711};
    int code = 0;
    co_await error_of(sp::run({"true"}, {.pass_fds = bad}), code);
    EXPECT_EQ(code, EBADF);
  });
  ::close(open);
  ::close(passed);
}

TEST(Subprocess, GetsNoDescriptorThatAnotherThreadOpensMeanwhile) {
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) {
      const int fd = ::open("/dev/null", O_RDONLY);  // not close-on-exec
      int ends[2];
      if (::pipe(ends) == 0) {
        ::close(ends[0]);
        ::close(ends[1]);
      }
      ::close(fd);
    }
  });
  run([&]() -> Task<> {
    for (int i = 0; i < test::rounds(50); ++i) EXPECT_EQ(co_await output_of(kListDescriptors), "0 1 2 3 ");
  });
  stop = true;
  other.join();
}

TEST(Subprocess, TakesDescriptorsCrosswise) {
  TemporaryFolder folder;
  const bool ok = test::in_forked_child([&] {
    // In a child of its own: 0, 1 and 2 are not the test's to play with.
    write_file(folder / "in", "input");
    ::close(0);
    ::close(1);
    ::close(2);
    const int out = ::open((folder / "out").c_str(), O_WRONLY | O_CREAT, 0644);  // 0
    const int err = ::open((folder / "err").c_str(), O_WRONLY | O_CREAT, 0644);  // 1
    const int in = ::open((folder / "in").c_str(), O_RDONLY);                    // 2
    if (out != 0 || err != 1 || in != 2) return false;
    const sp::Completed done = sync_wait(sp::run({"sh", "-c", "cat; echo e >&2"}, {.in = in, .out = out, .err = err}));
    return done.returncode == 0;
  });
  EXPECT_TRUE(ok);
  EXPECT_EQ(contents(folder / "out"), "input");
  EXPECT_EQ(contents(folder / "err"), "e\n");
}

TEST(Subprocess, WorksWhereTheStandardStreamsAreClosed) {
  for (int closed = 1; closed < 8; ++closed) {
    const bool ok = test::in_forked_child([&] {
      for (int fd = 0; fd < 3; ++fd) {
        if (closed >> fd & 1) ::close(fd);
      }
      const sp::Completed done =
          sync_wait(sp::run({"sh", "-c", "cat; echo err >&2"}, {.input = "in", .capture_output = true}));
      return done.out == "in" && done.err == "err\n";
    });
    EXPECT_TRUE(ok) << closed;
  }
}

TEST(Subprocess, LeavesNoDescriptorAndNoZombie) {
  const auto use = []() -> Task<> {
    int code = 0;
    co_await error_of(sp::run({"no-such-command"}, {.input = "x", .capture_output = true}), code);
    co_await error_of(sp::run({"true"}, {.capture_output = true, .cwd = "/nowhere"}), code);
    co_await sp::run({"cat"}, {.input = "x", .capture_output = true});
    co_await sp::run(sp::Command("echo", "x") | sp::Command("cat"), {.capture_output = true});
    sp::Child child = co_await sp::spawn({"cat"}, {.in = sp::Pipe, .out = sp::Pipe, .err = sp::Pipe});
    co_await child.communicate("y");
  };
  run(use());
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 5; ++i) run(use());
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_TRUE(own_children().empty());
}

TEST(Subprocess, SaysSoWhenDescriptorsHaveRunOut) {
  run([]() -> Task<> {
    co_await sp::run({"true"}, {.input = "x", .capture_output = true});
    int code = 0;
    {
      const NoMoreDescriptors none;
      co_await error_of(sp::run({"true"}, {.input = "x", .capture_output = true}), code);
      EXPECT_EQ(code, EMFILE);
      co_await error_of(sp::run({"true"}), code);
      EXPECT_EQ(code, EMFILE);
    }
    EXPECT_EQ((co_await sp::run({"true"})).returncode, 0);
  });
  EXPECT_TRUE(own_children().empty());
}

// ---- Waiting ----

TEST(Subprocess, GivesAllWhoWaitTheSameCode) {
  std::atomic<int> sum{0};
  sp::Child child = sync_wait(sp::spawn({"sh", "-c", "read x; exit 5"}, {.in = sp::Pipe}));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { sum += sync_wait(child.wait()); });
  threads.emplace_back([&] {
    run([&]() -> Task<> {
      const auto [a, b] = co_await gather(child.wait(), child.wait());
      sum += a + b;
    });
  });
  threads.emplace_back([&] {
    while (!child.poll()) std::this_thread::yield();
    sum += *child.poll();
  });
  child.in().close();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, 7 * 5);
  EXPECT_TRUE(own_children().empty());
}

TEST(Subprocess, SignalsAProgramOnlyUntilItsEndIsSeen) {
  run([]() -> Task<> {
    sp::Child child = co_await sp::spawn({"sleep", "1000"});
    EXPECT_TRUE(child.send_signal(0));
    EXPECT_TRUE(child.terminate());
    EXPECT_EQ(co_await child.wait(), -SIGTERM);
    EXPECT_FALSE(child.kill());
    EXPECT_FALSE(child.terminate());
    EXPECT_EQ(child.returncode(), -SIGTERM);
  });
}

TEST(Subprocess, DoesNotHangWhereTheEndOfChildrenIsIgnored) {
  const bool ok = test::in_forked_child([] {
    ::signal(SIGCHLD, SIG_IGN);
    const int code = sync_wait(sp::run({"sh", "-c", "exit 3"})).returncode;
    int failure = 0;
    try {
      sync_wait(sp::run({"no-such-command"}));
    } catch (const std::system_error& error) {
      failure = error.code().value();
    }
    return (code == 3 || code == sp::kUnknownCode) && failure == ENOENT;
  });
  EXPECT_TRUE(ok);
}

TEST(Subprocess, Runs64AtOnce) {
  run([]() -> Task<> {
    std::vector<Future<sp::Completed>> running;
    for (int i = 0; i < 64; ++i) {
      const std::string number = std::to_string(i);
      running.push_back(
          spawn(sp::run({"sh", "-c", "cat; exit $0", number}, {.input = number, .capture_output = true})));
    }
    for (int i = 0; i < 64; ++i) {
      const sp::Completed& done = co_await running[static_cast<std::size_t>(i)];
      EXPECT_EQ(done.returncode, i);
      EXPECT_EQ(done.out, std::to_string(i));
    }
  });
  EXPECT_TRUE(own_children().empty());
}

TEST(Subprocess, RunsFromThreadsAndFromTasksOfAPoolAtOnce) {
  const int n = test::rounds(20);
  const auto once = []() -> Task<int> {
    sp::Completed done = co_await sp::run({"sh", "-c", "cat; exit 2"}, {.input = "text", .capture_output = true});
    EXPECT_EQ(done.out, "text");
    co_return done.returncode;
  };
  std::thread thread([&] {
    for (int i = 0; i < n; ++i) EXPECT_EQ(sync_wait(once()), 2);
  });
  std::thread other([&] {
    ThreadPool pool(2);
    const auto many = [&]() -> Task<> {
      std::vector<Future<int>> running;
      for (int i = 0; i < n; ++i) running.push_back(spawn(once()));
      for (auto& each : running) EXPECT_EQ(co_await each, 2);
    };
    pool.run(many());
  });
  run([&]() -> Task<> {
    for (int i = 0; i < n; ++i) EXPECT_EQ(co_await once(), 2);
  });
  thread.join();
  other.join();
  EXPECT_TRUE(own_children().empty());
}

}  // namespace
}  // namespace plait
