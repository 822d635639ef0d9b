// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <functional>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plait/core/future.hpp"
#include "plait/core/nursery.hpp"
#include "plait/core/task.hpp"
#include "plait/core/temporary.hpp"

namespace plait {

/// How a strand is started. Trivially destructible, as options must be (docs/design/compilers.md); the name is copied.
struct SpawnOptions {
  /// Shown in the record of strands (cut to 64 bytes) and in reports.
  std::string_view name = {};
};

namespace detail {

/// The state of a started task: strand, outermost scope, frame, and what its Future waits for.
template <class T>
class TaskState final : public FutureState<T>, public Strand, public FrameAllocated {
 public:
  TaskState(Task<T> task, Scheduler& scheduler, Nursery& nursery, const SpawnOptions& options,
            const std::source_location& at)
      : Strand(Kind::task), task_(std::move(task)), nursery_(nursery) {
    this->scheduler = &scheduler;
    home = scheduler.home();
    const Strand* parent = scheduler.running();
    if (parent) context = parent->context;
    record = open_record(false, options.name, address_of(at), parent ? parent->record : nullptr);
    this->strand_record = record;
    task_.frame().promise().strand = this;
    resume_point = task_.frame();
    finish = &ended;
    root_.attach(&nursery.scope, *this);
    nursery.child_begins();
  }

  void request_cancel() noexcept override {
    if (this->done()) return;
    if (home || Scheduler::current() == scheduler) return root_.cancel();
    request_cancel_later();
  }
  void request_cancel_later() noexcept override {
    if (!home && Scheduler::current() == scheduler) return root_.cancel();
    if (!this->send_message()) return;
    message_.state = this;
    message_.run = [](Work& work) {
      TaskState& state = *static_cast<Message&>(work).state;
      // The message holds the state, so it is received last. To cancel a scope that was left does nothing.
      if (!state.done()) state.root_.cancel();
      static_cast<void>(state.receive_message());
    };
    // A closed inbox means that the strand has ended meanwhile.
    if (!scheduler->try_post(message_)) static_cast<void>(this->receive_message());
  }

 private:
  struct Message : Work {
    TaskState* state = nullptr;
  };

  static void ended(Strand& strand) {
    auto& self = static_cast<TaskState&>(strand);
    try {
      self.result.adopt(self.task_.frame().promise().result);
    } catch (...) {
      self.result.set_error(std::current_exception());
    }
    // The coroutine's parameters die with its end, as a function's do, and not with the handle.
    {
      Task<T> frame = std::move(self.task_);
    }
    self.record->set(StrandState::done);
    self.root_.leave();
    // The end of the group is the end of its futures, too.
    Nursery& nursery = self.nursery_;
    if (nursery.child_ends(self, self.result.error())) self.look();
    self.complete();
    nursery.child_ended();
  }

  Task<T> task_;
  Nursery& nursery_;
  Scope root_;
  Message message_;
};

template <class T>
Future<T> spawn_in(Nursery& nursery, Scheduler& home, Task<T> task, const SpawnOptions& options,
                   const std::source_location& at) {
  auto* state = new TaskState<T>(std::move(task), home, nursery, options, at);
  home.schedule_here(*state);
  return Future<T>(state);
}

/// The loop of the caller and the group that plain `spawn` uses; throws std::logic_error in a thread without a loop.
Scheduler& spawning_scheduler(const char* operation);

/// Runs `f(args…)` and keeps all of them alive as long as the coroutine that it gives.
template <class F, class... Args>
  requires IsTask<std::invoke_result_t<F&, Args&...>>::value
auto keep_alive(F f, Args... args) -> std::invoke_result_t<F&, Args&...> {
  co_return co_await std::invoke(f, args...);
}

/// `keep_alive` of copies of its arguments.
template <class F, class... Args>
auto kept(F&& f, Args&&... args) {
  refuse_twice_destroyed<F, Args...>();
  return keep_alive<std::decay_t<F>, std::decay_t<Args>...>(std::forward<F>(f), std::forward<Args>(args)...);
}

template <class F, class... Args>
concept MakesTask = IsTask<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>&...>>::value;

}  // namespace detail

/// Starts a task on the loop of the caller, at the end of the ready list, and gives its handle (asyncio.create_task).
/// It belongs to the `run` in progress, which cancels and awaits what is left when its main task ends. Call it on a
/// loop (std::logic_error elsewhere). A task group is usually better: it does not leave strands behind.
template <class T>
[[nodiscard]] Future<T> spawn(Task<T> task, SpawnOptions options = {},
                              std::source_location at = std::source_location::current()) {
  detail::Scheduler& home = detail::spawning_scheduler("spawn()");
  return detail::spawn_in(*home.spawned(), home, std::move(task), options, at);
}

/// The same for anything else that can be awaited: `spawn(gather(…))`.
template <detail::AwaitableButNoTask A>
[[nodiscard]] auto spawn(A&& awaitable, SpawnOptions options = {},
                         std::source_location at = std::source_location::current()) {
  return spawn(detail::as_task(std::forward<A>(awaitable)), options, at);
}

/// Starts the coroutine `f()`; `f`, a lambda with captures for instance, lives as long as its coroutine.
template <class F>
  requires detail::MakesTask<F>
[[nodiscard]] auto spawn(F&& f, SpawnOptions options = {}, std::source_location at = std::source_location::current()) {
  return spawn(detail::kept(std::forward<F>(f)), options, at);
}

/// The same with arguments, which are copied or moved and live as long. `std::ref` passes a reference. With more than
/// three arguments the strand does not know the line that spawned it.
template <class F, class A>
  requires detail::MakesTask<F, A>
[[nodiscard]] auto spawn(F&& f, A&& a, std::source_location at = std::source_location::current()) {
  return spawn(detail::kept(std::forward<F>(f), std::forward<A>(a)), {}, at);
}
template <class F, class A, class B>
  requires detail::MakesTask<F, A, B>
[[nodiscard]] auto spawn(F&& f, A&& a, B&& b, std::source_location at = std::source_location::current()) {
  return spawn(detail::kept(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b)), {}, at);
}
template <class F, class A, class B, class C>
  requires detail::MakesTask<F, A, B, C>
[[nodiscard]] auto spawn(F&& f, A&& a, B&& b, C&& c, std::source_location at = std::source_location::current()) {
  return spawn(detail::kept(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c)), {}, at);
}
template <class F, class A, class B, class C, class D, class... Args>
  requires detail::MakesTask<F, A, B, C, D, Args...>
[[nodiscard]] auto spawn(F&& f, A&& a, B&& b, C&& c, D&& d, Args&&... rest) {
  return spawn(detail::kept(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
                            std::forward<D>(d), std::forward<Args>(rest)...),
               {}, std::source_location{});
}

}  // namespace plait
