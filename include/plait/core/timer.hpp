// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/base/intrusive_list.hpp"
#include "plait/base/time.hpp"

namespace plait::detail {

/// A node of a scheduler's timer wheel. Unlinked: not armed. Belongs to the scheduler's thread.
struct Timer : Link {
  TimePoint deadline{};
  /// Called on the scheduler's thread, once, never before the deadline; the timer is unlinked by then.
  void (*fire)(Timer&) noexcept = nullptr;
  /// What firing will touch, or null: the wheel brings it into the cache shortly before.
  const void* fires_at = nullptr;
};

}  // namespace plait::detail
