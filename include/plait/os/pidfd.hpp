// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "plait/os/fd.hpp"

namespace plait::os {

/// How a process stands.
struct ProcessStatus {
  /// What `value` is.
  enum class Kind : std::uint8_t {
    running,
    exited,  ///< `value` is its exit code
    killed,  ///< `value` is the signal that ended it
    /// It has ended and nobody can say how: SIGCHLD is ignored, it is no child, or somebody else reaped it, and the
    /// kernel is older than 6.15, which remembers.
    unknown,
  };
  Kind kind = Kind::running;  ///< running, or how it ended
  int value = 0;              ///< see Kind

  bool ended() const noexcept { return kind != Kind::running; }
  /// The exit code, or minus the signal, as Python has it. Only of one that exited or was killed.
  int returncode() const noexcept { return kind == Kind::killed ? -value : value; }
};

/// A descriptor that stands for the process `pid` for as long as it is open, whoever gets its number later, and that is
/// readable when the process has ended (pidfd_open(2)). Throws std::system_error; ESRCH: there is none.
Fd open_pidfd(int pid);

/// Sends `signal` (0: only asks) to the process that `pidfd` stands for, and never to another one. 0, or minus an
/// errno: -ESRCH after its end has been seen by `reap`.
int send_signal(int pidfd, int signal) noexcept;

/// Looks whether the process has ended and, if it is a child, takes its end from the kernel: then it is a zombie no
/// more, and the next call may not know. Never waits (waitid(2), P_PIDFD).
ProcessStatus reap(int pidfd) noexcept;
/// The same, but waits for the end.
ProcessStatus reap_at_end(int pidfd) noexcept;

}  // namespace plait::os
