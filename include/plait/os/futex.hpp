// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "plait/base/atomic.hpp"
#include "plait/base/time.hpp"

namespace plait::os {

/// Waits while `word` is `expected`, until `deadline` (`TimePoint::max()`: no limit), a wake-up, or no reason at all
/// (futex(2), private). False if the deadline passed.
bool futex_wait(Atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept;

/// Wakes at most `count` waiters of `word`, whose memory may already be gone.
void futex_wake(Atomic<std::uint32_t>& word, int count) noexcept;

/// The kernel's id of the calling thread (gettid(2)).
int thread_id() noexcept;

/// Processors that this process may run on, at least 1 (sched_getaffinity(2)).
int processor_count() noexcept;

}  // namespace plait::os
