// SPDX-License-Identifier: BSL-1.0
#include "plait/os/process_barrier.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace plait::os {
namespace detail {

constinit Atomic<bool> asymmetric{false};

}  // namespace detail

namespace {

bool call(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0) == 0; }

[[maybe_unused]] const bool registered = [] {
  const bool granted = call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  detail::asymmetric.store(granted, std::memory_order_relaxed);
  return granted;
}();

}  // namespace

void process_barrier() noexcept {
  if (detail::asymmetric.load(std::memory_order_relaxed) && call(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  static constinit Atomic<int> word{0};
  word.exchange(0, std::memory_order_seq_cst);
}

}  // namespace plait::os
