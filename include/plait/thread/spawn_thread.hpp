// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <mutex>
#include <optional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/core/future.hpp"
#include "plait/core/task.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/thread/call_into.hpp"
#include "plait/thread/thread_state.hpp"

namespace plait {
namespace detail {

/// What the thread of a spawn_thread shares with the Future.
template <class R>
class ThreadCallState final : public FutureState<R> {
 public:
  explicit ThreadCallState(StrandRecord* record) noexcept { this->strand_record = record; }

  void request_cancel() noexcept override {
    std::scoped_lock guard(lock_);
    cancelled_ = true;
    if (running_) running_->cancel();
  }
  /// The call begins on the thread of `strand`, or (null) has ended: from then on a cancel does not reach it.
  void runs_on(ThreadStrand* strand) noexcept {
    std::scoped_lock guard(lock_);
    running_ = strand;
    if (strand && cancelled_) strand->cancel();
  }

 private:
  SpinLock lock_;
  ThreadStrand* running_ = nullptr;
  bool cancelled_ = false;
};

/// The thread's side of it. The Future keeps the record, so the strand gets another for its last instructions.
template <class R, class F, class... Args>
class SpawnedCall final : public ThreadJob {
 public:
  template <class G, class... A>
  explicit SpawnedCall(ThreadCallState<R>& state, G&& f, A&&... args)
      : state_(state), parts_(std::in_place, std::forward<G>(f), std::forward<A>(args)...) {}

  void run() override {
    const auto call = [this]() -> R {
      return std::apply([](F& f, Args&... args) -> R { return std::invoke(std::move(f), std::move(args)...); },
                        *parts_);
    };
    state_.runs_on(&this_thread_strand());
    call_into(state_.result, call, [this] {
      ThreadStrand& strand = this_thread_strand();
      state_.runs_on(nullptr);
      strand.uncancel();  // what is destroyed from here on may wait
      parts_.reset();
      strand.record = open_record(true, name_of(*strand.record), strand.record->spawned_at, nullptr);
      state_.strand_record->set(StrandState::done);
      state_.complete();
    });
  }

 private:
  ThreadCallState<R>& state_;
  std::optional<std::tuple<F, Args...>> parts_;
};

template <class F, class... Args>
auto start_thread_call(const ThreadOptions& options, const std::source_location& at, F&& f, Args&&... args) {
  using R = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
  static_assert(!IsTask<R>::value, "A thread calls a plain function: spawn_thread([] { plait::run(coroutine()); }).");
  const std::string name = thread_name(options.name);
  ThreadOptions named = options;
  named.name = name;
  StrandRecord* record = open_record(true, name, address_of(at), Scheduler::current_strand().record);
  auto* state = new ThreadCallState<R>(record);
  Future<R> future(state);
  const auto start = [&] {
    auto job = std::make_unique<SpawnedCall<R, std::decay_t<F>, std::decay_t<Args>...>>(*state, std::forward<F>(f),
                                                                                        std::forward<Args>(args)...);
    start_and_release(named, std::move(job), record, at);
  };
  try {
    start();
  } catch (...) {
    state->look();
    state->result.set_error(std::current_exception());
    state->complete();
    throw;
  }
  return future;
}

}  // namespace detail

/// Starts a thread that calls `f(args…)`, all copied or moved, and gives the handle of its result
/// (ThreadPoolExecutor.submit on a thread of its own): the value, or the exception that ended the call. Dropping the
/// Future does not stop the thread; the end of the program waits for it as for every Thread. Future::cancel cancels it
/// at its next wait, or the one it is in: each operation of Plait then throws Cancelled in it. Throws std::system_error
/// if the system has no thread to give. From any thread, also on a loop.
template <class F>
  requires detail::ThreadCallable<F>
auto spawn_thread(F&& f, std::source_location at = std::source_location::current()) {
  return detail::start_thread_call({}, at, std::forward<F>(f));
}
template <class F, class A, class... Args>
  requires detail::ThreadCallable<F, A, Args...>
auto spawn_thread(F&& f, A&& first, Args&&... rest) {
  return detail::start_thread_call({}, {}, std::forward<F>(f), std::forward<A>(first), std::forward<Args>(rest)...);
}

/// The same with options: `spawn_thread({.name = "reader"}, f, args…)`.
template <class F>
  requires detail::ThreadCallable<F>
auto spawn_thread(ThreadOptions options, F&& f, std::source_location at = std::source_location::current()) {
  return detail::start_thread_call(options, at, std::forward<F>(f));
}
template <class F, class A, class... Args>
  requires detail::ThreadCallable<F, A, Args...>
auto spawn_thread(ThreadOptions options, F&& f, A&& first, Args&&... rest) {
  return detail::start_thread_call(options, {}, std::forward<F>(f), std::forward<A>(first),
                                   std::forward<Args>(rest)...);
}

}  // namespace plait
