// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <thread>

namespace plait::test {

/// Waits for a flag without any of Plait's own means, so that the thread is neither asleep nor cancelled meanwhile.
inline void spin_until(const std::atomic<bool>& flag) {
  while (!flag) std::this_thread::yield();
}

}  // namespace plait::test
