// SPDX-License-Identifier: BSL-1.0
//
// What ends a program, with its whole family; and that nothing is left. Real time: programs do not know the virtual
// one. No test depends on how long something takes, but for those that say so in their name.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "support/build.hpp"
#include "support/descriptors.hpp"
#include "support/processes.hpp"

namespace plait {
namespace {

namespace sp = subprocess;
using namespace std::chrono_literals;
using test::lives;
using test::open_descriptors;
using test::own_children;
using test::TemporaryFolder;

/// Waits until a process is gone.
Task<> gone(int pid) {
  while (lives(pid)) co_await sleep(2ms);
}

/// The number that a program has written to a file, once it has.
Task<int> number_in(std::string path) {
  while (true) {
    std::ifstream file(path);
    int number = 0;
    file >> number;
    if (number != 0) co_return number;
    co_await sleep(2ms);
  }
}

/// Forks twice, each time into a session of its own, and ends but for the last, whose number is in the file.
std::string daemon(const std::string& file, const std::string& how = "exec sleep 1000") {
  return "setsid sh -c 'setsid sh -c \"echo \\$\\$ > " + file + ".tmp; mv " + file + ".tmp " + file + "; " + how +
         "\" & ' & ";
}

TEST(SubprocessStop, ATimeoutRoundARunTerminatesAndReaps) {
  run([]() -> Task<> {
    EXPECT_THROW(co_await timeout(20ms, sp::run({"sleep", "1000"})), TimeoutError);
    EXPECT_TRUE(own_children().empty());
  });
}

TEST(SubprocessStop, ATimeoutOfARunGivesWhatWasWritten) {
  run([]() -> Task<> {
    try {
      co_await sp::run({"sh", "-c", "echo out; echo err >&2; exec sleep 1000"},
                       {.capture_output = true, .timeout = 300ms});
      ADD_FAILURE();
    } catch (const sp::TimeoutExpired& error) {
      EXPECT_EQ(error.out(), "out\n");
      EXPECT_EQ(error.err(), "err\n");
      EXPECT_STREQ(error.what(),
                   "command sh -c 'echo out; echo err >&2; exec sleep 1000' was stopped because its time was over");
    }
    EXPECT_TRUE(own_children().empty());
  });
}

TEST(SubprocessStop, AProgramThatIgnoresSigtermIsKilledAfterItsGrace) {
  run([]() -> Task<> {
    sp::Child child = co_await sp::spawn({"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done"},
                                         {.out = sp::Pipe, .grace = 30ms});
    EXPECT_EQ(co_await child.out().read_line(), "ready\n");
    EXPECT_EQ(co_await child.stop(), -SIGKILL);
    EXPECT_EQ(co_await child.stop(), -SIGKILL);
  });
  EXPECT_TRUE(own_children().empty());
}

TEST(SubprocessStop, AProgramHasTimeToCleanUp) {
  run([]() -> Task<> {
    sp::Child child =
        co_await sp::spawn({"sh", "-c", "trap 'echo cleaned; exit 9' TERM; echo ready; sleep 1000 & wait"},
                           {.out = sp::Pipe, .grace = 60s});
    EXPECT_EQ(co_await child.out().read_line(), "ready\n");
    EXPECT_EQ(co_await child.stop(), 9);
    EXPECT_EQ(co_await child.out().read_line(), "cleaned\n");
  });
}

TEST(SubprocessStop, AStoppedProgramIsEndedToo) {
  run([]() -> Task<> {
    sp::Child child = co_await sp::spawn({"sleep", "1000"}, {.grace = 60s});
    child.send_signal(SIGSTOP);
    EXPECT_EQ(co_await child.stop(), -SIGTERM);
  });
}

TEST(SubprocessStop, AGrandchildThatHoldsThePipeDoesNotHoldUpATimeout) {
  run([]() -> Task<> {
    // The shell has ended; what it left has the pipe.
    EXPECT_THROW(co_await timeout(50ms, sp::run({"sh", "-c", "sleep 1000 &"}, {.capture_output = true})), TimeoutError);
  });
  EXPECT_TRUE(own_children().empty());
}

TEST(SubprocessStop, WhatForksTwiceAndLeavesTheSessionIsGoneWithinASecondOfRealTime) {
  TemporaryFolder folder;
  for (const char* how : {"exec sleep 1000", "trap \\\\\\\"\\\\\\\" TERM HUP; while :; do sleep 1; done"}) {
    run([&]() -> Task<> {
      Future<sp::Completed> running =
          spawn(sp::run(sp::Command::shell(daemon(folder / "pid", how) + "sleep 1000"), {.capture_output = true}));
      const int pid = co_await number_in(folder / "pid");
      EXPECT_TRUE(lives(pid));
      const auto start = std::chrono::steady_clock::now();
      running.cancel();
      EXPECT_THROW(co_await running, Cancelled);
      co_await gone(pid);
      EXPECT_TRUE(test::kSanitized || std::chrono::steady_clock::now() - start < 1s);
      ::unlink((folder / "pid").c_str());
    });
  }
}

TEST(SubprocessStop, ADescendantWithAnotherEnvironmentIsKnownByItsParents) {
  TemporaryFolder folder;
  run([&]() -> Task<> {
    const std::string script =
        "env -i /bin/sh -c 'trap \"\" TERM; echo $$ > " + folder / "pid" + "; while :; do /bin/sleep 1; done' & wait";
    sp::Child child = co_await sp::spawn(sp::Command::shell(script), {.grace = 30ms});
    const int pid = co_await number_in(folder / "pid");
    co_await child.stop();
    co_await gone(pid);
  });
}

TEST(SubprocessStop, AProgramThatEndsByItselfMayLeaveDaemons) {
  TemporaryFolder folder;
  run([&]() -> Task<> {
    EXPECT_EQ(
        (co_await sp::run(sp::Command::shell(daemon(folder / "pid")), {.out = sp::Null, .err = sp::Null})).returncode,
        0);
    const int pid = co_await number_in(folder / "pid");
    EXPECT_TRUE(lives(pid));
    ::kill(pid, SIGKILL);
  });
}

TEST(SubprocessStop, StopsAllOfAPipeline) {
  run([]() -> Task<> {
    EXPECT_THROW(co_await timeout(30ms, sp::run(sp::Command("sleep", "1000") | sp::Command("cat") |
                                                sp::Command("sh", "-c", "sleep 1000; cat"))),
                 TimeoutError);
  });
  EXPECT_TRUE(own_children().empty());
}

TEST(SubprocessStop, AWaitThatIsCancelledLeavesTheProgramAlone) {
  run([]() -> Task<> {
    sp::Child child = co_await sp::spawn({"cat"}, {.in = sp::Pipe, .out = sp::Pipe});
    EXPECT_THROW((void)co_await timeout(10ms, child.wait()), TimeoutError);
    EXPECT_EQ(child.poll(), std::nullopt);
    child.in().close();
    EXPECT_EQ(co_await child.wait(), 0);
  });
}

TEST(SubprocessStop, ACommunicateThatIsCancelledLosesNothing) {
  const std::string text(1'000'000, 'x');
  TemporaryFolder folder;
  run([&]() -> Task<> {
    const std::string script = "while [ ! -e " + folder / "go" + " ]; do sleep 0.01; done; cat; echo err >&2";
    sp::Child child =
        co_await sp::spawn(sp::Command::shell(script), {.in = sp::Pipe, .out = sp::Pipe, .err = sp::Pipe});
    EXPECT_THROW((void)co_await timeout(20ms, child.communicate(text)), TimeoutError);
    EXPECT_THROW((void)co_await timeout(0ms, child.communicate()), TimeoutError);
    EXPECT_THROW((void)co_await timeout(5ms, child.communicate("y")), TimeoutError);
    std::ofstream(folder / "go") << "go";
    const sp::Completed done = co_await child.communicate();
    EXPECT_TRUE(done.out == text + 'y') << done.out.size();
    EXPECT_EQ(done.err, "err\n");
    EXPECT_EQ(done.returncode, 0);
  });
}

TEST(SubprocessStop, ADestroyedChildIsKilledAndReapedWithItsFamily) {
  TemporaryFolder folder;
  run([&]() -> Task<> {
    int pid = 0, daemon_pid = 0;
    {
      sp::Child child = co_await sp::spawn(sp::Command::shell(daemon(folder / "pid") + "sleep 1000"));
      pid = child.pid();
      daemon_pid = co_await number_in(folder / "pid");
    }
    co_await gone(daemon_pid);
    while (os::look_at_process(pid)) co_await sleep(1ms);  // reaped, too
  });
}

TEST(SubprocessStop, ManyDestroyedChildrenLeaveNoZombie) {
  run([]() -> Task<> {
    {
      std::vector<sp::Child> children;
      for (int i = 0; i < 20; ++i) children.push_back(co_await sp::spawn({"sleep", "1000"}));
    }
    while (!own_children().empty()) co_await sleep(1ms);
  });
}

TEST(SubprocessStop, WhoWaitsForAChildThatIsDestroyedSeesItsEnd) {
  run([]() -> Task<> {
    auto child = std::make_unique<sp::Child>(co_await sp::spawn({"sleep", "1000"}));
    Future<int> waiting = spawn(child->wait());
    co_await sleep(5ms);
    child.reset();
    EXPECT_EQ(co_await waiting, -SIGKILL);
  });
}

TEST(SubprocessStop, ADetachedChildGoesOnAndIsReaped) {
  TemporaryFolder folder;
  run([&]() -> Task<> {
    sp::Child child = co_await sp::spawn(sp::Command::shell("read x; echo done > " + folder / "out"), {.in = sp::Pipe});
    const int pid = child.pid();
    child.detach();
    EXPECT_THROW((void)child.poll(), std::logic_error);
    while (os::look_at_process(pid)) co_await sleep(1ms);
    EXPECT_EQ(std::ifstream(folder / "out").get(), 'd');
  });
}

TEST(SubprocessStop, AGroupThatFailsLeavesNothing) {
  run([]() -> Task<> {
    try {
      co_await with_task_group([](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 5; ++i) group.spawn(sp::run({"sleep", "1000"}));
        co_await sleep(10ms);
        throw std::runtime_error("enough");
      });
      ADD_FAILURE();
    } catch (const ExceptionGroup& errors) {
      EXPECT_EQ(errors.size(), 1u);
    }
  });
  EXPECT_TRUE(own_children().empty());
}

TEST(SubprocessStop, NothingIsLeftWhereverARunIsCancelled) {
  int runs = 0;
  run(sleep(0s));
  const std::size_t before = open_descriptors();
  runs = testing::cancel_everywhere(
      []() -> Task<> {
        sp::Completed done = co_await sp::run({"cat"}, {.input = "text", .capture_output = true, .grace = 1h});
        EXPECT_EQ(done.out, "text");
      },
      [&](const testing::CancelPoint& point) {
        EXPECT_TRUE(own_children().empty()) << point.text();
        EXPECT_LE(open_descriptors(), before + 2) << point.text();
      });
  EXPECT_GT(runs, 6);
}

TEST(SubprocessStop, NothingIsLeftWhereverASpawnIsCancelled) {
  testing::cancel_everywhere(
      []() -> Task<> {
        sp::Child child = co_await sp::spawn({"cat"}, {.in = sp::Pipe, .out = sp::Pipe});
        co_await child.in().write("x\n");
        co_await child.out().read_line();
        child.in().close();
        co_await child.wait();
      },
      [&](const testing::CancelPoint& point) {
        for (int i = 0; i < 2000 && !own_children().empty(); ++i) std::this_thread::sleep_for(1ms);
        EXPECT_TRUE(own_children().empty()) << point.text();
      });
}

TEST(SubprocessStop, TheOutputOfAProgramThatIsKilledIsWhatItWrote) {
  run([]() -> Task<> {
    sp::Completed done = co_await sp::run({"sh", "-c", "printf half; kill -KILL $$"}, {.capture_output = true});
    EXPECT_EQ(done.returncode, -SIGKILL);
    EXPECT_EQ(done.out, "half");
  });
}

TEST(SubprocessStop, ACancelOnAPoolStopsThePrograms) {
  ThreadPool pool(2);
  const auto many = []() -> Task<> {
    std::vector<Future<sp::Completed>> running;
    for (int i = 0; i < 8; ++i) running.push_back(spawn(sp::run({"sleep", "1000"}, {.capture_output = i % 2 == 0})));
    co_await sleep(10ms);
    for (auto& each : running) each.cancel();
    for (auto& each : running) {
      try {
        co_await each;
        ADD_FAILURE();
      } catch (const Cancelled&) {
      }
    }
  };
  pool.run(many());
  EXPECT_TRUE(own_children().empty());
}

TEST(SubprocessStop, ACancelledThreadStopsItsProgram) {
  run([]() -> Task<> {
    Future<void> thread = spawn_thread([] { sync_wait(sp::run({"sleep", "1000"})); });
    while (own_children().empty()) co_await sleep(1ms);
    thread.cancel();
    EXPECT_THROW(co_await thread, Cancelled);
  });
  EXPECT_TRUE(own_children().empty());
}

}  // namespace
}  // namespace plait
