// SPDX-License-Identifier: BSL-1.0
#include "plait/base/spin_lock.hpp"

#include <thread>

namespace plait::detail {

void yield_processor() noexcept { std::this_thread::yield(); }

void SpinLock::lock_slow() noexcept {
  for (int spins = 0;; ++spins) {
    // Relaxed reads keep the line shared while another core holds the lock; the exchange below acquires.
    while (held_.load(std::memory_order_relaxed)) {
      if (++spins < 64) {
        cpu_relax();
      } else {
        yield_processor();
      }
    }
    if (!held_.exchange(true, std::memory_order_acquire)) return;
  }
}

}  // namespace plait::detail
