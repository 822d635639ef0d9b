// SPDX-License-Identifier: BSL-1.0
#include "plait/process/process.hpp"

#include <system_error>

#include "plait/base/contract.hpp"
#include "plait/os/shared_memory.hpp"
#include "plait/sched/run.hpp"
#include "plait/sched/timeout.hpp"
#include "process_registry.hpp"
#include "role.hpp"

namespace plait {

detail::ProcessState& Process::state() const {
  if (!state_) detail::misuse("Process: this object was moved from.");
  return *state_;
}

std::shared_ptr<detail::ProcessState> Process::started_state() const {
  if (!state().started()) {
    detail::misuse("Process: \"" + name() + "\" " +
                   (pid() == 0 ? "has not been started, so nobody can wait for it."
                               : "is this process, which can't wait for its own end."));
  }
  return state_;
}

void Process::start() { state().start(); }

void Process::become_body() {
  const ProcessInfo self = current_process();
  state_ = std::make_shared<detail::ProcessState>(ProcessOptions{.name = self.name, .daemon = daemon()}, Encoder());
  state_->become_body();
}

void Process::join() { join_until(detail::kNever); }

bool Process::join_until(TimePoint deadline) {
  detail::Scheduler::refuse_to_block("Process::join()", "co_await the process instead.");
  std::shared_ptr<detail::ProcessState> state = started_state();
  if (state->look()) return true;
  if (deadline == detail::kNever) {
    sync_wait(detail::wait_for_end(std::move(state)));
    return true;
  }
  return sync_wait(move_on_at(deadline, detail::wait_for_end(std::move(state))));
}

void Process::send_signal(int signal) {
  if (const int error = state().send_signal(signal)) {
    throw std::system_error(-error, std::generic_category(),
                            "Process: send signal " + std::to_string(signal) + " to \"" + name() + "\"");
  }
}

ProcessInfo current_process() {
  const std::string& name = detail::this_role().name;
  return {name.empty() ? "main" : name, os::process_id()};
}

std::optional<ProcessInfo> parent_process() {
  const detail::Role& role = detail::this_role();
  if (role.name.empty()) return std::nullopt;
  return ProcessInfo{role.parent_name, role.parent};
}

std::vector<ProcessInfo> active_children() {
  std::vector<ProcessInfo> all;
  for (const auto& process : detail::ProcessRegistry::instance().running()) {
    all.push_back({process->name(), process->id()});
  }
  return all;
}

Task<int> detail::wait_for_code(std::shared_ptr<ProcessState> process) {
  co_await wait_for_end(process);
  if (std::optional<Decoder> result = process->result()) decode_result<void>(*result);
  co_return *process->exit_code();
}

}  // namespace plait
