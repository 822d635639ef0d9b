// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

#include "plait/sync/capacity_limiter.hpp"
#include "plait/thread/blocking_call.hpp"
#include "plait/thread/inline_strand.hpp"

namespace plait::detail {

/// A limiter's token for one call, borrowed by nobody but the call (trio's placeholder): who makes it may have one of
/// its own, and an abandoned call keeps its token until it has returned.
class LimiterTicket final : private InlineStrand {
 public:
  LimiterTicket(CapacityLimiter& limiter, BlockingCall& call) noexcept : borrowing_(limiter.acquire()), call_(call) {
    borrowing_.strand = this;
  }

  /// True: the token is there. False: the call is told by `has_token` when it is; perhaps it was already.
  bool get() { return borrowing_.try_now() || !borrowing_.enqueue(); }
  /// True: it will never come.
  bool withdraw() noexcept { return borrowing_.withdraw(); }
  void give_back() noexcept { borrowing_.give_back(); }

 private:
  void resumed() noexcept override { call_.has_token(); }

  decltype(std::declval<CapacityLimiter&>().acquire()) borrowing_;
  BlockingCall& call_;
};

}  // namespace plait::detail
