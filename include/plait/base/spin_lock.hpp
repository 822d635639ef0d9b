// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/base/atomic.hpp"

namespace plait::detail {

/// Tells the processor that this is a spin loop.
inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Gives the rest of the time slice away; for spin loops whose partner may have been preempted.
void yield_processor() noexcept;

/// Turn number `i` of a wait for somebody who is through in a moment, unless its processor was taken away.
inline void wait_turn(int i) noexcept { i % 64 == 0 ? yield_processor() : cpu_relax(); }

/// A one-byte lock for sections of a few instructions that never wait, allocate or call foreign code.
class SpinLock {
 public:
  void lock() noexcept {
    // Acquire pairs with the release in unlock(): the section before happens before this one.
    if (held_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      lock_slow();
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  void lock_slow() noexcept;
  Atomic<bool> held_{false};
};

}  // namespace plait::detail
