// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace plait::test {

/// How a program ended, and what it printed.
struct Outcome {
  int status = -1;
  std::string printed;
};

/// Runs a command line. Status 124: it did not end within a minute. ThreadSanitizer waits a second at the end, which is
/// no use here.
inline Outcome run_program(const std::string& program) {
  const std::string command = "TSAN_OPTIONS=\"$TSAN_OPTIONS:atexit_sleep_ms=0\" timeout 60 " + program + " 2>&1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  Outcome outcome;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    outcome.printed.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

}  // namespace plait::test
