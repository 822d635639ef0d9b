// SPDX-License-Identifier: BSL-1.0
//
// Idea. One word: the number of free permits, or a mark that strands queue for the next one. As long as nobody queues,
// taking and giving back are one compare-and-swap each. With waiters a permit never becomes free: it is handed to the
// first of them under the lock, so a running strand that comes by finds the mark and queues behind them.
//
// Invariants. 1. The word is the mark exactly as long as the queue is not empty (but for the instants inside a locked
// section). 2. Whoever unlinks a waiter under the lock has decided its claim.
#include "plait/sync/semaphore.hpp"

#include <mutex>
#include <string>

#include "plait/base/contract.hpp"
#include "plait/sync/chosen.hpp"

namespace plait {

Semaphore::Semaphore(std::ptrdiff_t permits, std::ptrdiff_t limit) : word_(permits), limit_(limit) {
  if (permits < 0) detail::misuse("Semaphore: " + std::to_string(permits) + " permits; it takes 0 or more.");
}

Semaphore::~Semaphore() {
  // The lock is waited for: who served the last waiter may still be about to let go of it.
  std::scoped_lock guard(lock_);
  if (queue_.empty()) [[likely]]
    return;
  detail::fail("a Semaphore was destroyed with " + std::to_string(queue_.size()) +
               " waiter(s); a Semaphore must outlive those who wait for it: cancel or serve them first.");
}

void Semaphore::refuse(std::ptrdiff_t n) const {
  if (n < 1) detail::misuse("Semaphore::release(" + std::to_string(n) + "): the number must be positive.");
  detail::misuse("Semaphore::release(" + std::to_string(n) + "): with " + std::to_string(value()) +
                 " free, more permits would be free than the " + std::to_string(limit_) +
                 " that there may be; release only what was acquired.");
}

/// Serves waiters; `n` becomes what is left. False: nobody waits any more, and the rest is still to be added.
bool Semaphore::hand_out(std::ptrdiff_t& n) {
  detail::Chosen chosen;
  bool more = false;
  do {
    {
      std::scoped_lock guard(lock_);
      if (word_.load(std::memory_order_relaxed) != kWaiters) return false;
      for (; n > 0 && !chosen.full() && !queue_.empty(); --n) chosen.add(*queue_.pop_front());
      more = n > 0 && !queue_.empty();  // read here: once the last waiter is granted, it may destroy the Semaphore
      if (queue_.empty()) word_.store(n, std::memory_order_release);
    }
    chosen.unpark();
  } while (more);
  return true;
}

/// False: a permit was free after all, and is taken.
bool Semaphore::enqueue(detail::Waiter& waiter) noexcept {
  std::scoped_lock guard(lock_);
  std::ptrdiff_t free = word_.load(std::memory_order_relaxed);
  while (free != kWaiters) {
    const std::ptrdiff_t next = free > 0 ? free - 1 : kWaiters;
    if (!word_.compare_exchange_weak(free, next, std::memory_order_acquire, std::memory_order_relaxed)) continue;
    if (next != kWaiters) return false;
    break;
  }
  queue_.push_back(waiter);
  return true;
}

bool Semaphore::withdraw(detail::Waiter& waiter) noexcept {
  std::scoped_lock guard(lock_);
  if (!waiter.linked()) return false;
  waiter.unlink();
  if (queue_.empty()) word_.store(0, std::memory_order_relaxed);
  return true;
}

Semaphore::Statistics Semaphore::statistics() const noexcept {
  std::scoped_lock guard(lock_);
  return {queue_.size(), value()};
}

}  // namespace plait
