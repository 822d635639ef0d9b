// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <source_location>
#include <utility>

#include "plait/core/future.hpp"
#include "plait/core/task.hpp"

namespace plait::detail {

/// Waits for a strand elsewhere as its parent does: a cancel goes to the strand, and the wait goes on to its end.
template <class T>
class ChildWait : public FutureWait<ChildWait<T>, T> {
  using Base = FutureWait<ChildWait<T>, T>;

 public:
  using Base::Base;

  /// No checkpoint: the strand runs already.
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    Strand& strand = *frame.promise().strand;
    if (strand.cancelled()) this->state_->request_cancel();
    return this->await_after_checkpoint(frame, at);
  }
  bool withdraw() noexcept {
    this->state_->request_cancel_later();
    return false;
  }
  T take() {
    this->state_->look();
    return this->state_->result.take();
  }

  /// The same in a thread.
  T wait() {
    ThreadStrand& self = this_thread_strand();
    bool cancelled = false;
    for (;;) {
      try {
        this->wait_in_thread(kNever);
        break;
      } catch (const Cancelled&) {  // before the wait began
        cancelled = true;
        this->state_->request_cancel();
        self.uncancel();
      }
    }
    if (cancelled) self.cancel();
    return take();
  }
};

/// Waits in a thread for the end of `state`, whatever becomes of the thread meanwhile.
void wait_uncancelled(FutureStateBase& state);

/// `ChildWait` as a task that holds the handle.
template <class T>
Task<T> await_child(Future<T> child) {
  ChildWait<T> operation(*child.state());
  AtLine<ChildWait<T>&> wait(operation);
  co_return co_await wait;
}

}  // namespace plait::detail
