// SPDX-License-Identifier: BSL-1.0
//
// Idea. A flag and a queue. A wait that finds the flag up is one load. `set` raises the flag and takes the whole queue
// onto its own stack in one step, so that it wakes who waited at that moment and nobody else, whatever happens to the
// flag meanwhile; then it grants in batches.
//
// Invariants. 1. The flag rises under the lock, and a waiter looks at it once more there before it queues: none is
// missed. 2. Links are guarded by the lock in either list, so that a waiter may withdraw while `set` is at work.
#include "plait/sync/event.hpp"

#include <mutex>
#include <string>

#include "plait/base/contract.hpp"
#include "plait/sync/chosen.hpp"

namespace plait {

Event::~Event() {
  // The lock is waited for: who woke the last waiter may still be about to let go of it.
  std::scoped_lock guard(lock_);
  if (queue_.empty()) [[likely]]
    return;
  detail::fail("an Event was destroyed with " + std::to_string(queue_.size()) +
               " waiter(s); an Event must outlive those who wait for it: set it and join them first.");
}

void Event::set() {
  detail::pass(detail::Point::primitive, this);
  detail::IntrusiveList<detail::Waiter, detail::Link> released;
  detail::Chosen chosen;
  bool more = false;
  {
    std::scoped_lock guard(lock_);
    // Release pairs with the acquire in is_set().
    set_.store(true, std::memory_order_release);
    if (queue_.empty()) return;
    released.splice_back(queue_);
  }
  do {
    {
      std::scoped_lock guard(lock_);
      while (!chosen.full() && !released.empty()) chosen.add(*released.pop_front());
      more = !released.empty();  // read here: once the last waiter is granted, it may destroy the Event
    }
    chosen.unpark();
  } while (more);
}

bool Event::enqueue(detail::Waiter& waiter) noexcept {
  std::scoped_lock guard(lock_);
  if (set_.load(std::memory_order_relaxed)) return false;
  queue_.push_back(waiter);
  return true;
}

bool Event::withdraw(detail::Waiter& waiter) noexcept {
  std::scoped_lock guard(lock_);
  if (!waiter.linked()) return false;
  waiter.unlink();
  return true;
}

Event::Statistics Event::statistics() const noexcept {
  std::scoped_lock guard(lock_);
  return {queue_.size(), set_.load(std::memory_order_relaxed)};
}

}  // namespace plait
