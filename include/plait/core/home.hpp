// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/base/atomic.hpp"
#include "plait/base/spin_lock.hpp"

namespace plait::detail {

/// Takes the place of the home thread where strands have none: on a pool, whose workers run them side by side. Guards
/// what only the home may touch: scopes, nurseries, timers [W12]. Recursive. Held for a walk through a cancelled tree
/// at most; whoever holds it may take a strand's wait lock and then a primitive's own, never the other way round.
class HomeLock {
 public:
  void lock() noexcept;
  void unlock() noexcept;

 private:
  SpinLock lock_;
  /// The holder, by the address of a thread-local. Only the holder can find its own.
  Atomic<const void*> holder_{nullptr};
  unsigned depth_ = 0;
};

/// Holds a home for a block; nothing where the home is a thread (null).
class HomeGuard {
 public:
  explicit HomeGuard(HomeLock* home) noexcept : home_(home) {
    if (home_) [[unlikely]]
      home_->lock();
  }
  ~HomeGuard() {
    if (home_) [[unlikely]]
      home_->unlock();
  }
  HomeGuard(const HomeGuard&) = delete;
  HomeGuard& operator=(const HomeGuard&) = delete;

 private:
  HomeLock* const home_;
};

}  // namespace plait::detail
