// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "plait/base/time.hpp"
#include "plait/core/task.hpp"
#include "plait/os/pidfd.hpp"
#include "plait/os/spawn.hpp"
#include "plait/process/descendants.hpp"

namespace plait::detail {

/// A program that was started, as its Child, all who wait for it and the reaper share it. Any thread.
class ChildState {
 public:
  ChildState(os::SpawnedProcess process, std::vector<std::string> args, Descendants descendants) noexcept
      : pid(process.pid), args(std::move(args)), pidfd_(std::move(process.pidfd)), descendants_(std::move(descendants)) {}
  ChildState(const ChildState&) = delete;
  ChildState& operator=(const ChildState&) = delete;

  /// Its returncode, if it has ended; the first who sees that takes it from the kernel. Never waits.
  std::optional<int> poll() noexcept;
  /// The same without looking.
  std::optional<int> seen() const noexcept;
  /// Throws std::system_error if the signal can't be sent. False if its end has been seen: then nothing is sent.
  bool send_signal(int signal);
  /// To it and all its descendants.
  void signal_tree(int signal) noexcept;
  int pidfd() const noexcept { return pidfd_.get(); }

  const int pid;
  const std::vector<std::string> args;

 private:
  mutable std::mutex mutex_;
  os::ProcessStatus status_;
  const os::Fd pidfd_;
  /// Taken before the other one, and for longer: it looks at all processes.
  std::mutex tree_mutex_;
  Descendants descendants_;
};

/// Waits for its end: the returncode. On cancel: the waiting ends, the program goes on.
Task<int> wait_for_end(std::shared_ptr<ChildState> child, std::source_location at);

/// Ends programs with all their descendants: SIGTERM, and when all have ended or `grace` is over, SIGKILL to what is
/// left. Returns when all are reaped. On cancel: what was not done is not done; call it shielded.
Task<> stop_children(std::vector<std::shared_ptr<ChildState>> children, Duration grace);

/// Kills a program with all its descendants, and has it reaped. Never waits.
void abandon(std::shared_ptr<ChildState> child) noexcept;
/// Has a program reaped when it ends, by a thread for all of them that is there only while there are such. If there is
/// no thread to be had, the next call tries again.
void leave_to_reaper(std::shared_ptr<ChildState> child) noexcept;

}  // namespace plait::detail
