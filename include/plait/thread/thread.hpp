// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "plait/base/time.hpp"
#include "plait/thread/thread_state.hpp"

namespace plait {

/// A thread (threading.Thread): made with a callable and its arguments, which are copied or moved, or by a subclass
/// that overrides `run`; then started, then perhaps joined or awaited. An exception that leaves the body is reported at
/// once, with the thread's name, by the hook of `set_thread_exception_hook`, and thrown by every `co_await thread`; the
/// program goes on. Who wants the error instead of a report, or a value, takes `spawn_thread` and its Future.
///
/// Destroying the object of a thread that runs a callable lets the thread go on: the end of the program waits for it
/// unless it is a daemon (docs/reference/threads-at-exit.md). A subclass object must outlive its running thread: else
/// the program stops with a sentence. Movable; not an object of a subclass.
class Thread {
 public:
  /// For subclasses: a thread whose body is `run`.
  Thread() : Thread(ThreadOptions{}) {}
  explicit Thread(ThreadOptions options) : state_(new detail::ThreadState(options, nullptr)) {}

  /// A thread that will call `f(args…)`, all copied or moved as std::thread does; `std::ref` passes a reference. An
  /// argument's conversion happens in the thread, its copy here.
  template <class F, class... Args>
    requires detail::ThreadCallable<F, Args...>
  explicit Thread(F&& f, Args&&... args) : Thread(ThreadOptions{}, std::forward<F>(f), std::forward<Args>(args)...) {}
  /// The same with options: `Thread({.name = "clock", .daemon = true}, f, args…)`.
  template <class F, class... Args>
    requires detail::ThreadCallable<F, Args...>
  explicit Thread(ThreadOptions options, F&& f, Args&&... args)
      : state_(new detail::ThreadState(options,
                                       detail::make_thread_job(std::forward<F>(f), std::forward<Args>(args)...))) {}

  Thread(Thread&& other) noexcept : state_(other.give_away()) {}
  Thread& operator=(Thread&& other) noexcept;
  virtual ~Thread();

  /// The body of the thread, on the thread: calls the callable, if there is one. A subclass overrides it.
  virtual void run();

  /// Starts the thread, once. Throws std::logic_error if it was started before, std::system_error if the system has no
  /// thread to give (it may then be tried again). The line of the call is shown in reports.
  void start(std::source_location at = std::source_location::current());

  /// In a plain thread: waits until it has ended, with all its thread-local objects. Any number of threads may wait,
  /// and again later. An error of the body does not come out of it: see `co_await`. Throws std::logic_error before the
  /// start, in the thread itself, on a loop's thread, and of a daemon once the program's end has left it behind. On
  /// cancel: the waiting ends, the thread goes on.
  void join();
  /// The same, at most for `limit`: true if it has ended.
  template <class Rep, class Period>
  bool join(std::chrono::duration<Rep, Period> limit) {
    return join_until(detail::add(now(), detail::to_duration(limit)));
  }

  /// Waits in a task, of any loop, until it has ended, with all its thread-local objects, and throws the exception that
  /// ended its body, each time; in a plain thread `sync_wait` does. Any number of strands may. The Thread may be moved
  /// or destroyed meanwhile. Throws std::logic_error before the start, and in the thread itself. On cancel: the waiting
  /// ends, the thread goes on.
  auto operator co_await() const { return detail::ThreadAwait(state()); }

  /// From its start until it has ended. From any thread.
  bool is_alive() const noexcept { return state_ && state_->started() && !state_->ended(); }
  /// The name it was made with, or "Thread-1" and so on.
  const std::string& name() const { return state().name(); }
  /// Unique in the process, never used twice: as in `strands()`. 0 before the start.
  std::uint64_t ident() const { return state().ident(); }
  /// The kernel's id (gettid(2)), which is used again after its end. 0 before the start; just after it this waits for
  /// the thread's first instructions.
  int native_id() const { return state().native_id(); }
  /// Whether the end of the program leaves it behind.
  bool daemon() const { return state().daemon(); }
  /// Sets that. Throws std::logic_error once it is started.
  void daemon(bool on);

 private:
  bool join_until(TimePoint deadline);
  /// Throws std::logic_error for a moved-from object.
  detail::ThreadState& state() const;
  detail::ThreadState* give_away() noexcept;
  void let_go() noexcept;

  /// The body of a subclass object's thread.
  class Body final : public detail::ThreadJob {
   public:
    void run() override { self->run(); }
    Thread* self = nullptr;
  };

  detail::ThreadState* state_;
  Body body_;
};

}  // namespace plait
