// SPDX-License-Identifier: BSL-1.0
#include "plait/os/spawn.hpp"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string>
#include <system_error>
#include <vector>

#include "plait/os/pidfd.hpp"
#include "plait/os/pipe.hpp"
#include "plait/os/process_list.hpp"
#include "support/child_process.hpp"

namespace plait::os {
namespace {

using Kind = ProcessStatus::Kind;

#if defined(__SANITIZE_THREAD__)
constexpr bool kVforkIsFork = true;
#elif defined(__has_feature)
constexpr bool kVforkIsFork = __has_feature(thread_sanitizer);
#else
constexpr bool kVforkIsFork = false;
#endif

SpawnPlan shell(const std::string& script) {
  SpawnPlan plan;
  plan.arguments = {"/bin/sh", "-c", script};
  return plan;
}

int code_of(const SpawnPlan& plan) {
  const SpawnedProcess process = spawn(plan);
  return reap_at_end(process.pidfd.get()).returncode();
}

std::string error_of(const SpawnPlan& plan, int code) {
  try {
    spawn(plan);
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), code);
    return error.what();
  }
  return {};
}

TEST(Spawn, StartsAProgramAndGivesItsPidfd) {
  const SpawnedProcess process = spawn(shell("exit 7"));
  EXPECT_GT(process.pid, 0);
  const ProcessStatus status = reap_at_end(process.pidfd.get());
  EXPECT_EQ(status.kind, Kind::exited);
  EXPECT_EQ(status.value, 7);
  EXPECT_EQ(::kill(process.pid, 0), -1);  // reaped
}

TEST(Spawn, TellsWhatEndedIt) {
  const SpawnedProcess process = spawn(shell("exec sleep 1000"));
  EXPECT_FALSE(reap(process.pidfd.get()).ended());
  EXPECT_EQ(send_signal(process.pidfd.get(), SIGTERM), 0);
  const ProcessStatus status = reap_at_end(process.pidfd.get());
  EXPECT_EQ(status.kind, Kind::killed);
  EXPECT_EQ(status.returncode(), -SIGTERM);
  EXPECT_EQ(send_signal(process.pidfd.get(), SIGTERM), -ESRCH);
}

TEST(Spawn, LeavesNothingWhenItFails) {
  SpawnPlan plan;
  plan.arguments = {"/no/such/program"};
  EXPECT_NE(error_of(plan, ENOENT).find("command not found"), std::string::npos);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Spawn, PutsDescriptorsWhereTheyBelong) {
  const PipeEnds pipe = open_pipe();
  SpawnPlan plan = shell("echo a >&7; echo b >&8; test ! -e /proc/self/fd/9 -a ! -e /proc/self/fd/0");
  plan.descriptors = {{7, pipe.write.get()}, {8, pipe.write.get()}, {0, -1}};
  EXPECT_EQ(code_of(plan), 0);
  std::array<char, 8> text{};
  EXPECT_EQ(::read(pipe.read.get(), text.data(), text.size()), 4);
  EXPECT_STREQ(text.data(), "a\nb\n");
}

TEST(Spawn, RefusesADescriptorThatIsToBeKeptAndReplaced) {
  SpawnPlan plan = shell("true");
  plan.descriptors = {{7, 1}};
  plan.keep = {7};
  EXPECT_NE(error_of(plan, EINVAL).find("descriptor 7"), std::string::npos);
}

TEST(Spawn, SetsVariablesInTheirPlaces) {
  SpawnPlan plan = shell("test \"$A-$B-$C\" = 3-2- ");
  plan.environment = {"A=1", "B=2"};
  plan.variables = {"A=3"};
  EXPECT_EQ(code_of(plan), 0);
  plan = shell("test \"$PATH\" = /x -a -n \"$HOME$PWD\"");
  plan.variables = {"PATH=/x"};
  EXPECT_EQ(code_of(plan), 0);
}

TEST(Spawn, SendsASignalWhenItsThreadEnds) {
  // Of this test's thread, which goes on: only that it is set.
  SpawnPlan plan = shell("exit 0");
  plan.death_signal = SIGKILL;
  EXPECT_EQ(code_of(plan), 0);
}

/// Lets a system call fail from here on, in this process and its children; with `flag` (not 0) only if its first
/// argument has that.
bool forbid(unsigned call, unsigned flag, unsigned error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      BPF_JUMP(BPF_JMP | (flag ? BPF_JSET : BPF_JGE) | BPF_K, flag, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{static_cast<unsigned short>(std::size(filter)), filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool starts_and_fails_as_ever() {
  SpawnPlan missing;
  missing.arguments = {"/no/such/program"};
  return code_of(shell("test ! -e /proc/self/fd/5 && exit 4")) == 4 && !error_of(missing, ENOENT).empty();
}

TEST(Spawn, WorksWhereClone3IsForbidden) {
  EXPECT_TRUE(test::in_forked_child([] { return forbid(SYS_clone3, 0, ENOSYS) && starts_and_fails_as_ever(); }));
}

TEST(Spawn, WorksWhereEveryCloneWithAPidfdIsForbidden) {
  if (kVforkIsFork) GTEST_SKIP() << "ThreadSanitizer makes a fork of vfork, so that the child can't say what failed";
  EXPECT_TRUE(test::in_forked_child([] {
    return forbid(SYS_clone3, 0, ENOSYS) && forbid(SYS_clone, CLONE_PIDFD, EPERM) && starts_and_fails_as_ever();
  }));
}

TEST(Spawn, WorksOnKernelsWithoutCloseRange) {
  EXPECT_TRUE(test::in_forked_child([] {
    const int left_open = ::dup2(0, 5);
    return left_open == 5 && forbid(SYS_close_range, 0, ENOSYS) && starts_and_fails_as_ever();
  }));
}

TEST(Pidfd, IsRefusedForAProcessThatIsNotThere) {
  try {
    const Fd none = open_pidfd(1 << 29);
    ADD_FAILURE();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ESRCH);
  }
}

TEST(Pidfd, TellsOfAProcessThatIsNoChildThatItHasEnded) {
  const SpawnedProcess parent = spawn(shell("sleep 1000 & echo; wait"));
  int child = 0;
  while (child == 0) {
    for (const ProcessEntry& each : list_processes()) {
      if (each.parent == parent.pid) child = each.pid;
    }
  }
  const Fd pidfd = open_pidfd(child);
  EXPECT_EQ(reap(pidfd.get()).kind, Kind::running);
  EXPECT_EQ(send_signal(pidfd.get(), SIGKILL), 0);
  EXPECT_TRUE(reap_at_end(pidfd.get()).ended());
  reap_at_end(parent.pidfd.get());
}

}  // namespace
}  // namespace plait::os
