// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <source_location>
#include <utility>

#include "plait/core/task.hpp"

namespace plait::detail {

/// A Task of a combinator. Who awaits it is recorded as waiting at their own line instead of one of the library, and
/// the combinator finds that line in its strand's record when it starts.
template <class T>
class LocatedTask : public Task<T> {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): a function that returns one may be a coroutine itself.
  LocatedTask(Task<T> task) noexcept : Task<T>(std::move(task)) {}

  class Awaiter : public Task<T>::Awaiter {
   public:
    using Task<T>::Awaiter::Awaiter;
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> caller,
                                          std::source_location at = std::source_location::current()) const noexcept {
      caller.promise().strand->record->awaits_at.store(address_of(at), std::memory_order_relaxed);
      return Task<T>::Awaiter::await_suspend(caller);
    }
  };

  Awaiter operator co_await() && noexcept { return Awaiter(this->frame()); }
};

template <class T>
struct IsTask<LocatedTask<T>> : std::true_type {};

}  // namespace plait::detail
