// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "plait/core/current_strand.hpp"
#include "plait/core/located_task.hpp"
#include "plait/sched/failures.hpp"
#include "plait/sched/spawn.hpp"

namespace plait {

class TaskGroup;

namespace detail {

/// The children of a task group: their first failure cancels the others, and all failures are collected.
class GroupNursery : public Nursery {
 public:
  GroupNursery() { on_child_end = &collect; }
  /// The body or a child has failed. A child that was cancelled, by its own Future for instance, is no failure.
  void failed(const std::exception_ptr& error);
  Failures failures;

 private:
  static bool collect(Nursery& nursery, const Strand&, const std::exception_ptr& error) {
    if (error) static_cast<GroupNursery&>(nursery).failed(error);
    return true;
  }
};

/// The awaitable that `with_task_group` runs.
template <class F, class T = typename std::invoke_result_t<F&, TaskGroup&>::value_type>
Task<T> run_group(F body);

}  // namespace detail

/// Strands that end before the block that started them; made by `with_task_group`. Members are for the tasks of its
/// loop, its children among them; elsewhere they throw std::logic_error.
class TaskGroup {
 public:
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts a child task and gives its Future, which may be dropped: its error belongs to the group
  /// (asyncio.TaskGroup.create_task). In a cancelled group the child is cancelled at its first checkpoint.
  template <class T>
  Future<T> spawn(Task<T> task, SpawnOptions options = {}, std::source_location at = std::source_location::current()) {
    return detail::spawn_in(nursery_, home("TaskGroup::spawn()"), std::move(task), options, at);
  }
  /// The same for anything else that can be awaited.
  template <detail::AwaitableButNoTask A>
  auto spawn(A&& awaitable, SpawnOptions options = {}, std::source_location at = std::source_location::current()) {
    return spawn(detail::as_task(std::forward<A>(awaitable)), options, at);
  }
  /// The same for the coroutine `f(args…)`; `f` and the arguments live as long as it.
  template <class F>
    requires detail::MakesTask<F>
  auto spawn(F&& f, SpawnOptions options = {}, std::source_location at = std::source_location::current()) {
    return spawn(detail::kept(std::forward<F>(f)), options, at);
  }
  template <class F, class A, class... Args>
    requires detail::MakesTask<F, A, Args...>
  auto spawn(F&& f, A&& first, Args&&... rest) {
    return spawn(detail::kept(std::forward<F>(f), std::forward<A>(first), std::forward<Args>(rest)...), {},
                 std::source_location{});
  }

  /// Starts a thread that calls the plain function `f(args…)` and is a child like any other: its Future is given, a
  /// cancel of the group reaches it at its next wait in an operation of Plait, and the group waits for its end. Throws
  /// std::system_error if there is no thread to be had.
  template <class F, class... Args>
  auto spawn_thread(F&& f, Args&&... args);
  /// The same in a process of its own (plait/process/spawn_process.hpp). A cancel of the group ends the process, by
  /// SIGTERM, and SIGKILL after its grace, and the group waits for its end.
  template <class F, class... Args>
  auto spawn_process(F&& f, Args&&... args);

  /// Cancels the body and all children. The block then ends without an error if none of them makes one.
  void cancel() {
    home("TaskGroup::cancel()");
    nursery_.scope.cancel();
  }
  bool cancel_called() const noexcept { return nursery_.scope.called(); }
  /// Waits until there are no children. For the group's body, as its last line, when children use its locals. Not a
  /// checkpoint; a cancel goes to the children, and they end. Throws nothing.
  [[nodiscard]] auto join() {
    home("TaskGroup::join()");
    return nursery_.join();
  }
  /// How many children have not ended.
  std::size_t size() const noexcept { return nursery_.live(); }

 private:
  template <class F, class T>
  friend Task<T> detail::run_group(F body);

  explicit TaskGroup(detail::Strand& strand) noexcept : home_(strand.scheduler) { nursery_.scope.enter(strand); }
  ~TaskGroup() { nursery_.scope.leave(); }
  detail::Scheduler& home(const char* operation) const;

  detail::Scheduler* home_;
  detail::GroupNursery nursery_;
};

namespace detail {

template <class F, class T>
Task<T> run_group(F body) {
  Strand& self = co_await CurrentStrand{};
  const void* at = self.record->awaits_at.load(std::memory_order_relaxed);
  Result<T> result;
  {
    TaskGroup group(self);
    std::exception_ptr cancelled;  // from elsewhere, so that it passes on
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::invoke(body, group);
      } else {
        result.set_value(co_await std::invoke(body, group));
      }
    } catch (const Cancelled&) {
      if (!group.nursery_.scope.catches()) cancelled = std::current_exception();
      group.nursery_.scope.cancel();
    } catch (...) {
      group.nursery_.failed(std::current_exception());
    }
    // A stranger may have spawned once more since the last child ended.
    while (group.size() != 0) co_await group.nursery_.join(at);
    group.nursery_.failures.raise_errors("with_task_group");
    if (cancelled) std::rethrow_exception(cancelled);
    // The body was through, but children were cancelled from outside: the block is not complete.
    if (group.nursery_.failures.cancelled() && group.nursery_.scope.cancelled_from_outside()) throw Cancelled{};
  }
  if constexpr (!std::is_void_v<T>) {
    if (!result.has_value()) {
      throw std::runtime_error("with_task_group: the group was cancelled before its body gave its value");
    }
    co_return result.take();
  }
}

}  // namespace detail

/// Runs the coroutine `body(group)` and does not return before all children of the group have ended, whatever they run
/// on (trio.open_nursery, asyncio.TaskGroup). Gives what the body gives. The first failure, of the body or of a child,
/// cancels all the rest; then everything that failed is thrown as one ExceptionGroup, even a single error. The locals
/// of the body die before its children end, unless its last line is `co_await group.join()`. On cancel: body and
/// children are cancelled and awaited; then Cancelled passes on, or the ExceptionGroup of what failed on the way.
template <class F>
  requires detail::IsTask<std::invoke_result_t<std::decay_t<F>&, TaskGroup&>>::value
[[nodiscard]] auto with_task_group(F&& body) {
  detail::refuse_twice_destroyed<F>();
  return detail::LocatedTask(detail::run_group<std::decay_t<F>>(std::forward<F>(body)));
}

}  // namespace plait
