// SPDX-License-Identifier: BSL-1.0
#include "interrupt.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

namespace plait::tool {
namespace {

// Lock-free atomics are what a signal handler may read.
std::atomic<pid_t> children[8];
std::atomic<bool> bar_shown;
static_assert(std::atomic<pid_t>::is_always_lock_free);

void handle(int signal) {
  for (const auto& child : children) {
    if (const pid_t pid = child.load(); pid > 0) ::kill(pid, SIGKILL);
  }
  for (const auto& child : children) {
    if (const pid_t pid = child.load(); pid > 0) ::waitpid(pid, nullptr, 0);
  }
  if (bar_shown.load()) {
    static constexpr char kEraseLine[] = "\r\033[K";
    [[maybe_unused]] auto written = ::write(STDERR_FILENO, kEraseLine, sizeof kEraseLine - 1);
  }
  ::_exit(128 + signal);
}

}  // namespace

void end_cleanly_on_interrupt() {
  struct sigaction action{};
  action.sa_handler = handle;
  // One at a time: a second Ctrl-C must not run the clean-up again in the middle of the first.
  sigaddset(&action.sa_mask, SIGINT);
  sigaddset(&action.sa_mask, SIGTERM);
  for (int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

void watch_child(pid_t pid) {
  for (auto& child : children) {
    pid_t free = 0;
    if (child.compare_exchange_strong(free, pid)) return;
  }
}

void forget_child(pid_t pid) {
  for (auto& child : children) {
    pid_t expected = pid;
    child.compare_exchange_strong(expected, 0);
  }
}

void bar_is_shown(bool shown) { bar_shown.store(shown); }

}  // namespace plait::tool
