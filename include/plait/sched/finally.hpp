// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include "plait/core/current_strand.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/core/located_task.hpp"
#include "plait/core/temporary.hpp"
#include "plait/sched/deadline_scope.hpp"
#include "plait/sched/spawn.hpp"

namespace plait {

/// How long a clean-up may wait when nothing else is said.
inline constexpr Duration kCleanUpGrace = std::chrono::seconds(30);

namespace detail {

/// Which error a block with a clean-up ends with: both of them if both failed, the other's if one was merely cancelled.
/// Null: none.
std::exception_ptr error_of_both(std::exception_ptr body, std::exception_ptr cleanup);

/// Runs a clean-up shielded until `grace` has passed; what it failed with, a TimeoutError then.
template <class Cleanup>
Task<std::exception_ptr> clean_up(Cleanup& cleanup, Duration grace) {
  Strand& self = co_await CurrentStrand{};
  DeadlineScope scope(self, add(now(), grace), true);
  try {
    co_await std::invoke(cleanup);
    co_return nullptr;
  } catch (const Cancelled&) {
    if (!scope.catches()) co_return std::current_exception();
  } catch (...) {
    co_return std::current_exception();
  }
  co_return std::make_exception_ptr(TimeoutError("finally: the clean-up did not end within its grace period"));
}

template <class Body, class Cleanup, class T = typename std::invoke_result_t<Body&>::value_type>
Task<T> run_finally(Body body, Cleanup cleanup, Duration grace) {
  Result<T> result;
  std::exception_ptr failed;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::invoke(body);
      result.set_value();
    } else {
      result.set_value(co_await std::invoke(body));
    }
  } catch (...) {
    failed = std::current_exception();
  }
  std::exception_ptr second = co_await clean_up(cleanup, grace);
  if (std::exception_ptr error = error_of_both(std::move(failed), std::move(second))) {
    std::rethrow_exception(std::move(error));
  }
  co_return result.take();
}

}  // namespace detail

/// Runs the coroutine `body()` and then, whatever ended it, the coroutine `cleanup()`: C++ has no `finally`, and can't
/// `co_await` in a handler or a destructor. The clean-up is shielded from every cancel from outside, and is cancelled
/// itself after `grace`. Gives what the body gives, or throws what it threw. If the clean-up fails, its error is
/// thrown, in an ExceptionGroup with the body's if there was one; a Cancelled of the body gives way to it. Both
/// callables are kept alive as long as their coroutines.
template <class Body, class Cleanup>
  requires detail::MakesTask<Body> && detail::MakesTask<Cleanup>
auto finally(Body&& body, Cleanup&& cleanup, Duration grace = kCleanUpGrace) {
  detail::refuse_twice_destroyed<Body, Cleanup>();
  return detail::LocatedTask(detail::run_finally<std::decay_t<Body>, std::decay_t<Cleanup>>(
      std::forward<Body>(body), std::forward<Cleanup>(cleanup), grace));
}

}  // namespace plait
