// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <ranges>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plait/core/executor.hpp"
#include "plait/core/temporary.hpp"
#include "plait/process/pool_order.hpp"
#include "plait/process/process_map.hpp"
#include "plait/process/process_state.hpp"
#include "plait/thread/thread_pool.hpp"

namespace plait {

/// How a ProcessPool is made. Trivially destructible, as options must be (docs/design/compilers.md).
struct ProcessPoolOptions {
  /// How many processes work at a time, 64 at most; 0: as many as processors may be used.
  int size = 0;
  /// Processes are named NAME-1, NAME-2 and so on; empty: "processes1-1" and so on. Copied.
  std::string_view name = {};
  /// Called in each new process before it works. If it throws, the pool is broken.
  void (*initializer)() = nullptr;
  /// A process that has made so many calls is replaced by a new one; 0: never (max_tasks_per_child).
  std::uint64_t max_tasks = 0;
  /// Between SIGTERM and SIGKILL for a process whose call is cancelled.
  Duration grace = kProcessGrace;
};

/// A pool of processes (ProcessPoolExecutor): calls are made by functions that cross to another process, a crash is
/// contained, and memory is its own. Processes are started as they are needed, up to the size, used again, and replaced
/// when they die. An Executor. docs/design/processes.md says how it works.
///
/// Leaving its scope waits for what was submitted, and cancels it if an exception is passing; on a loop
/// `co_await pool.close()` first, for there the destructor ends the program with a sentence. The end of the program
/// waits for the work of a static pool.
class ProcessPool {
 public:
  ProcessPool() : ProcessPool(ProcessPoolOptions{}) {}
  /// A pool of that size. Less than one is a std::logic_error.
  explicit ProcessPool(int size);
  explicit ProcessPool(ProcessPoolOptions options);
  ProcessPool(const ProcessPool&) = delete;
  ProcessPool& operator=(const ProcessPool&) = delete;
  ~ProcessPool();

  /// Has a process call `f(args…)`, which are copied over, and gives the Future of its result (Executor.submit). What
  /// can't cross is refused by the compiler. An exception comes back with its type where it is registered. If the
  /// process dies in the call, the Future fails with WorkerDied, and no other does. Cancelling the Future withdraws a
  /// call that has not begun; one that runs is ended with its process, by SIGTERM, and SIGKILL after the grace. Throws
  /// std::logic_error after `shutdown` or `close`, BrokenProcessPool if processes can't be started. Any thread, also on
  /// a loop.
  template <class F, class... Args>
    requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
  auto submit(F&& f, Args&&... args) {
    detail::refuse_twice_destroyed<F, Args...>();
    return start(prepare(std::forward<F>(f), std::forward<Args>(args)...));
  }

  /// Calls `f` for each element of `range` in the processes, and gives the results in the order of the range as they
  /// come (Executor.map): an input range for plain threads, `next()` for tasks. As ThreadPool::map, but elements and
  /// results are copied across.
  template <class F, std::ranges::input_range R>
  [[nodiscard]] auto map(F&& f, R&& range, MapOptions options = {}) {
    detail::refuse_twice_destroyed<F, R>();
    return ProcessMapResults<std::decay_t<F>, R>(*this, std::forward<F>(f), std::forward<R>(range), options);
  }

  /// Refuses new work, waits until all that was submitted has ended, and then until the processes are gone. On cancel:
  /// the waiting ends, the pool goes on closing.
  [[nodiscard]] Task<> close();
  /// The same for plain threads (Executor.shutdown). Again does no harm. Throws std::logic_error where it would wait on
  /// a loop's thread.
  void shutdown(ShutdownOptions options = {});

  /// How many processes work at most.
  int size() const noexcept;

  /// For the library: the first half of `submit`.
  template <class F, class... Args>
  auto prepare(F&& f, Args&&... args) {
    auto call = std::make_unique<detail::ProcessCall<detail::CallResult<F, Args...>>>(core_);
    detail::encode_call(call->message, std::forward<F>(f), std::forward<Args>(args)...);
    return call;
  }
  /// The second half.
  template <class R>
  Future<R> start(std::unique_ptr<detail::ProcessCall<R>> call) {
    submit(*call);
    return Future<R>(call.release());
  }

 private:
  void submit(detail::PoolOrder& order);

  std::shared_ptr<detail::ProcessPoolCore> core_;
  const int exceptions_;
};

}  // namespace plait
