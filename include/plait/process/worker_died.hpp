// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>
#include <string>

namespace plait {

/// A call can't be made, or has no result, as a process of the pool is gone (Python's BrokenProcessPool).
class BrokenProcessPool : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The process that ran a call died before it had a result. Other calls are not touched, and the pool replaces it.
class WorkerDied : public BrokenProcessPool {
 public:
  /// `exitcode` as Process has it: negative for the signal that killed it. `call` is the name of what it ran.
  WorkerDied(int pid, int exitcode, const std::string& call);

  int pid() const noexcept { return pid_; }
  /// What it ended with; the signal that killed it, negative.
  int exitcode() const noexcept { return exitcode_; }
  /// The signal that killed it, or 0.
  int signal() const noexcept { return exitcode_ < 0 ? -exitcode_ : 0; }
  /// The name of the call that it ran.
  const std::string& call() const noexcept { return call_; }

 private:
  int pid_;
  int exitcode_;
  std::string call_;
};

}  // namespace plait
