// SPDX-License-Identifier: BSL-1.0
#include "plait/core/home.hpp"

namespace plait::detail {
namespace {

[[gnu::tls_model("initial-exec")]] constinit thread_local char mark = 0;

}  // namespace

void HomeLock::lock() noexcept {
  const void* self = &mark;
  // Relaxed: it is our own address only if this thread stored it, and then it holds the lock.
  if (holder_.load(std::memory_order_relaxed) != self) {
    lock_.lock();
    holder_.store(self, std::memory_order_relaxed);
  }
  ++depth_;
}

void HomeLock::unlock() noexcept {
  if (--depth_ != 0) return;
  holder_.store(nullptr, std::memory_order_relaxed);
  lock_.unlock();
}

}  // namespace plait::detail
