// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plait/core/future.hpp"
#include "plait/core/nursery.hpp"
#include "plait/core/task.hpp"
#include "plait/sched/spawn.hpp"

namespace plait {

/// How `run` runs. Trivially destructible.
struct RunOptions {
  /// "epoll", "io_uring", or "" for the environment's PLAIT_POLLER and else the default.
  std::string_view poller = {};
};

namespace detail {

/// The root of a `run` or a `sync_wait`: lives on the stack of the thread that drives the loop.
class RootStrand : public Strand, private DrivenLoop {
 public:
  explicit RootStrand(std::string_view name) noexcept;
  ~RootStrand();

  /// Drives a loop until `frame` has ended, then cancels and awaits what it spawned. Throws std::logic_error if the
  /// thread runs a loop already. `is_program`: Ctrl-C cancels it; true if that happened.
  bool run(PromiseBase& promise, std::coroutine_handle<> frame, std::string_view poller, const char* operation,
           bool is_program);

 private:
  /// A cancel of the thread, on its way to the loop.
  struct Message : Work {
    RootStrand* root = nullptr;
  };
  void cancel_from_outside() noexcept override;
  void cancel() noexcept;

  bool done_ = false;
  Scope root_;
  Nursery spawned_;
  Message message_;
  /// By whoever cancels the thread, or by the loop at an interrupt.
  Atomic<bool> message_sent_{false};
};

/// Throws KeyboardInterrupt. What the main task failed with on the way is reported.
[[noreturn]] void raise_interrupt(const std::exception_ptr& error);

template <class T>
T run_root(Task<T> task, std::string_view poller, const char* operation, bool is_program = false) {
  RootStrand root(operation);
  auto frame = task.frame();
  auto& promise = frame.promise();
  if (root.run(promise, frame, poller, operation, is_program)) raise_interrupt(promise.result.error());
  return promise.result.take();
}

}  // namespace detail

/// Runs `main` to its end on an event loop on this thread, and gives its value or throws its exception (asyncio.run).
/// At the end, what `spawn` left is cancelled and awaited; errors of it that nobody looked at are reported. Throws
/// std::logic_error when this thread runs a loop already: `co_await` the task there. From any thread; several threads
/// may each run a loop.
///
/// Ctrl-C cancels the main task and all that it spawned, and `run` throws KeyboardInterrupt whatever they made of it;
/// uncaught, that ends the program as SIGINT does. A second Ctrl-C, while they clean up, ends it at once. This is so
/// for the first `run` of several at a time, and if nobody else handles or ignores SIGINT.
template <class T>
T run(Task<T> main, RunOptions options = {}) {
  return detail::run_root(std::move(main), options.poller, "run()", true);
}

/// The same for anything else that can be awaited: `run(gather(…))`.
template <detail::AwaitableButNoTask A>
auto run(A&& awaitable, RunOptions options = {}) {
  return run(detail::as_task(std::forward<A>(awaitable)), options);
}

/// Runs the coroutine `f(args…)` and keeps all of them alive as long as it.
template <class F, class... Args>
  requires detail::MakesTask<F, Args...>
auto run(F f, Args&&... args) {
  return run(detail::keep_alive<F, std::decay_t<Args>...>(std::move(f), std::forward<Args>(args)...));
}

/// In a plain thread: waits for anything that can be awaited, and gives what `co_await` would give. An operation of a
/// primitive parks the thread; Tasks, combinators and I/O run on an event loop in this thread. Throws std::logic_error
/// on a loop's own thread, always: `co_await` it there.
template <detail::Awaitable A>
decltype(auto) sync_wait(A&& awaitable) {
  detail::Scheduler::refuse_to_block("sync_wait()", "co_await the operation instead.");
  if constexpr (detail::IsTask<std::remove_cvref_t<A>>::value) {
    static_assert(!std::is_lvalue_reference_v<A>, "A Task is awaited once: sync_wait(std::move(task)).");
    return detail::run_root(std::forward<A>(awaitable), {}, "sync_wait()");
  } else {
    using Awaiter = decltype(detail::awaiter_of(std::forward<A>(awaitable)));
    if constexpr (detail::LeafOperation<std::remove_cvref_t<Awaiter>>) {
      auto&& operation = detail::awaiter_of(std::forward<A>(awaitable));
      operation.wait_in_thread(detail::kNever);
      return operation.take();
    } else {
      return detail::run_root(detail::as_task<detail::Held<A>>(std::forward<A>(awaitable)), {}, "sync_wait()");
    }
  }
}

/// In a plain thread: `sync_wait(sleep(span))` (time.sleep). Never returns early; zero or less returns at once.
template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> span);

}  // namespace plait

#include "plait/sched/sleep.hpp"

namespace plait {

template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> span) {
  sync_wait(sleep(span));
}

}  // namespace plait
