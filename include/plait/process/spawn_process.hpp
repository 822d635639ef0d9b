// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <utility>

#include "plait/core/child_wait.hpp"
#include "plait/core/temporary.hpp"
#include "plait/process/process.hpp"
#include "plait/process/worker_died.hpp"
#include "plait/sched/spawn.hpp"
#include "plait/sched/task_group.hpp"

namespace plait {
namespace detail {

/// Starts the process, waits for its end, and gives what its call gave.
template <class R>
Task<R> call_in_process(std::shared_ptr<ProcessState> process) {
  co_await run_process(process);
  std::optional<Decoder> result = process->result();
  if (!result) throw WorkerDied(process->id(), *process->exit_code(), process->name());
  co_return decode_result<R>(*result);
}

template <class F, class... Args>
auto process_call(const ProcessOptions& options, F&& f, Args&&... args) {
  Encoder call;
  encode_call(call, std::forward<F>(f), std::forward<Args>(args)...);
  return call_in_process<CallResult<F, Args...>>(std::make_shared<ProcessState>(options, std::move(call)));
}

}  // namespace detail

/// Calls `f(args…)` in a process of its own and gives the Future of its result. The process ends with the call; if it
/// ends without a result the Future fails with WorkerDied, which has its exit code. For tasks; it belongs to the `run`
/// it is in. Cancelling the Future ends the process, by SIGTERM, and SIGKILL after its grace, and waits for its end.
/// What can't cross is refused by the compiler.
template <class F, class... Args>
  requires detail::ProcessCallable<F, Args...>
[[nodiscard]] auto spawn_process(ProcessOptions options, F&& f, Args&&... args) {
  detail::refuse_twice_destroyed<F, Args...>();
  return spawn(detail::process_call(options, std::forward<F>(f), std::forward<Args>(args)...));
}
template <class F, class... Args>
  requires detail::ProcessCallable<F, Args...>
[[nodiscard]] auto spawn_process(F&& f, Args&&... args) {
  return spawn_process(ProcessOptions{}, std::forward<F>(f), std::forward<Args>(args)...);
}

template <class F, class... Args>
auto TaskGroup::spawn_process(F&& f, Args&&... args) {
  detail::refuse_twice_destroyed<F, Args...>();
  static_assert(detail::ProcessCallable<F, Args...>, "TaskGroup::spawn_process() needs a function and its arguments.");
  return spawn(detail::process_call(ProcessOptions{}, std::forward<F>(f), std::forward<Args>(args)...));
}

}  // namespace plait
