// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/base/contract.hpp"
#include "plait/base/time.hpp"
#include "plait/sync/event.hpp"
#include "plait/thread/thread.hpp"

namespace plait {
namespace detail {

/// What a Timer shares with its thread.
class TimerState {
 public:
  explicit TimerState(Duration delay) noexcept : delay_(delay) {}

  /// In the thread: waits. True if the call is to be made.
  bool comes();
  /// True if the call is never made.
  bool cancel();

 private:
  enum class Phase : std::uint8_t { waiting, called, cancelled };
  const Duration delay_;
  Atomic<Phase> phase_{Phase::waiting};
  Event cancelled_;
};

}  // namespace detail

/// A call after a while, in a thread of its own (threading.Timer): `Timer(30s, f, args…)`, then `start()`, and
/// `cancel()` as long as it has not come. Destroying the object prevents nothing, and the end of the program waits for
/// the call unless the Timer is a daemon. A task takes `sleep` instead, which costs no thread. Movable.
class Timer {
 public:
  /// Will call `f(args…)`, all copied or moved, `delay` after the start. Zero or less: at once.
  template <class Rep, class Period, class F, class... Args>
    requires detail::ThreadCallable<F, Args...>
  explicit Timer(std::chrono::duration<Rep, Period> delay, F&& f, Args&&... args)
      : Timer(ThreadOptions{}, delay, std::forward<F>(f), std::forward<Args>(args)...) {}
  /// The same with the options of its thread: `Timer({.name = "watchdog", .daemon = true}, 30s, f, args…)`.
  template <class Rep, class Period, class F, class... Args>
    requires detail::ThreadCallable<F, Args...>
  explicit Timer(ThreadOptions options, std::chrono::duration<Rep, Period> delay, F&& f, Args&&... args)
      : Timer(options, std::make_shared<detail::TimerState>(detail::to_duration(delay)),
              detail::make_thread_job(std::forward<F>(f), std::forward<Args>(args)...)) {}

  /// Starts the thread, and with it the time. Throws as Thread::start.
  void start(std::source_location at = std::source_location::current()) { thread_.start(at); }
  /// True if the call is not made, now and later; its thread ends at once. False: it has begun. Before the start as
  /// well, and again. From any thread.
  bool cancel() {
    if (!state_) detail::misuse("Timer: this object was moved from.");
    return state_->cancel();
  }

  /// Waits until the call has been made, or will not be. As Thread::join.
  void join() { thread_.join(); }
  /// The same, at most for `limit`: true if that is so.
  template <class Rep, class Period>
  bool join(std::chrono::duration<Rep, Period> limit) {
    return thread_.join(limit);
  }
  /// As of a Thread: throws what the call threw. On cancel: the waiting ends; the Timer goes on.
  auto operator co_await() const { return thread_.operator co_await(); }

  /// From its start until the call has been made, or will not be. From any thread.
  bool is_alive() const noexcept { return thread_.is_alive(); }
  /// As of a Thread.
  const std::string& name() const { return thread_.name(); }

 private:
  Timer(ThreadOptions options, std::shared_ptr<detail::TimerState> state, std::unique_ptr<detail::ThreadJob> job)
      : state_(std::move(state)), thread_(options, [state = state_, job = std::move(job)] {
          if (state->comes()) job->run();
        }) {}

  std::shared_ptr<detail::TimerState> state_;
  Thread thread_;
};

}  // namespace plait
