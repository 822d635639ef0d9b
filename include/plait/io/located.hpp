// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <source_location>

namespace plait::detail {

/// Awaits an operation inside the library on behalf of the user's line `at`, which the record of strands shows.
template <class Operation>
class Located {
 public:
  Located(Operation& operation, const std::source_location& at) noexcept : operation_(operation), at_(at) {}
  bool await_ready() const noexcept { return operation_.await_ready(); }
  template <class Promise>
  auto await_suspend(std::coroutine_handle<Promise> frame) {
    return operation_.await_suspend(frame, at_);
  }
  decltype(auto) await_resume() { return operation_.await_resume(); }

 private:
  Operation& operation_;
  std::source_location at_;
};

}  // namespace plait::detail
