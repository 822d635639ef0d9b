// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "plait/core/exceptions.hpp"

namespace plait::subprocess {

/// The returncode of a program that has ended while nobody can say how: this program ignores SIGCHLD, or other code in
/// it waits for any child, and the kernel is older than 6.15.
inline constexpr int kUnknownCode = std::numeric_limits<int>::min();

/// A program that has ended (CompletedProcess).
struct Completed {
  /// Its exit code, or minus the signal that ended it; of a pipeline the last program's. See kUnknownCode.
  int returncode = 0;
  std::string out;  ///< what was captured of its output
  std::string err;  ///< and of its errors
  /// Its words; of a pipeline all, with "|" between the programs.
  std::vector<std::string> args;
  /// Of a pipeline: each program's, in order. Else one.
  std::vector<int> returncodes;
};

/// `check` was asked for, and the program ended with another returncode than 0, or one of a pipeline did. (That SIGPIPE
/// ended one which is not the last of a pipeline does not count: the next one had read enough.)
class CalledProcessError : public std::runtime_error {
 public:
  explicit CalledProcessError(Completed completed);
  /// Of a pipeline the first that failed.
  int returncode() const noexcept { return returncode_; }
  const std::string& out() const noexcept { return completed_.out; }
  const std::string& err() const noexcept { return completed_.err; }
  const Completed& completed() const noexcept { return completed_; }

 private:
  Completed completed_;
  int returncode_;
};

/// The time that `Options::timeout` gives was over. The program has been stopped; what it had written is here.
class TimeoutExpired : public TimeoutError {
 public:
  TimeoutExpired(const std::string& message, std::string out, std::string err)
      : TimeoutError(message), out_(std::move(out)), err_(std::move(err)) {}
  const std::string& out() const noexcept { return out_; }
  const std::string& err() const noexcept { return err_; }

 private:
  std::string out_;
  std::string err_;
};

}  // namespace plait::subprocess

namespace plait::detail {

/// Which returncode makes a run fail: 0 for none.
int failing_code(const subprocess::Completed& completed) noexcept;

}  // namespace plait::detail
