// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

#include "plait/core/current_strand.hpp"
#include "plait/core/located_task.hpp"
#include "plait/core/temporary.hpp"
#include "plait/sched/deadline_scope.hpp"

namespace plait {
namespace detail {

template <class A>
Task<AwaitResult<A>> shielded(A awaitable) {
  Strand& self = co_await CurrentStrand{};
  const void* at = self.record->awaits_at.load(std::memory_order_relaxed);
  DeadlineScope scope(self, kNever, true);
  AtLine<A> operation(awaitable, at);
  co_return co_await operation;
}

}  // namespace detail

/// Awaits `awaitable` hidden from every cancel from outside (trio's shielded scope): it is carried to its end, its
/// value is given, and the next checkpoint after it throws. Unlike asyncio.shield, nobody goes on before it has ended.
/// Give it a timeout of its own inside: `shield(timeout(1s, …))`.
template <detail::Awaitable A>
auto shield(A&& awaitable) {
  detail::refuse_twice_destroyed<A>();
  return detail::LocatedTask(detail::shielded<detail::Held<A>>(std::forward<A>(awaitable)));
}

}  // namespace plait
