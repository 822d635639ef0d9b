// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

#include "plait/core/strand.hpp"
#include "plait/sched/task_group.hpp"
#include "plait/thread/spawn_thread.hpp"

namespace plait {
namespace detail {

/// Waits for the result of a thread's call as its parent does: a cancel goes to the thread, and the wait goes on.
template <class R>
class ThreadChild : public FutureWait<ThreadChild<R>, R> {
 public:
  using FutureWait<ThreadChild<R>, R>::FutureWait;

  /// No checkpoint: the thread runs already.
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    Strand& strand = *frame.promise().strand;
    if (strand.cancelled) this->state_->request_cancel();
    return this->await_after_checkpoint(frame, at);
  }
  bool withdraw() noexcept {
    this->state_->request_cancel();
    return false;
  }
  R take() {
    this->state_->look();
    return this->state_->result.take();
  }
};

template <class R>
Task<R> await_thread(Future<R> thread) {
  ThreadChild<R> operation(*thread.state());
  AtLine<ThreadChild<R>&> wait(operation);
  co_return co_await wait;
}

}  // namespace detail

template <class F, class... Args>
auto TaskGroup::spawn_thread(F&& f, Args&&... args) {
  home("TaskGroup::spawn_thread()");
  static_assert(detail::ThreadCallable<F, Args...>, "TaskGroup::spawn_thread() needs a function and its arguments.");
  return spawn(detail::await_thread(plait::spawn_thread(std::forward<F>(f), std::forward<Args>(args)...)));
}

}  // namespace plait
