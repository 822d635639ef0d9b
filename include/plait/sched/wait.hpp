// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <ranges>
#include <vector>

#include "plait/core/future.hpp"
#include "plait/core/located_task.hpp"
#include "plait/sched/future_watcher.hpp"

namespace plait {

/// When `wait` has waited enough (the constants of concurrent.futures.wait). `first_exception`: at the first error,
/// else when all are done; to be cancelled is no error.
enum class ReturnWhen : unsigned char { all_completed, first_completed, first_exception };

/// What `wait` gives: places in its range.
struct Waited {
  std::vector<std::size_t> done;     ///< In the order in which it saw them done.
  std::vector<std::size_t> pending;  ///< The others, in the order of the range.
};

namespace detail {

Task<Waited> wait_for_futures(std::vector<FutureStateBase*> futures, ReturnWhen until);

}  // namespace detail

/// Waits for Futures, of tasks on any loop or of threads, and cancels none of them (asyncio.wait,
/// concurrent.futures.wait). The range is an lvalue and stays as it is until the wait is over. Errors are not thrown:
/// ask each Future. An empty range gives at once. On cancel: the waiting ends; the futures go on.
template <std::ranges::input_range R>
  requires requires(std::ranges::range_reference_t<R> f) { f.state(); }
[[nodiscard]] auto wait(R& futures, ReturnWhen until = ReturnWhen::all_completed) {
  std::vector<detail::FutureStateBase*> states;
  for (auto& future : futures) {
    if (!future.valid()) detail::refuse_empty_future();
    states.push_back(future.state());
  }
  return detail::LocatedTask(detail::wait_for_futures(std::move(states), until));
}

}  // namespace plait
