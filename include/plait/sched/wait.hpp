// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "plait/core/future.hpp"
#include "plait/core/located_task.hpp"
#include "plait/sched/future_watcher.hpp"

namespace plait {

/// When `wait` has waited enough (the constants of concurrent.futures.wait). `first_exception`: at the first error,
/// else when all are done; to be cancelled is no error.
enum class Until : unsigned char { all_completed, first_completed, first_exception };

/// How `wait` waits. Trivially destructible.
struct WaitOptions {
  /// At most so long, from when the wait is awaited; zero or less looks only. Default: for ever.
  Duration timeout = Duration::max();
  /// What ends it before.
  Until until = Until::all_completed;
};

/// What `wait` gives: places among its arguments or in its range (Python's sets `done` and `not_done`).
struct Waited {
  std::vector<std::size_t> done;     ///< In the order in which it saw them done.
  std::vector<std::size_t> pending;  ///< The others, in the order of the range.
};

namespace detail {

Task<Waited> wait_for_futures(std::vector<FutureStateBase*> futures, WaitOptions options);

}  // namespace detail

/// Waits for Futures, of tasks on any loop, of threads, of pools, and cancels none of them (asyncio.wait,
/// concurrent.futures.wait): `co_await` it, or `sync_wait` in a thread. All that are done when it ends are in
/// `Waited::done`. The Futures stay as they are until the wait is over. Neither their errors nor the timeout are
/// thrown: ask each Future. An empty range gives at once; an empty Future is a std::logic_error. On cancel: the waiting
/// ends; the Futures go on.
template <detail::FutureRange R>
[[nodiscard]] auto wait(WaitOptions options, R&& futures) {
  return detail::LocatedTask(detail::wait_for_futures(detail::states_of(futures), options));
}
/// The same without limit, for all.
template <detail::FutureRange R>
[[nodiscard]] auto wait(R&& futures) {
  return plait::wait(WaitOptions{}, futures);
}
/// The same for single Futures, also of different types.
template <detail::AnyFuture... F>
  requires(sizeof...(F) > 0)
[[nodiscard]] auto wait(WaitOptions options, F&... futures) {
  std::vector<detail::FutureStateBase*> states;
  (states.push_back(&detail::state_of(futures)), ...);
  return detail::LocatedTask(detail::wait_for_futures(std::move(states), options));
}
template <detail::AnyFuture... F>
  requires(sizeof...(F) > 0)
[[nodiscard]] auto wait(F&... futures) {
  return plait::wait(WaitOptions{}, futures...);
}

}  // namespace plait
