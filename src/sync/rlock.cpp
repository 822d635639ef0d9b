// SPDX-License-Identifier: BSL-1.0
//
// Idea. A Lock, and beside it the strand that holds it and how often. A strand finds its own address there only if it
// put it there itself, so the question "is it mine?" needs neither the lock nor an order between threads.
//
// Invariants. 1. The owner is written by the strand that holds the Lock, when it goes on with it, and cleared before
// the Lock is released. So a grant that is on its way has no owner yet, and can be given back without regard to it
// [W10]. 2. Records are never returned to the system: their names can be read after the strand is gone.
#include "plait/sync/rlock.hpp"

#include <string>

#include "plait/base/contract.hpp"

namespace plait {

RLock::~RLock() {
  const Statistics s = statistics();
  if (!lock_.locked() && s.waiters == 0) [[likely]]
    return;
  detail::fail("an RLock was destroyed while it was held" + holder() + ", with " + std::to_string(s.waiters) +
               " waiter(s); an RLock must be free and without waiters when it dies.");
}

bool RLock::try_acquire() noexcept {
  detail::Strand& self = detail::Scheduler::current_strand();
  if (!held_by(self) && !lock_.try_acquire()) return false;
  enter(self);
  return true;
}

void RLock::release() {
  if (!held_by(detail::Scheduler::current_strand())) [[unlikely]] {
    detail::misuse(lock_.locked() ? "RLock::release(): the RLock is held" + holder() +
                                        ", and the caller is another strand; only its holder may release it."
                                  : "RLock::release(): the RLock is not held.");
  }
  const std::size_t depth = depth_.load(std::memory_order_relaxed) - 1;
  depth_.store(depth, std::memory_order_relaxed);
  if (depth != 0) return;
  owner_.store(nullptr, std::memory_order_relaxed);
  lock_.release();
}

void RLock::lock() {
  detail::Scheduler::refuse_to_block("RLock::lock()", "co_await acquire() or guard() instead.");
  lock_until(detail::kNever);
}

bool RLock::lock_until(TimePoint deadline) {
  detail::pass(detail::Point::primitive, this);
  detail::Strand& self = detail::this_thread_strand();
  if (!held_by(self) && !lock_.try_acquire() && !lock_.lock_slow(deadline)) return false;
  enter(self);
  return true;
}

/// By the strand that holds the Lock.
void RLock::enter(detail::Strand& strand) noexcept {
  owner_.store(strand.principal, std::memory_order_relaxed);
  record_.store(strand.principal->record, std::memory_order_relaxed);
  depth_.store(depth_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

/// " by NAME", if it is held by a strand with a name.
std::string RLock::holder() const {
  const std::string name = statistics().holder;
  return name.empty() ? name : " by \"" + name + '"';
}

RLock::Statistics RLock::statistics() const {
  Statistics s{lock_.statistics().waiters, depth_.load(std::memory_order_relaxed)};
  const detail::StrandRecord* record = record_.load(std::memory_order_relaxed);
  if (s.depth != 0 && record) s.holder = detail::name_of(*record);
  return s;
}

}  // namespace plait
