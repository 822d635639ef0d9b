// SPDX-License-Identifier: BSL-1.0
//
// What only io_uring has: a queue that can be full, and kernels that refuse it.
#ifdef PLAIT_HAVE_LIBURING

#include "sched/uring_poller.hpp"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <thread>

#include "plait/core/thread_strand.hpp"
#include "plait/sched/event_loop.hpp"
#include "plait/sched/run.hpp"

namespace {

using plait::Task;
using plait::detail::IoOperation;
using plait::detail::UringPoller;

/// A read from a pipe, started by hand.
struct Read {
  explicit Read(int fd) : operation(IoOperation::Kind::read, nullptr, fd) {
    operation.strand = &plait::detail::this_thread_strand();
    operation.buffer = &byte;
    operation.length = 1;
  }
  char byte = 0;
  IoOperation operation;
};

// Only the thread that the ring is bound to may submit, so what another one queues stays queued, until the queue is
// full: here after 256 places, of which the waker has one.
TEST(UringPollerTest, AFullQueueLosesNeitherOperationsNorCancels) {
  if (plait::os::Uring::probe() != 0) GTEST_SKIP() << "the kernel grants no io_uring";
  constexpr std::size_t kReads = 400;
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  UringPoller poller;
  poller.enter();
  std::deque<Read> reads;
  for (std::size_t i = 0; i < kReads; ++i) reads.emplace_back(fds[0]);
  std::thread other([&] {
    for (Read& read : reads) {
      EXPECT_FALSE(poller.start(read.operation));
      read.operation.poller = &poller;
    }
    // One is with the queue, the other has found no place in it.
    EXPECT_FALSE(poller.abort(reads.front().operation));
    EXPECT_FALSE(poller.abort(reads.front().operation));
    if (poller.abort(reads.back().operation)) reads.back().operation.poller = nullptr;
  });
  other.join();
  poller.flush();
  while (reads.front().operation.poller || reads.back().operation.poller) poller.wait(plait::detail::kNever);
  EXPECT_EQ(reads.front().operation.result, IoOperation::kAborted);
  EXPECT_EQ(poller.in_flight(), kReads - 2);
  const std::array<char, kReads> bytes{};
  EXPECT_EQ(::write(fds[1], bytes.data(), kReads - 2), static_cast<ssize_t>(kReads - 2));
  while (poller.in_flight() != 0) poller.wait(plait::detail::kNever);
  for (std::size_t i = 1; i + 1 < kReads; ++i) EXPECT_EQ(reads[i].operation.result, 1) << i;
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST(UringPollerTest, AnotherThreadMayDriveItNextTime) {
  if (plait::os::Uring::probe() != 0) GTEST_SKIP() << "the kernel grants no io_uring";
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  ASSERT_EQ(::write(fds[1], "abc", 3), 3);
  UringPoller poller;
  const auto read = [&] {
    poller.enter();
    Read read(fds[0]);
    EXPECT_FALSE(poller.start(read.operation));
    while (poller.in_flight() != 0) poller.wait(plait::detail::kNever);
    EXPECT_EQ(read.operation.result, 1);
    poller.wake();
    poller.wait(plait::detail::kNever);
  };
  read();
  std::thread(read).join();
  read();
  ::close(fds[0]);
  ::close(fds[1]);
}

/// From here on io_uring_setup(2) fails in this process, as in many containers.
void forbid_io_uring() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(rules), .filter = rules};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::exit(3);
  }
}

[[noreturn]] void run_twice_without_io_uring() {
  forbid_io_uring();
  const auto on_epoll = []() -> Task<bool> {
    co_return plait::detail::EventLoop::current()->poller().name() == "epoll";
  };
  const plait::RunOptions wish{.poller = "io_uring"};
  const bool both = plait::run(on_epoll(), wish) && plait::run(on_epoll(), wish);
  std::exit(both ? 0 : 1);
}

TEST(UringPollerDeathTest, WhereItIsForbiddenEpollIsUsedAndOneLineSaysSo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_twice_without_io_uring(), testing::ExitedWithCode(0),
              "^plait: io_uring is not available \\(Operation not permitted\\); epoll is used.\n$");
}

}  // namespace

#endif
