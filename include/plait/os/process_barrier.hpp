// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/base/atomic.hpp"

namespace plait::os {

/// One half of an asymmetric fence: who passes `light_barrier` often pays nothing, who calls `process_barrier` rarely
/// pays a system call (membarrier(2), private expedited) that orders all running threads of the process. Of two
/// threads that each store, pass their half and load, at least one sees the other's store. Where the kernel has no
/// membarrier, both are full fences.
void process_barrier() noexcept;

namespace detail {
/// Set while the library is loaded, before there are threads; then constant.
extern constinit Atomic<bool> asymmetric;
}  // namespace detail

/// The other half.
inline void light_barrier() noexcept {
  if (detail::asymmetric.load(std::memory_order_relaxed)) [[likely]] {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    // An exchange and not a fence, which ThreadSanitizer does not know.
    static constinit Atomic<int> word{0};
    word.exchange(0, std::memory_order_seq_cst);
  }
}

}  // namespace plait::os
