// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <type_traits>
#include <utility>

#include "plait/core/async_generator.hpp"
#include "plait/sched/finally.hpp"

namespace plait {
namespace detail {

template <class T, class F, class R = typename std::invoke_result_t<F&, AsyncGenerator<T>&>::value_type>
Task<R> close_after(AsyncGenerator<T> generator, F body, Duration grace) {
  const auto use = [&]() -> Task<R> { co_return co_await std::invoke(body, generator); };
  const auto close = [&]() -> Task<> { co_await generator.aclose(); };
  co_return co_await finally(use, close, grace);
}

}  // namespace detail

/// Runs `body(generator)` and closes the generator after it, whatever ended it (contextlib.aclosing): its clean-up is
/// awaited, as by `finally`: shielded from cancels, for `grace` at most, and its error joins that of the body. Gives
/// what the body gives.
template <class T, class F>
auto closing(AsyncGenerator<T> generator, F&& body, Duration grace = kCleanUpGrace) {
  detail::refuse_twice_destroyed<F>();
  return detail::LocatedTask(
      detail::close_after<T, std::decay_t<F>>(std::move(generator), std::forward<F>(body), grace));
}

}  // namespace plait
