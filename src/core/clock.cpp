// SPDX-License-Identifier: BSL-1.0
#include "plait/core/clock.hpp"

namespace plait {
namespace detail {

constinit Atomic<VirtualClock*> virtual_clock{nullptr};

}  // namespace detail

TimePoint now() noexcept {
  if (detail::VirtualClock* clock = detail::test_clock()) [[unlikely]]
    return clock->now();
  return std::chrono::steady_clock::now();
}

}  // namespace plait
