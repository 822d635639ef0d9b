// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/core/leaf.hpp"
#include "plait/core/result.hpp"
#include "plait/core/task.hpp"
#include "plait/core/temporary.hpp"
#include "plait/thread/blocking_call.hpp"
#include "plait/thread/call_into.hpp"
#include "plait/thread/thread_state.hpp"

namespace plait {

class CapacityLimiter;

/// How a call is made in another thread. Trivially destructible.
struct ToThreadOptions {
  /// A cancel ends the waiting at once, and the running call is left behind: its value is dropped, its exception goes
  /// to the handler of `set_unretrieved_handler`, and the program's end does not wait for it. It keeps its place among
  /// the threads, and its token of `limiter`, until it returns. What it refers to must live as long.
  bool abandon_on_cancel = false;
  /// The call begins when it has borrowed a token here, and gives it back when it has returned (trio's to_thread
  /// limiter). The token is the call's, not its caller's, who may have another. Must outlive the call. Null: none.
  CapacityLimiter* limiter = nullptr;
};

namespace detail {

/// One call and its result. Belongs to the awaitable; to the thread once it is abandoned.
template <class R, class F, class... Args>
class ToThreadCall final : public BlockingCall {
 public:
  template <class G, class... A>
  explicit ToThreadCall(G&& f, A&&... args) : parts_(std::in_place, std::forward<G>(f), std::forward<A>(args)...) {}

  void run() override {
    const auto call = [this]() -> R {
      return std::apply([](F& f, Args&... args) -> R { return std::invoke(std::move(f), std::move(args)...); },
                        *parts_);
    };
    call_into(result, call, [this] {
      parts_.reset();
      finish(result.error());
    });
  }

  Result<R> result;

 private:
  void set_error(std::exception_ptr error) noexcept override { result.set_error(std::move(error)); }

  std::optional<std::tuple<F, Args...>> parts_;
};

/// The awaitable of `to_thread`.
template <class R, class Call>
class [[nodiscard]] ToThread : public Leaf<ToThread<R, Call>> {
 public:
  ToThread(std::unique_ptr<Call> call, ToThreadOptions options) noexcept
      : Leaf<ToThread>(WaitKind::call, call.get()), call_(std::move(call)), options_(options) {}

  bool try_now() const noexcept { return false; }
  bool enqueue() {
    call_->submit(*this, options_.limiter);
    return true;
  }
  bool withdraw() noexcept {
    switch (call_->withdraw(options_.abandon_on_cancel)) {
      case BlockingCall::Withdrawn::never_ran:
        return true;
      case BlockingCall::Withdrawn::abandoned:
        static_cast<void>(call_.release());
        return true;
      case BlockingCall::Withdrawn::no:
        break;
    }
    return false;
  }
  R take() { return call_->result.take(); }

 private:
  std::unique_ptr<Call> call_;
  ToThreadOptions options_;
};

/// See `to_thread`.
template <class F, class... Args>
auto make_to_thread(ToThreadOptions options, F&& f, Args&&... args) {
  refuse_twice_destroyed<F, Args...>();
  using R = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
  static_assert(!IsTask<R>::value, "to_thread() calls a plain function; co_await the coroutine itself.");
  using Call = ToThreadCall<R, std::decay_t<F>, std::decay_t<Args>...>;
  return ToThread<R, Call>(std::make_unique<Call>(std::forward<F>(f), std::forward<Args>(args)...), options);
}

}  // namespace detail

/// Calls `f(args…)`, a function that blocks or computes for long, in another thread, and gives its value or throws its
/// exception (asyncio.to_thread). `f` and the arguments are copied or moved, and die in that thread. In a task
/// `co_await` it, so that the loop goes on meanwhile; in a thread `sync_wait` it.
///
/// The threads belong to a pool of their own, made as needed up to the number of processors plus 4, at most 32; calls
/// queue first in, first out, and a call that waits for a later one may wait forever; with `limiter` a call waits for
/// its token before it queues. The end of the program waits for the calls. On cancel: a call that has not started is
/// withdrawn and never runs; a running one is waited for, and its result counts, or, with `abandon_on_cancel`, it is
/// left behind. Throws std::system_error if there is no thread to be had.
template <class F, class... Args>
  requires detail::ThreadCallable<F, Args...>
auto to_thread(F&& f, Args&&... args) {
  return detail::make_to_thread({}, std::forward<F>(f), std::forward<Args>(args)...);
}
/// The same with options: `to_thread({.abandon_on_cancel = true}, f, args…)`.
template <class F, class... Args>
  requires detail::ThreadCallable<F, Args...>
auto to_thread(ToThreadOptions options, F&& f, Args&&... args) {
  return detail::make_to_thread(options, std::forward<F>(f), std::forward<Args>(args)...);
}

}  // namespace plait
