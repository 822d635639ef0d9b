// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <ranges>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plait/core/child_wait.hpp"
#include "plait/core/current_strand.hpp"
#include "plait/core/executor.hpp"
#include "plait/core/located_task.hpp"
#include "plait/core/temporary.hpp"
#include "plait/sched/spawn.hpp"
#include "plait/thread/broken_thread_pool.hpp"
#include "plait/thread/pool_call.hpp"
#include "plait/thread/pool_map.hpp"
#include "plait/thread/thread_state.hpp"

namespace plait {

/// How a ThreadPool is made. Trivially destructible, as options must be (docs/design/compilers.md).
struct ThreadPoolOptions {
  /// How many threads work at a time; 0: as many as processors may be used (the affinity mask, the cgroup's limit).
  int size = 0;
  /// Threads are named NAME-1, NAME-2 and so on; empty: "pool1", "pool2" and so on, one for each pool. Copied.
  std::string_view name = {};
  /// Called on each new thread before it works. What it throws is reported, and the pool is broken: calls that have not
  /// begun and later ones end with BrokenThreadPool, its tasks are cancelled.
  void (*initializer)() = nullptr;
};

/// How a pool is shut down.
struct ShutdownOptions {
  /// Wait until all that was submitted has ended and the threads are gone.
  bool wait = true;
  /// What has not begun is cancelled instead of done.
  bool cancel_futures = false;
};

namespace detail {

class PoolThreads;

}  // namespace detail

/// A pool of threads that steal work from each other (ThreadPoolExecutor): for calls (`submit`, `map`) and for tasks
/// that compute in parallel (`run`, `on`, with `gather` inside). Threads are started as they are needed, up to the
/// size, and sleep when there is nothing to do. An Executor. docs/design/pool.md says how it works.
///
/// Its tasks do I/O and timers, too: what would block waits on a loop of the pool's own, whose thread (NAME-io) comes
/// with the first such operation and is not counted in the size.
///
/// Leaving its scope waits for what was submitted, and cancels it if an exception is passing; on a loop
/// `co_await pool.close()` first, for there and on one of the pool's own threads the destructor ends the program with a
/// sentence. The end of the program does the same for a static pool.
class ThreadPool {
 public:
  ThreadPool() : ThreadPool(ThreadPoolOptions{}) {}
  /// A pool of that size. Less than one is a std::logic_error.
  explicit ThreadPool(int size);
  explicit ThreadPool(ThreadPoolOptions options);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  /// Has a worker call `f(args…)`, all copied or moved, and gives the Future of its result (Executor.submit). Calls
  /// begin in order, as far as there are workers for them; those that a worker submits, newest first. They may block,
  /// like any thread; to wait for the Future of another call of the pool makes that call in place if it has not begun,
  /// else a spare thread works meanwhile. Every other wait (`as_completed`, `wait`, a Lock, a socket) holds the call's
  /// place, so in a pool of one it must not be for another call. Cancelling the Future withdraws a call that has not
  /// begun, and makes one that runs throw Cancelled at its next wait. Throws std::logic_error after `shutdown` or
  /// `close`, std::system_error if the system has no thread to give for the first call. From any thread, also on a
  /// loop.
  template <class F, class... Args>
    requires detail::ThreadCallable<F, Args...>
  auto submit(F&& f, Args&&... args) {
    detail::refuse_twice_destroyed<F, Args...>();
    using R = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
    static_assert(!detail::IsTask<R>::value,
                  "ThreadPool::submit() calls a plain function; a coroutine: on(pool, f()).");
    using Call = detail::PoolCall<R, std::decay_t<F>, std::decay_t<Args>...>;
    auto call = std::make_unique<Call>(*scheduler_, std::forward<F>(f), std::forward<Args>(args)...);
    enqueue(*call);
    return Future<R>(call.release());
  }

  /// Calls `f` for each element of `range` on the workers, and gives the results in the order of the range as they come
  /// (Executor.map): an input range for plain threads, `next()` for tasks. Elements are taken from the range a limited
  /// number ahead, so it may be endless, and are handed out in chunks; `MapOptions` says how many. A container given as
  /// an rvalue is kept. `f` is shared by the workers. Errors: see MapResults.
  ///
  ///     for (double y : pool.map(f, xs)) use(y);
  template <class F, std::ranges::input_range R>
  [[nodiscard]] auto map(F&& f, R&& range, MapOptions options = {}) {
    detail::refuse_twice_destroyed<F, R>();
    return MapResults<ThreadPool, std::decay_t<F>, R>(*this, std::forward<F>(f), std::forward<R>(range), options);
  }

  /// In a plain thread: runs `task` on the pool's threads and gives its value or throws its exception. Tasks that it
  /// spawns, and the children of a `gather`, run there side by side. Throws std::logic_error on a loop's thread:
  /// `co_await on(pool, task)` there. A cancel of the thread cancels the task and waits for its end.
  template <class T>
  T run(Task<T> task, std::source_location at = std::source_location::current()) {
    detail::Scheduler::refuse_to_block("ThreadPool::run()", "co_await on(pool, task) instead.");
    Future<T> future = start(std::move(task), at);
    return detail::ChildWait<T>(*future.state()).wait();
  }

  /// Refuses new work, waits until all that was submitted has ended, and then until the threads are gone. On cancel:
  /// the waiting ends, the pool goes on closing. Throws std::logic_error on one of the pool's own threads.
  [[nodiscard]] Task<> close();
  /// The same for plain threads (Executor.shutdown). Again does no harm. Throws std::logic_error where it would wait on
  /// a loop's thread or one of the pool's own.
  void shutdown(ShutdownOptions options = {});

  /// How many threads work at most.
  int size() const noexcept;

  /// For the library: starts the root of a tree of tasks.
  template <class T>
  Future<T> start(Task<T> task, const std::source_location& at) {
    detail::TaskState<T>* state = nullptr;
    const bool taken = scheduler_->start([&]() -> detail::Work& {
      state = new detail::TaskState<T>(std::move(task), *scheduler_, scheduler_->tasks(), {}, at);
      state->context = detail::Scheduler::current_strand().context;
      return *state;
    });
    if (!taken) refuse();
    return Future<T>(state);
  }

 private:
  void enqueue(detail::PoolJob& job);
  [[noreturn]] void refuse() const;

  detail::PoolScheduler* scheduler_;
  std::unique_ptr<detail::PoolThreads> threads_;
  const int exceptions_;
};

/// Runs `task` on the pool's threads and comes back to the caller's loop or pool with its value or its exception. In a
/// task: `co_await on(pool, task)`. On cancel: the task is cancelled and awaited. Throws std::logic_error after the
/// pool was closed.
template <class T>
[[nodiscard]] detail::LocatedTask<T> on(ThreadPool& pool, Task<T> task) {
  detail::Strand& self = co_await detail::CurrentStrand{};
  const void* at = self.record->awaits_at.load(std::memory_order_relaxed);
  Future<T> child =
      pool.start(std::move(task), at ? __builtin_bit_cast(std::source_location, at) : std::source_location{});
  detail::ChildWait<T> operation(*child.state());
  detail::AtLine<detail::ChildWait<T>&> wait(operation, at);
  co_return co_await wait;
}

}  // namespace plait
