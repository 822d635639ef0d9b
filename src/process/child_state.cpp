// SPDX-License-Identifier: BSL-1.0
//
// Idea. The pidfd is readable when the program has ended, so any number of tasks and threads wait for that, each on its
// own loop, and then ask `poll`: under the lock exactly one of them takes the end from the kernel, and the others read
// what it left. A signal is sent under the same lock, and only while the end has not been taken; the pidfd sees to it
// that it never goes to another process.
#include "plait/process/child_state.hpp"

#include <csignal>
#include <system_error>
#include <utility>

#include "plait/core/current_strand.hpp"
#include "plait/io/readiness.hpp"
#include "plait/process/completed.hpp"
#include "plait/sched/timeout.hpp"

namespace plait::detail {
namespace {

std::optional<int> code_of(const os::ProcessStatus& status) noexcept {
  if (!status.ended()) return {};
  return status.kind == os::ProcessStatus::Kind::unknown ? subprocess::kUnknownCode : status.returncode();
}

using Children = std::vector<std::shared_ptr<ChildState>>;

Task<> wait_for_all(const Children& children) {
  for (const auto& child : children) co_await wait_for_end(child, std::source_location{});
}

}  // namespace

std::optional<int> ChildState::poll() noexcept {
  const std::scoped_lock guard(mutex_);
  if (!status_.ended()) status_ = os::reap(pidfd_.get());
  return code_of(status_);
}

std::optional<int> ChildState::seen() const noexcept {
  const std::scoped_lock guard(mutex_);
  return code_of(status_);
}

bool ChildState::send_signal(int signal) {
  const std::scoped_lock guard(mutex_);
  if (status_.ended()) return false;
  const int result = os::send_signal(pidfd_.get(), signal);
  if (result < 0 && result != -ESRCH) {
    os::throw_error(-result, "send signal " + std::to_string(signal) + " to \"" + args.front() + "\"");
  }
  return result == 0;
}

void ChildState::signal_tree(int signal) noexcept {
  try {
    const std::scoped_lock guard(tree_mutex_);
    const bool ended = poll().has_value();
    descendants_.signal(ended ? 0 : pid, signal, [&] {
      try {
        send_signal(signal);
        if (signal == SIGTERM) send_signal(SIGCONT);
      } catch (const std::system_error&) {  // it has become another user's; the others get theirs all the same
      }
    });
  } catch (const std::exception&) {  // no memory to look for them
  }
}

Task<int> wait_for_end(std::shared_ptr<ChildState> child, std::source_location at) {
  const Strand& self = co_await CurrentStrand{};
  if (self.cancelled()) throw Cancelled{};
  while (true) {
    if (const std::optional<int> code = child->poll()) co_return *code;
    Readiness ended = readable(child->pidfd());
    co_await AtLine<Readiness&>(ended, address_of(at));
  }
}

Task<> stop_children(Children children, Duration grace) {
  for (const auto& child : children) child->signal_tree(SIGTERM);
  co_await move_on_after(grace, wait_for_all(children));
  for (const auto& child : children) child->signal_tree(SIGKILL);
  co_await wait_for_all(children);
}

void abandon(std::shared_ptr<ChildState> child) noexcept {
  if (child->poll()) return;
  child->signal_tree(SIGKILL);
  if (!child->poll()) leave_to_reaper(std::move(child));
}

}  // namespace plait::detail
