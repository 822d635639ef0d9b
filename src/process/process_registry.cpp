// SPDX-License-Identifier: BSL-1.0
#include "process_registry.hpp"

#include <chrono>
#include <utility>

#include "plait/os/message_socket.hpp"
#include "plait/os/shared_memory.hpp"
#include "plait/os/signal.hpp"
#include "plait/thread/program_end.hpp"

namespace plait::detail {

ProcessRegistry& ProcessRegistry::instance() noexcept {
  static auto* registry = new ProcessRegistry;
  return *registry;
}

void ProcessRegistry::add(std::shared_ptr<ProcessState> process) {
  at_program_end(EndOfProgram::last_wait, []() noexcept { ProcessRegistry::instance().finish(); });
  std::scoped_lock guard(lock_);
  begin_anew_if_forked();
  processes_.push_back(std::move(process));
}

void ProcessRegistry::begin_anew_if_forked() {
  if (std::exchange(owner_, os::process_id()) == os::process_id()) return;
  // Not destroyed: they are the parent's, and so is what they hold.
  parents_.push_back(std::exchange(processes_, {}));
}

void ProcessRegistry::remove(const ProcessState& process) noexcept {
  std::shared_ptr<ProcessState> last;  // goes when the lock is free
  std::scoped_lock guard(lock_);
  for (auto& held : processes_) {
    if (held.get() != &process) continue;
    last = std::exchange(held, std::move(processes_.back()));
    processes_.pop_back();
    return;
  }
}

std::vector<std::shared_ptr<ProcessState>> ProcessRegistry::running() {
  std::vector<std::shared_ptr<ProcessState>> all;
  {
    std::scoped_lock guard(lock_);
    begin_anew_if_forked();
    all = processes_;
  }
  std::erase_if(all, [](const auto& process) { return !process->started() || process->look(); });
  return all;
}

void ProcessRegistry::finish() noexcept {
  // Not on a loop: the program may end in one.
  for (auto all = running(); !all.empty(); all = running()) {
    for (const auto& process : all) {
      if (process->daemon()) process->send_signal(os::kSigTerm);
    }
    const TimePoint now = std::chrono::steady_clock::now();
    for (const auto& process : all) {
      if (os::wait_readable(process->waitable(), process->daemon() ? detail::add(now, process->grace()) : kNever))
        continue;
      process->send_signal(os::kSigKill);
      os::wait_readable(process->waitable(), kNever);
    }
  }
}

}  // namespace plait::detail
