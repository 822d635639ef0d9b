// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>

#include "plait/core/exceptions.hpp"
#include "plait/core/strand.hpp"

namespace plait::detail {

/// `co_await Checkpoint{}`, for what waits for nothing: throws Cancelled if the strand is cancelled. Never suspends.
struct Checkpoint {
  bool cancelled = false;
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame) noexcept {
    cancelled = frame.promise().strand->cancelled();
    return false;
  }
  void await_resume() const {
    if (cancelled) throw Cancelled{};
  }
};

}  // namespace plait::detail
