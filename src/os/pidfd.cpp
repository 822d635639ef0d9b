// SPDX-License-Identifier: BSL-1.0
#include "plait/os/pidfd.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace plait::os {
namespace {

/// P_PIDFD, which the headers of glibc before 2.36 lack.
constexpr auto kByPidfd = static_cast<idtype_t>(3);

/// struct pidfd_info of <linux/pidfd.h>, which the headers lack.
struct PidfdInfo {
  std::uint64_t mask = 0;
  std::uint64_t cgroup = 0;
  std::uint32_t ids[11] = {};
  std::int32_t exit_code = 0;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t kExitInfo = 8;
constexpr unsigned long kGetInfo = _IOWR(0xFF, 11, PidfdInfo);

/// What the kernel tells of a process that is gone, since 6.15.
ProcessStatus status_of_gone(int pidfd) noexcept {
  using Kind = ProcessStatus::Kind;
  PidfdInfo info{.mask = kExitInfo};
  if (::ioctl(pidfd, kGetInfo, &info) != 0 || !(info.mask & kExitInfo)) return {Kind::unknown, 0};
  if (WIFSIGNALED(info.exit_code)) return {Kind::killed, WTERMSIG(info.exit_code)};
  return {Kind::exited, WEXITSTATUS(info.exit_code)};
}

}  // namespace

Fd open_pidfd(int pid) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd.valid()) throw_error(errno, "pidfd_open for process " + std::to_string(pid));
  return fd;
}

int send_signal(int pidfd, int signal) noexcept {
  return ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0 ? 0 : -errno;
}

ProcessStatus reap(int pidfd) noexcept {
  using Kind = ProcessStatus::Kind;
  siginfo_t info{};
  int result;
  do {
    result = ::waitid(kByPidfd, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG);
  } while (result != 0 && errno == EINTR);
  if (result == 0) {
    if (info.si_pid == 0) return {};
    return {info.si_code == CLD_EXITED ? Kind::exited : Kind::killed, info.si_status};
  }
  // Not, or no more, a child: the descriptor still says whether it runs.
  pollfd watched{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, 0) == 0 ? ProcessStatus{} : status_of_gone(pidfd);
}

ProcessStatus reap_at_end(int pidfd) noexcept {
  while (true) {
    const ProcessStatus status = reap(pidfd);
    if (status.ended()) return status;
    pollfd watched{.fd = pidfd, .events = POLLIN, .revents = 0};
    ::poll(&watched, 1, -1);
  }
}

}  // namespace plait::os
