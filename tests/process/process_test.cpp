// SPDX-License-Identifier: BSL-1.0
#include "plait/process/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <regex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

void forever() { sync_wait(sleep(1000h)); }
int give_back(int n) { return n; }
void throws(int) { throw std::invalid_argument("cannot"); }
/// Waits until there is nobody of that number: it was reaped, by whomever.
void await_gone(int process) {
  while (::kill(process, 0) == 0) std::this_thread::yield();
}

/// Where children leave word.
class Note {
 public:
  Note() : path_(std::filesystem::temp_directory_path() / ("plait-note-" + std::to_string(::getpid()))) {
    std::filesystem::remove(path_);
  }
  ~Note() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }
  std::string read() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Waits for a line.
  std::string read_line() const {
    for (;;) {
      const std::string text = read();
      if (text.ends_with('\n')) return text.substr(0, text.size() - 1);
      std::this_thread::yield();
    }
  }

 private:
  std::filesystem::path path_;
};
void write_note(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text << '\n';
  std::filesystem::rename(path + ".new", path);
}

class EachStart : public testing::TestWithParam<Start> {};
INSTANTIATE_TEST_SUITE_P(Process, EachStart, testing::Values(Start::server, Start::spawn));

TEST_P(EachStart, GivesItsExitCode) {  // _test_multiprocessing: test_exitcode
  const ProcessOptions options{.start = GetParam()};
  Process returns(options, give_back, 3);
  EXPECT_EQ(returns.exitcode(), std::nullopt);
  EXPECT_FALSE(returns.is_alive());
  EXPECT_EQ(returns.pid(), 0);
  returns.start();
  EXPECT_GT(returns.pid(), 0);
  returns.join();
  EXPECT_EQ(returns.exitcode(), 0);
  EXPECT_FALSE(returns.is_alive());

  Process exits(options, [](int code) { std::exit(code); }, 7);
  exits.start();
  exits.join();
  exits.join();
  EXPECT_EQ(exits.exitcode(), 7);
}

TEST_P(EachStart, SeesTheDirectoryAndTheEnvironmentOfItsStart) {
  Note note;
  ::setenv("PLAIT_TEST_VARIABLE", "as it is now", 1);
  const auto look = [](const std::string& path) {
    write_note(path, std::filesystem::current_path().string() + " " + std::getenv("PLAIT_TEST_VARIABLE"));
  };
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path("/proc");
  Process process({.start = GetParam()}, look, note.path());
  process.start();
  std::filesystem::current_path(before);
  ::setenv("PLAIT_TEST_VARIABLE", "otherwise", 1);
  process.join();
  EXPECT_EQ(note.read(), "/proc as it is now\n");
}

TEST_P(EachStart, HasItsStandardStreamsAndNoOtherDescriptor) {  // [R4]
  Note note;
  const int inheritable = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  const auto look = [](const std::string& path) {
    std::string open;
    for (int fd = 0; fd < 1000; ++fd) {
      struct stat status{};
      if (::fstat(fd, &status) != 0) continue;
      // Its channel is a socket; the other one is the memory of the family.
      open += std::to_string(fd) + (S_ISSOCK(status.st_mode) ? "s " : " ");
    }
    char c = 0;
    write_note(path, open + (::read(0, &c, 1) == 0 ? "nothing to read" : "?"));
  };
  std::vector<Process> siblings;
  for (int i = 0; i < 5; ++i) {
    siblings.emplace_back(ProcessOptions{.daemon = true, .start = GetParam()}, forever);
    siblings.back().start();
  }
  Process process({.start = GetParam()}, look, note.path());
  process.start();
  process.join();
  ::close(inheritable);
  for (Process& sibling : siblings) sibling.kill();
  const std::string seen = note.read();
  EXPECT_TRUE(std::regex_match(seen, std::regex("0 1 2 ([0-9]+ )?[0-9]+s ([0-9]+ )?nothing to read\n"))) << seen;
}

TEST_P(EachStart, IsEndedBySignals) {  // test_terminate, test_kill, test_interrupt
  for (const int signal : {SIGTERM, SIGKILL, SIGINT}) {
    Process process({.start = GetParam()}, forever);
    process.start();
    EXPECT_TRUE(process.is_alive());
    EXPECT_FALSE(process.join(0s));
    process.send_signal(signal);
    process.join();
    EXPECT_EQ(process.exitcode(), -signal);
    process.terminate();  // to whom it may concern: nobody
  }
}

TEST_P(EachStart, ThrowsWhatEndedIt) {
  testing::internal::CaptureStderr();
  Process process({.name = "thrower", .start = GetParam()}, throws, 1);
  process.start();
  EXPECT_THROW(sync_wait(process), std::invalid_argument);
  EXPECT_THROW(sync_wait(process), std::invalid_argument);
  EXPECT_EQ(process.exitcode(), 1);
  const std::string report = testing::internal::GetCapturedStderr();
  EXPECT_NE(report.find("\"thrower\""), std::string::npos) << report;
  EXPECT_NE(report.find("cannot"), std::string::npos) << report;
}

TEST(Process, IsKnownByItsName) {  // test_current
  EXPECT_EQ(current_process().name, "main");
  EXPECT_EQ(parent_process(), std::nullopt);
  Note note;
  const auto look = [](const std::string& path) {
    write_note(path, current_process().name + " " + std::to_string(current_process().pid) + " " +
                         parent_process()->name + " " + std::to_string(parent_process()->pid));
  };
  Process process({.name = "known"}, look, note.path());
  process.start();
  process.join();
  EXPECT_EQ(process.name(), "known");
  EXPECT_EQ(note.read(), "known " + std::to_string(process.pid()) + " main " + std::to_string(::getpid()) + "\n");
  EXPECT_TRUE(Process(forever).name().starts_with("Process-"));
}

TEST(Process, RefusesWhatIsTooEarlyOrTooLate) {
  Process process(give_back, 0);
  EXPECT_THROW(process.join(), std::logic_error);
  EXPECT_THROW(process.terminate(), std::logic_error);
  EXPECT_THROW(sync_wait(process), std::logic_error);
  process.start();
  EXPECT_THROW(process.start(), std::logic_error);
  process.join();
  EXPECT_THROW(process.start(), std::logic_error);
  process.close();
  EXPECT_EQ(process.exitcode(), 0);
  Process moved = std::move(process);
  EXPECT_THROW(process.start(), std::logic_error);  // NOLINT(bugprone-use-after-move): the point

  Process runs({.daemon = true}, forever);
  runs.start();
  EXPECT_THROW(runs.close(), std::logic_error);
  EXPECT_THROW(runs.send_signal(1000), std::system_error);
  runs.kill();
  run([&]() -> Task<> {
    EXPECT_THROW(runs.join(), std::logic_error);
    EXPECT_EQ(co_await runs, -SIGKILL);
  });
}

TEST(Process, IsNotForkedFromAProcessWithThreads) {  // [R1]
  Event end;
  Thread thread([&] { sync_wait(end.wait()); });
  thread.start();
  Process process({.start = Start::fork}, give_back, 0);
  EXPECT_THROW(process.start(), std::logic_error);
  end.set();
  thread.join();
}

TEST(Process, IsAwaitedByTasksAndThreadsAtOnce) {
  Process process([] { forever(); });
  process.start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { process.join(); });
  run([&]() -> Task<> {
    const auto wait = [&]() -> Task<int> { co_return co_await process; };
    const auto end = [&]() -> Task<> {
      co_await yield_now();
      process.terminate();
    };
    auto [a, b, c] = co_await gather(wait(), wait(), end());
    EXPECT_EQ(a, -SIGTERM);
    EXPECT_EQ(b, -SIGTERM);
  });
  for (std::thread& thread : threads) thread.join();
}

TEST(Process, GoesOnWhenWhoWaitsForItIsCancelled) {
  Process process({.daemon = true}, forever);
  process.start();
  run([&]() -> Task<> {
    const auto wait = [&]() -> Task<int> { co_return co_await process; };
    EXPECT_FALSE((co_await move_on_after(1ms, wait())).has_value());
  });
  EXPECT_TRUE(process.is_alive());
  process.kill();
  process.join();
}

TEST(Process, IsListedAsLongAsItRuns) {  // test_active_children
  Process process({.name = "listed"}, forever);
  EXPECT_TRUE(active_children().empty());
  process.start();
  const std::vector<ProcessInfo> children = active_children();
  ASSERT_EQ(children.size(), 1u);
  EXPECT_EQ(children[0].name, "listed");
  EXPECT_EQ(children[0].pid, process.pid());
  process.kill();
  process.join();
  EXPECT_TRUE(active_children().empty());
}

TEST(Process, LeavesNothingBehind) {
  sync_wait(yield_now());  // this thread's loop is made and kept
  {
    Process first(give_back, 1);
    first.start();
    first.join();
  }
  const std::size_t before = test::open_descriptors();
  for (int i = 0; i < 20; ++i) {
    Process process(give_back, i);
    process.start();
    process.join();
    await_gone(process.pid());
  }
  // The reaper lets go of the last one a moment after who joined it goes on.
  test::until([&] { return test::open_descriptors() == before; });
}

TEST(Process, TakesArgumentsOfAnySize) {
  std::vector<int> many(1'000'000, 7);
  const auto sum = [](const std::vector<int>& all) {
    long total = 0;
    for (const int n : all) total += n;
    std::exit(total == 7'000'000 ? 5 : 6);
  };
  Process process(sum, many);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 5);
}

TEST(Process, IsStartedByANewServerIfTheOldOneWasKilled) {
  Process orphan({.name = "orphan"}, forever);
  orphan.start();
  Note note;
  const auto parent = [](const std::string& path) { write_note(path, std::to_string(::getppid())); };
  Process asks(parent, note.path());
  asks.start();
  asks.join();
  const int server = std::stoi(note.read());
  ::kill(server, SIGKILL);
  orphan.join();
  EXPECT_EQ(orphan.exitcode(), -SIGKILL);
  for (int i = 0; i < 2; ++i) {
    Process next(give_back, 0);
    next.start();
    next.join();
    EXPECT_EQ(next.exitcode(), 0);
  }
}

TEST(Process, WhatAKilledProcessHadStartedIsKilled) {
  Note note;
  const auto family = [](const std::string& path) {
    if (::fork() == 0) {
      ::setsid();
      if (::fork() == 0) {
        write_note(path, std::to_string(::getpid()));
        for (;;) ::pause();
      }
      ::_exit(0);
    }
    for (;;) ::pause();
  };
  Process process(family, note.path());
  process.start();
  const int grandchild = std::stoi(note.read_line());
  process.kill();
  process.join();
  await_gone(grandchild);
}

TEST(Process, ARefusedStartSaysWhy) {
  Process process(give_back, 0);
  EXPECT_EQ(process.pid(), 0);
  std::exception_ptr refusal;
  {
    // UndefinedBehaviorSanitizer looks at the type of an object the first time that it is used, with a descriptor.
    const test::NoMoreDescriptors none;
    try {
      process.start();
    } catch (...) {
      refusal = std::current_exception();
    }
  }
  ASSERT_TRUE(refusal);
  try {
    std::rethrow_exception(refusal);
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::too_many_files_open) << error.what();
  }
}

TEST(SpawnProcess, GivesTheResult) {
  run([]() -> Task<> {
    EXPECT_EQ(co_await spawn_process(give_back, 41), 41);
    co_await with_task_group([](TaskGroup& group) -> Task<> {
      Future<int> a = group.spawn_process(give_back, 1);
      Future<int> b = group.spawn_process(give_back, 2);
      EXPECT_EQ(co_await a + co_await b, 3);
    });
  });
}

TEST(SpawnProcess, AFailureEndsTheOthersOfTheGroup) {
  testing::internal::CaptureStderr();
  run([]() -> Task<> {
    int failures = 0;
    try {
      co_await with_task_group([](TaskGroup& group) -> Task<> {
        group.spawn_process(forever);
        group.spawn_process(throws, 1);
        co_return;
      });
    } catch (const ExceptionGroup& group) {
      failures = static_cast<int>(group.size());
      EXPECT_THROW(std::rethrow_exception(group[0]), std::invalid_argument);
    }
    EXPECT_EQ(failures, 1);
  });
  testing::internal::GetCapturedStderr();
}

TEST(SpawnProcess, WithoutAResultSaysWhatItEndedWith) {
  run([]() -> Task<> {
    try {
      co_await spawn_process({.name = "quitter"}, [](int code) { std::exit(code); }, 9);
      ADD_FAILURE();
    } catch (const WorkerDied& error) {
      EXPECT_EQ(error.exitcode(), 9);
    }
  });
}

TEST(SpawnProcess, IsKilledIfItDoesNotWantToEnd) {
  Note note;
  run([&]() -> Task<> {
    const auto deaf = [](const std::string& path) {
      ::signal(SIGTERM, SIG_IGN);
      write_note(path, "here");
      for (;;) ::pause();
    };
    Future<void> future = spawn_process({.grace = 1ms}, deaf, note.path());
    while (note.read().empty()) co_await yield_now();
    future.cancel();
    bool cancelled = false;
    try {
      co_await future;
    } catch (const Cancelled&) {
      cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    EXPECT_TRUE(active_children().empty());
  });
}

}  // namespace
}  // namespace plait
