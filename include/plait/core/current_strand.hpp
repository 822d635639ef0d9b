// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>

#include "plait/core/strand.hpp"

namespace plait::detail {

/// `co_await CurrentStrand{}`: the strand that runs this coroutine. Never suspends; not a checkpoint.
struct CurrentStrand {
  Strand* strand = nullptr;
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame) noexcept {
    strand = frame.promise().strand;
    return false;
  }
  Strand& await_resume() const noexcept { return *strand; }
};

}  // namespace plait::detail
