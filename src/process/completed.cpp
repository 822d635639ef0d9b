// SPDX-License-Identifier: BSL-1.0
#include "plait/process/completed.hpp"

#include <csignal>

#include "plait/process/command.hpp"

namespace plait::subprocess {
namespace {

std::string how_it_ended(int code) {
  if (code == kUnknownCode) return "ended with a returncode that nobody knows (SIGCHLD is ignored)";
  if (code < 0) return "was ended by signal " + std::to_string(-code);
  return "returned " + std::to_string(code);
}

}  // namespace

CalledProcessError::CalledProcessError(Completed completed)
    : std::runtime_error("command " + Command(completed.args).text() + " " +
                         how_it_ended(plait::detail::failing_code(completed))),
      completed_(std::move(completed)),
      returncode_(plait::detail::failing_code(completed_)) {}

}  // namespace plait::subprocess

int plait::detail::failing_code(const plait::subprocess::Completed& completed) noexcept {
  for (std::size_t i = 0; i < completed.returncodes.size(); ++i) {
    const int code = completed.returncodes[i];
    const bool read_no_further = code == -SIGPIPE && i + 1 < completed.returncodes.size();
    if (code != 0 && !read_no_further) return code;
  }
  return 0;
}
