// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <span>

#include "plait/base/atomic.hpp"
#include "plait/base/time.hpp"

namespace plait::os {

/// Waits while `word` is `expected`, until `deadline` (`TimePoint::max()`: no limit), a wake-up, or no reason at all
/// (futex(2), private). False if the deadline passed.
bool futex_wait(Atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept;

/// Wakes at most `count` waiters of `word`, whose memory may already be gone.
void futex_wake(Atomic<std::uint32_t>& word, int count) noexcept;

/// A word to wait for together with others.
struct FutexWord {
  /// Where it is.
  Atomic<std::uint32_t>* word = nullptr;
  /// What it holds as long as there is a reason to wait.
  std::uint32_t expected = 0;
  bool shared = false;  ///< Other processes wake it.
};
/// The most words that can be waited for together.
inline constexpr std::size_t kMostFutexWords = 128;

/// Waits while each word is as expected, until `deadline`, a wake-up of any, or no reason at all (futex_waitv(2)). On
/// kernels before 5.16 it sees a wake-up of the first shared word at once, and of the others within 50 ms.
void futex_wait_any(std::span<const FutexWord> words, TimePoint deadline) noexcept;

/// Wakes at most `count` waiters of a word in memory shared by processes; how many it woke.
int futex_wake_shared(Atomic<std::uint32_t>& word, int count) noexcept;

/// The kernel's id of the calling thread (gettid(2)).
int thread_id() noexcept;

/// Processors that this process may run on, at least 1 (sched_getaffinity(2)).
int processor_count() noexcept;

}  // namespace plait::os
