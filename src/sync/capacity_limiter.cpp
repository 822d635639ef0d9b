// SPDX-License-Identifier: BSL-1.0
//
// Idea. Two numbers, the set of borrowers, and a queue, under one lock. Whoever gives a token back, or adds tokens,
// serves the queue before it lets go of the lock, so that a free token and a waiter are never seen together. The set is
// a hash table with open addressing, sized where tokens are added and nowhere else: to borrow, to give back and to be
// cancelled allocate nothing and cannot fail.
//
// Invariants, whenever the lock is free. 1. The queue is empty, or `borrowed_ >= total_`. 2. The table has
// `borrowed_` entries, one for each strand with a token, be it granted and not yet running, and at least as many free
// slots.
#include "plait/sync/capacity_limiter.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>

#include "plait/base/contract.hpp"
#include "plait/sync/chosen.hpp"

namespace plait {

CapacityLimiter::CapacityLimiter(std::size_t total_tokens) { this->total_tokens(total_tokens); }

CapacityLimiter::~CapacityLimiter() {
  // The lock is waited for: who served the last waiter may still be about to let go of it.
  std::scoped_lock guard(lock_);
  if (queue_.empty()) [[likely]]
    return;
  detail::fail("a CapacityLimiter was destroyed with " + std::to_string(queue_.size()) +
               " waiter(s); a CapacityLimiter must outlive those who wait for it: cancel or serve them first.");
}

void CapacityLimiter::total_tokens(std::size_t total) {
  if (total > std::numeric_limits<std::size_t>::max() / 64) {
    detail::misuse("CapacityLimiter: " + std::to_string(total) + " tokens are too many to keep a list of borrowers.");
  }
  std::vector<Borrower> slots(std::bit_ceil(std::max<std::size_t>(2 * total, 8)));
  {
    std::scoped_lock guard(lock_);
    total_ = total;
    if (slots.size() > slots_.size()) {
      slots.swap(slots_);
      for (const Borrower one : slots) {
        if (one != 0) put(one);
      }
    }
  }
  grant_free_tokens();
}

/// Serves the queue, in batches.
void CapacityLimiter::grant_free_tokens() {
  detail::Chosen chosen;
  bool more = false;
  do {
    {
      std::scoped_lock guard(lock_);
      for (; borrowed_ < total_ && !chosen.full() && !queue_.empty(); ++borrowed_) {
        detail::Waiter& waiter = *queue_.pop_front();
        put(id_of(*waiter.strand));
        chosen.add(waiter);
      }
      more = borrowed_ < total_ && !queue_.empty();
    }
    chosen.unpark();
  } while (more);
}

CapacityLimiter::Borrower CapacityLimiter::id_of(const detail::Strand& strand) noexcept {
  const detail::Strand& principal = *strand.principal;
  const std::uint64_t id = principal.record->id.load(std::memory_order_relaxed);
  // Strands without a record of their own have no id: they go by their address, which is no id of others.
  return id != 0 ? id : ~static_cast<Borrower>(reinterpret_cast<std::uintptr_t>(&principal));
}

bool CapacityLimiter::try_borrow(Borrower borrower) {
  detail::pass(detail::Point::primitive, this);
  std::scoped_lock guard(lock_);
  if (slots_[slot_of(borrower)] != 0) [[unlikely]] {
    detail::misuse("CapacityLimiter::acquire(): the strand has a token already; a strand has one at most.");
  }
  if (!may_borrow()) return false;
  put(borrower);
  ++borrowed_;
  return true;
}

void CapacityLimiter::give_back(Borrower borrower) {
  detail::pass(detail::Point::primitive, this);
  detail::Strand* next = nullptr;
  {
    std::scoped_lock guard(lock_);
    const std::size_t slot = slot_of(borrower);
    if (slots_[slot] == 0) [[unlikely]]
      detail::misuse("CapacityLimiter::release(): the strand has no token; only who borrowed one gives it back.");
    erase(slot);
    --borrowed_;
    if (borrowed_ < total_ && !queue_.empty()) {
      detail::Waiter& waiter = *queue_.pop_front();
      put(id_of(*waiter.strand));
      ++borrowed_;
      next = &waiter.choose();
    }
  }
  if (next) next->unpark();
}

/// False: a token was free after all, and is borrowed.
bool CapacityLimiter::enqueue(detail::Waiter& waiter) noexcept {
  std::scoped_lock guard(lock_);
  if (may_borrow()) {
    put(id_of(*waiter.strand));
    ++borrowed_;
    return false;
  }
  queue_.push_back(waiter);
  return true;
}

bool CapacityLimiter::withdraw(detail::Waiter& waiter) noexcept {
  std::scoped_lock guard(lock_);
  if (!waiter.linked()) return false;
  waiter.unlink();
  return true;
}

std::size_t CapacityLimiter::available_tokens() const noexcept {
  const Statistics s = statistics();
  return s.total_tokens - std::min(s.total_tokens, s.borrowed_tokens);
}

CapacityLimiter::Statistics CapacityLimiter::statistics() const noexcept {
  std::scoped_lock guard(lock_);
  return {total_, borrowed_, queue_.size()};
}

/// Where the borrower is in the table, or would be put. Under the lock.
std::size_t CapacityLimiter::slot_of(Borrower borrower) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  // Fibonacci hashing: the upper half of the product is well mixed, ids are not.
  std::size_t slot = ((borrower * 0x9e3779b97f4a7c15u) >> 32) & mask;
  while (slots_[slot] != 0 && slots_[slot] != borrower) slot = (slot + 1) & mask;
  return slot;
}

void CapacityLimiter::put(Borrower borrower) noexcept { slots_[slot_of(borrower)] = borrower; }

/// Frees a slot, and puts those behind it, which may have been pushed on by it, where they belong.
void CapacityLimiter::erase(std::size_t slot) noexcept {
  const std::size_t mask = slots_.size() - 1;
  slots_[slot] = 0;
  for (std::size_t at = (slot + 1) & mask; slots_[at] != 0; at = (at + 1) & mask) {
    put(std::exchange(slots_[at], 0));
  }
}

}  // namespace plait
