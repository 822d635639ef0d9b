// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <source_location>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "plait/core/current_strand.hpp"
#include "plait/core/promise.hpp"
#include "plait/core/task.hpp"
#include "plait/core/temporary.hpp"
#include "plait/sched/gather.hpp"
#include "plait/sched/spawn.hpp"

namespace plait {

/// What a foreign library calls when its operation is over; a `Promise` under the name that fits there.
template <class T>
using Callback = Promise<T>;

namespace detail {

/// Waits for a callback. On cancel the foreign operation is asked to stop; it still answers by its callback.
template <class T>
class CallbackWait : public FutureWait<CallbackWait<T>, T> {
 public:
  CallbackWait(FutureState<T>& state, std::function<void()>& stop) noexcept
      : FutureWait<CallbackWait<T>, T>(state), stop_(&stop) {}

  /// The operation runs already, so a cancel that came while it was started can't simply end the wait.
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    if (!*stop_) return Leaf<CallbackWait>::await_suspend(frame, at);
    Strand* here = frame.promise().strand;
    if (here->home) here = nullptr;  // there it is seen to under the wait lock, and the frame may be gone by then
    const bool suspended = this->await_after_checkpoint(frame, at);
    if (suspended && here && here->cancelled()) here->abort_wait();
    return suspended;
  }
  bool withdraw() noexcept {
    if (!*stop_) return FutureWait<CallbackWait<T>, T>::withdraw();
    std::exchange(*stop_, nullptr)();
    return false;
  }
  T take() {
    this->state_->look();
    return this->state_->result.take();
  }

 private:
  std::function<void()>* stop_;
};

template <class T, class Start>
Task<T> await_callback(Start start) {
  // Checkpoint: in a cancelled scope nothing is started.
  Strand& self = co_await CurrentStrand{};
  pass(Point::checkpoint, nullptr);
  if (self.cancelled()) throw Cancelled{};
  Promise<T> promise;
  Future<T> answer = promise.future();
  answer.state()->look();
  std::function<void()> stop;
  // A Callback that `start` does not keep dies at the end of the call, so that the wait ends.
  if constexpr (std::is_void_v<std::invoke_result_t<Start&, Callback<T>>>) {
    start(Callback<T>(std::move(promise)));
  } else {
    stop = start(Callback<T>(std::move(promise)));
  }
  CallbackWait<T> wait(*answer.state(), stop);
  co_return co_await wait;
}

/// A scope that triggers a stop source when it is cancelled.
class StopScope : public Scope {
 public:
  StopScope(std::stop_source& source, Strand& strand) noexcept : source_(source) {
    on_cancel = [](Scope& scope) noexcept { static_cast<StopScope&>(scope).source_.request_stop(); };
    enter(strand);
  }
  ~StopScope() { leave(); }

 private:
  std::stop_source& source_;
};

template <class F>
auto run_with_stop_token(F body) -> std::invoke_result_t<F&, std::stop_token> {
  Strand& self = co_await CurrentStrand{};
  std::stop_source source;
  StopScope scope(source, self);
  co_return co_await body(source.get_token());
}

}  // namespace detail

/// Awaits an operation of a foreign library that calls back (loop.create_future with add_done_callback). `start` is
/// called at once with a `Callback<T>`, whose `set_value` or `set_error` may be called from any thread, even before
/// `start` returns. `start` may give back a function that stops the operation. On cancel: the stopping function is
/// called once, on the loop's thread (it must not throw), and the operation still has to call back: its answer decides.
/// Without such a function the wait ends at once and the answer, when it comes, is dropped.
///
///     int n = co_await from_callback<int>([&](Callback<int> done) {
///       auto id = library.start([done = std::make_shared<Callback<int>>(std::move(done))](int n) { done->set_value(n);
///       }); return [&library, id] { library.stop(id); };
///     });
template <class T, class Start>
Task<T> from_callback(Start&& start) {
  detail::refuse_twice_destroyed<Start>();
  return detail::await_callback<T, std::decay_t<Start>>(std::forward<Start>(start));
}

/// Runs `body(token)` with a std::stop_token that is triggered when the scope around it is cancelled, so that code that
/// knows only stop tokens follows. Gives what the body gives. The token is triggered on the loop's thread.
template <class F>
auto with_stop_token(F&& body) {
  detail::refuse_twice_destroyed<F>();
  return detail::run_with_stop_token<std::decay_t<F>>(std::forward<F>(body));
}

/// Awaits `task` and cancels it when `token` is triggered, from any thread: then Cancelled is thrown. Cancelling from
/// outside works as ever.
template <class T>
Task<T> cancel_on(std::stop_token token, Task<T> task, std::source_location at = std::source_location::current()) {
  detail::Strand& self = co_await detail::CurrentStrand{};
  detail::NurseryBlock<> block(self);
  Future<T> child = detail::spawn_in(block.nursery, *self.scheduler, std::move(task), {}, at);
  {
    std::stop_callback stop(token, [&child] { child.cancel(); });
    co_await block.nursery.join(detail::address_of(at));
  }
  child.state()->look();
  co_return child.state()->result.take();
}

}  // namespace plait
