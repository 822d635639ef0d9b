// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <optional>
#include <type_traits>
#include <utility>

#include "plait/core/current_strand.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/core/located_task.hpp"
#include "plait/core/temporary.hpp"
#include "plait/sched/deadline_scope.hpp"

namespace plait {
namespace detail {

/// What a block gives that may end early: nothing more than whether it was completed, or its value.
template <class T>
using MaybeOf = std::conditional_t<std::is_void_v<T>, bool, std::optional<std::decay_t<T>>>;

/// Awaits an operation until a limit: a TimePoint, or a Duration that begins when this runs.
template <class Limit, class A>
Task<AwaitResult<A>> time_out(Limit limit, A awaitable) {
  Strand& self = co_await CurrentStrand{};
  const void* at = self.record->awaits_at.load(std::memory_order_relaxed);
  DeadlineScope scope(self, limit);
  try {
    AtLine<A> operation(awaitable, at);
    co_return co_await operation;
  } catch (const Cancelled&) {
    if (!scope.catches()) throw;
  }
  throw TimeoutError();
}

template <class Limit, class A>
Task<MaybeOf<AwaitResult<A>>> move_on(Limit limit, A awaitable) {
  Strand& self = co_await CurrentStrand{};
  const void* at = self.record->awaits_at.load(std::memory_order_relaxed);
  DeadlineScope scope(self, limit);
  try {
    AtLine<A> operation(awaitable, at);
    if constexpr (std::is_void_v<AwaitResult<A>>) {
      co_await operation;
      co_return true;
    } else {
      co_return co_await operation;
    }
  } catch (const Cancelled&) {
    if (!scope.catches()) throw;
  }
  co_return MaybeOf<AwaitResult<A>>();
}

}  // namespace detail

/// Awaits `awaitable` at most for `span` (asyncio.timeout): gives its value, or cancels it and throws TimeoutError.
/// Goes round anything that can be awaited; in a thread, `sync_wait(timeout(1s, queue.get()))`. An lvalue is awaited
/// where it is. The span begins when the timeout is awaited; zero or less cancels at the first checkpoint. A value that
/// was there already is returned even when the deadline has passed. On cancel from outside: what is awaited is
/// cancelled, and Cancelled passes on, also if the deadline passed as well.
template <class Rep, class Period, detail::Awaitable A>
auto timeout(std::chrono::duration<Rep, Period> span, A&& awaitable) {
  detail::refuse_twice_destroyed<A>();
  return detail::LocatedTask(
      detail::time_out<Duration, detail::Held<A>>(detail::to_duration(span), std::forward<A>(awaitable)));
}
/// The same with a deadline on the clock of `plait::now()` (asyncio.timeout_at).
template <detail::Awaitable A>
auto timeout_at(TimePoint deadline, A&& awaitable) {
  detail::refuse_twice_destroyed<A>();
  return detail::LocatedTask(detail::time_out<TimePoint, detail::Held<A>>(deadline, std::forward<A>(awaitable)));
}

/// Awaits `awaitable` at most for `span` and gives its value as a std::optional, empty if it was cancelled by the
/// deadline (trio.move_on_after). For an awaitable without a value: true if it was completed. Else as `timeout`.
template <class Rep, class Period, detail::Awaitable A>
auto move_on_after(std::chrono::duration<Rep, Period> span, A&& awaitable) {
  detail::refuse_twice_destroyed<A>();
  return detail::LocatedTask(
      detail::move_on<Duration, detail::Held<A>>(detail::to_duration(span), std::forward<A>(awaitable)));
}
/// The same with a deadline on the clock of `plait::now()` (trio.move_on_at).
template <detail::Awaitable A>
auto move_on_at(TimePoint deadline, A&& awaitable) {
  detail::refuse_twice_destroyed<A>();
  return detail::LocatedTask(detail::move_on<TimePoint, detail::Held<A>>(deadline, std::forward<A>(awaitable)));
}

}  // namespace plait
