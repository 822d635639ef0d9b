// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/core/clock.hpp"
#include "plait/core/located_task.hpp"
#include "plait/process/portable_call.hpp"
#include "plait/process/process_state.hpp"

namespace plait {
namespace detail {

/// `f(args…)` can be called with copies of them, and `f` is not something else that a constructor takes.
template <class F, class... Args>
concept ProcessCallable =
    !std::same_as<std::remove_cvref_t<F>, ProcessOptions> && std::invocable<std::decay_t<F>, std::decay_t<Args>...>;

}  // namespace detail

/// A C++ function in a process of its own (multiprocessing.Process): made with a callable and its arguments, which
/// cross by value (docs/design/crossing.md says what can), or by a subclass of ProcessClass; then started, then joined
/// or awaited. It has the program's static objects as they are before `main`, its working directory and environment of
/// the moment of the start, nothing to read on its standard input, and no descriptor but what was passed. An exception
/// that leaves the body is written to stderr with the process's name, the exit code is 1, and `co_await process` throws
/// it.
///
/// Processes die with their program, whatever kills it. Destroying the object lets the process go on: the end of the
/// program waits for it, or, if it is a daemon, terminates it. Ctrl-C reaches the program alone. Movable. Any thread.
class Process {
 public:
  /// A process that will call `f(args…)`. What can't cross is refused by the compiler.
  template <class F, class... Args>
    requires detail::ProcessCallable<F, Args...>
  explicit Process(F&& f, Args&&... args)
      : Process(ProcessOptions{}, std::forward<F>(f), std::forward<Args>(args)...) {}
  /// The same with options: `Process({.name = "worker", .daemon = true}, f, args…)`.
  template <class F, class... Args>
    requires detail::ProcessCallable<F, Args...>
  explicit Process(ProcessOptions options, F&& f, Args&&... args)
      : state_(make(options, std::forward<F>(f), std::forward<Args>(args)...)) {}

  /// Starts the process, once, and waits until it is there: some tenths of a millisecond, the first time a few, also on
  /// a loop's thread. Throws std::logic_error if it was started before, or this program can't start processes;
  /// std::system_error if the system refuses.
  virtual void start();

  /// In a plain thread: waits until it has ended. Any number of threads may wait, and again later. Throws
  /// std::logic_error before the start, and on a loop's thread. On cancel: the waiting ends, the process goes on.
  void join();
  /// The same, at most for `limit`: true if it has ended.
  template <class Rep, class Period>
  bool join(std::chrono::duration<Rep, Period> limit) {
    return join_until(detail::add(now(), detail::to_duration(limit)));
  }

  /// Waits in a task until it has ended, gives its exit code, and throws the exception that ended its body; in a plain
  /// thread `sync_wait` does. Any number of strands may. On cancel: the waiting ends, the process goes on.
  auto operator co_await() const { return Wait(detail::wait_for_code(started_state())); }

  /// From its start until its end.
  bool is_alive() const { return state_ && state_->started() && !state_->look(); }
  /// The name it was made with, or "Process-1" and so on. The kernel knows the process by the first 15 bytes of it.
  const std::string& name() const { return state().name(); }
  bool daemon() const { return state().daemon(); }
  /// 0 before the start.
  int pid() const { return state().id(); }
  /// Nothing while it runs or before; then what it passed to exit(), 0 when the function returned, 1 for an exception,
  /// and minus the number of the signal that killed it.
  std::optional<int> exitcode() const { return state().exit_code(); }
  /// A descriptor that can be read when it has ended (a pidfd), for the process and for as long as this object;
  /// -1 before the start. Python's sentinel.
  int native_handle() const { return state().native_handle(); }

  /// Sends SIGTERM. No error if it has ended; std::logic_error before the start. Its own children are not told.
  void terminate() { send_signal(15); }
  /// Sends SIGKILL.
  void kill() { send_signal(9); }
  /// Sends SIGINT, which a `run` in the process turns into KeyboardInterrupt.
  void interrupt() { send_signal(2); }
  /// Sends any signal. Throws std::system_error for what is none.
  void send_signal(int signal);
  /// Gives its descriptors back before the object dies. Throws std::logic_error while it runs.
  void close() { state().close(); }

  Process(Process&&) noexcept = default;
  Process& operator=(Process&&) noexcept = default;
  virtual ~Process() = default;

 protected:
  explicit Process(std::shared_ptr<detail::ProcessState> state) noexcept : state_(std::move(state)) {}
  /// Starts it with this call instead of the one that it was made with.
  void start_with(Encoder call) { state().start(std::move(call)); }
  /// This object is, in the process that was started, what runs there.
  void become_body();

  template <class F, class... Args>
  static std::shared_ptr<detail::ProcessState> make(const ProcessOptions& options, F&& f, Args&&... args) {
    Encoder call;
    detail::encode_call(call, std::forward<F>(f), std::forward<Args>(args)...);
    return std::make_shared<detail::ProcessState>(options, std::move(call));
  }

 private:
  /// An awaiter that holds its task.
  class Wait : public Task<int>::Awaiter {
   public:
    explicit Wait(Task<int> task) : Task<int>::Awaiter(task.frame()), task_(std::move(task)) {}

   private:
    Task<int> task_;
  };

  bool join_until(TimePoint deadline);
  detail::ProcessState& state() const;
  /// Throws std::logic_error before the start.
  std::shared_ptr<detail::ProcessState> started_state() const;

  std::shared_ptr<detail::ProcessState> state_;
};

/// A process as it is known to itself and its family.
struct ProcessInfo {
  std::string name;  ///< what it was named at its start, or "main"
  int pid = 0;       ///< the kernel's number
};
/// Of the calling process: "main" if it was not started by Plait (multiprocessing.current_process).
ProcessInfo current_process();
/// Of the program that started this process; nothing in one that Plait did not start.
std::optional<ProcessInfo> parent_process();
/// The processes of this program that run (multiprocessing.active_children).
std::vector<ProcessInfo> active_children();

}  // namespace plait
