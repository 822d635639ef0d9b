// SPDX-License-Identifier: BSL-1.0
#include "plait/process/worker_died.hpp"

#include <cstring>

namespace plait {
namespace {

std::string sentence(int pid, int exitcode, const std::string& call) {
  std::string text = "worker process " + std::to_string(pid);
  if (exitcode < 0) {
    const char* const name = ::sigabbrev_np(-exitcode);
    text += " was killed by signal " + std::to_string(-exitcode);
    if (name != nullptr) text += std::string(" (SIG") + name + ")";
  } else {
    text += " ended with exit code " + std::to_string(exitcode);
  }
  return call.empty() ? text : text + " while it ran " + call;
}

}  // namespace

WorkerDied::WorkerDied(int pid, int exitcode, const std::string& call)
    : BrokenProcessPool(sentence(pid, exitcode, call)), pid_(pid), exitcode_(exitcode), call_(call) {}

}  // namespace plait
