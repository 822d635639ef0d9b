// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace plait::tool {

/// This command run again as a child, with one pipe on which it reports. It dies with this process, whatever ends it.
class ChildProcess {
 public:
  /// Starts `/proc/self/exe` with the arguments; the number of the pipe's writing end is appended to them.
  /// Throws: std::system_error when it can't be started.
  explicit ChildProcess(std::vector<std::string> arguments);
  /// Kills the child if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Everything the child reports until it closes the pipe; `tick` is called about ten times a second meanwhile.
  std::string read_report(const std::function<void()>& tick = [] {});
  /// The first line of the report, without its newline, as soon as it is there.
  std::string read_line();
  /// Waits for its end.
  /// Throws: std::runtime_error, with how it ended, unless that was exit code 0.
  void join();

 private:
  bool read_more(int timeout_ms);

  pid_t pid_ = -1;
  int report_fd_ = -1;
  bool ended_ = false;
  std::string received_;
};

/// Called first by the child: binds its life to the parent's.
void die_with_parent();

/// Writes the whole report to the pipe whose number the child was given, and closes it.
void send_report(int fd, const std::string& report);

}  // namespace plait::tool
