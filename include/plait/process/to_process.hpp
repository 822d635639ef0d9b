// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include "plait/core/child_wait.hpp"
#include "plait/core/located_task.hpp"
#include "plait/process/process_pool.hpp"

namespace plait {
namespace detail {

/// The pool of `to_process`: as many processes as processors may be used. The end of the program waits for its calls.
ProcessPool& process_pool_for_all();

template <class R>
Task<R> call_in_pool(std::unique_ptr<ProcessCall<R>> call) {
  Future<R> result = process_pool_for_all().start(std::move(call));
  ChildWait<R> wait(*result.state());
  co_return co_await wait;
}

}  // namespace detail

/// Awaits a call of `f(args…)` in another process, of a pool that all share, and gives its result or throws its
/// exception: `co_await to_process(f, args…)`; in a plain thread `sync_wait` does. What can't cross is refused by the
/// compiler. The arguments are taken now, the call is made when it is awaited. On cancel: a call that runs is ended
/// with its process, and awaited. Throws as ProcessPool::submit.
template <class F, class... Args>
  requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
[[nodiscard]] auto to_process(F&& f, Args&&... args) {
  detail::refuse_twice_destroyed<F, Args...>();
  auto call = detail::process_pool_for_all().prepare(std::forward<F>(f), std::forward<Args>(args)...);
  return detail::LocatedTask(detail::call_in_pool(std::move(call)));
}

}  // namespace plait
