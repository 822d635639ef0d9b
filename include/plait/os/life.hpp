// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "plait/base/atomic.hpp"

namespace plait::os {

/// A word in shared memory that a thread holds until it ends, and that the kernel marks then, by whatever cause, and
/// wakes a waiter of (a robust futex, set_robust_list(2)). All zeroes: nobody ever held it.
struct Life {
  void* link = nullptr;           ///< The kernel's, in the holder's process.
  Atomic<std::uint32_t> word{0};  ///< Of the kernel's form: the holder's thread id, and bits.

  /// Somebody holds it.
  static bool is_held(std::uint32_t word) noexcept { return (word & 0x3FFFFFFFU) != 0; }
};

/// The calling thread holds `life` from now on, until it ends; false if somebody else does. At most one for each
/// process, in a thread of its own that uses no robust mutex of pthreads.
bool hold_for_life(Life& life) noexcept;

/// After the death of a process was seen in a Life: returns once none of its threads can write any more. Another thread
/// of it may have run on for a moment on another processor. Takes milliseconds (membarrier(2), global).
void await_last_writes() noexcept;

/// Starts a thread that nobody joins, with all signals blocked. Throws std::system_error.
void start_hidden_thread(const char* name, void (*body)(void*), void* argument);

}  // namespace plait::os
