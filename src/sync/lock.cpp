// SPDX-License-Identifier: BSL-1.0
//
// Idea. One word and a queue. Uncontended, taking and releasing are one compare-and-swap each. A thread that finds the
// lock taken spins a little, then queues and parks. Release with waiters: a task at the front is handed the lock (it
// stays locked); a thread at the front is woken to try for itself, while running threads may barge, because a hand-over
// to a sleeping thread would leave the lock idle for the 25 µs and more that its core needs to wake up. A thread that
// was woken and barged out for 1 ms turns barging off.
//
// A hand-over settles the claim under the queue lock and makes the strand ready after it, so that a cancel that comes
// before the strand goes on can release the lock again [W10].
//
// Invariants. 1. Free with waiters implies kWoken: somebody is on the way. 2. A waiter is in the queue until it holds
// the lock or withdraws; whoever unlinks it under the queue lock has decided. 3. kWoken and kStarving speak of the
// first waiter.
//
// Source: the fairness is that of Go's sync.Mutex (1 ms, starvation mode), extended by strict hand-over to tasks.
#include "plait/sync/lock.hpp"

#include <mutex>
#include <string>

#include "plait/base/contract.hpp"

namespace plait {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(1);
constexpr int kSpins = 120;

}  // namespace

Lock::~Lock() {
  // The lock is waited for: who handed over last may still be about to let go of it.
  std::scoped_lock guard(queue_lock_);
  const std::uint32_t word = word_.load(std::memory_order_relaxed);
  if (word == 0) [[likely]]
    return;
  detail::fail("a Lock was destroyed while it was " + std::string(word & kLocked ? "held" : "free") + ", with " +
               std::to_string(queue_.size()) + " waiter(s); a Lock must be free and without waiters when it dies.");
}

/// A running thread tries for a while before it queues.
bool Lock::spin() noexcept {
  for (int i = 0; i < kSpins; ++i) {
    std::uint32_t word = word_.load(std::memory_order_relaxed);
    if (word & kStarving) return false;
    if (word & kLocked) {
      detail::cpu_relax();
    } else if (word_.compare_exchange_weak(word, word | kLocked, std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

/// False: the deadline passed and the lock is not held.
bool Lock::lock_slow(TimePoint deadline) {
  if (spin()) return true;
  detail::Waiter waiter([](detail::Operation&) noexcept { return false; });
  detail::ThreadStrand& self = detail::this_thread_strand();
  waiter.strand = &self;
  return !enqueue(waiter) || park_until_held(self, waiter, deadline);
}

/// The same for `acquire`, which can be cancelled.
bool Lock::acquire_in_thread(detail::Waiter& waiter, TimePoint deadline) {
  detail::ThreadStrand& self = detail::this_thread_strand();
  waiter.strand = &self;
  detail::pass(detail::Point::primitive, this);
  self.checkpoint();
  if (try_acquire() || spin() || !self.begin_wait(waiter, [&] { return enqueue(waiter); })) return true;
  const bool held = park_until_held(self, waiter, deadline);
  self.end_wait();
  if (waiter.claim() == detail::Claim::aborted) throw Cancelled{};
  return held;
}

bool Lock::park_until_held(detail::ThreadStrand& self, detail::Waiter& waiter, TimePoint deadline) {
  const TimePoint since = now();
  self.record->suspend(detail::WaitKind::lock, nullptr, this);
  self.parker.park(deadline);
  return hold_after_wake(self, waiter, deadline, since);
}

/// A thread that has parked with `waiter` in the queue: parks on until it holds the lock, or (false) the deadline has
/// passed, or the wait was aborted.
bool Lock::hold_after_wake(detail::ThreadStrand& self, detail::Waiter& waiter, TimePoint deadline, TimePoint since) {
  bool held = false;
  for (;;) {
    const detail::Claim claim = waiter.claim();
    held = claim == detail::Claim::granted || (claim == detail::Claim::waiting && try_after_wake(waiter, since));
    if (held || claim != detail::Claim::waiting) break;
    if (deadline != detail::kNever && now() >= deadline) {
      if (withdraw(waiter)) break;
      deadline = detail::kNever;  // decided a moment ago
    }
    self.parker.park(deadline);
  }
  self.record->set(detail::StrandState::running);
  return held;
}

/// False: the lock was free after all, and is taken.
bool Lock::enqueue(detail::Waiter& waiter) noexcept {
  std::scoped_lock guard(queue_lock_);
  return enqueue_locked(waiter);
}

bool Lock::enqueue_locked(detail::Waiter& waiter) noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    if (word == 0) {
      if (word_.compare_exchange_weak(word, kLocked, std::memory_order_acquire, std::memory_order_relaxed))
        return false;
    } else if (word_.compare_exchange_weak(word, word | kWaiters, std::memory_order_relaxed)) {
      // Invariant 1 holds: either it is locked, or kWoken is set already.
      queue_.push_back(waiter);
      return true;
    }
  }
}

/// A thread that was woken, perhaps for no reason, tries for the lock. True: it holds it.
bool Lock::try_after_wake(detail::Waiter& waiter, TimePoint since) noexcept {
  std::scoped_lock guard(queue_lock_);
  if (!waiter.linked()) return false;  // handed over: held once the grant has come [W3]
  const bool first = queue_.front() == &waiter;
  const bool starving = first && now() - since > kPatience;
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    std::uint32_t next;
    if (word & kLocked) {
      if (!first) return false;
      next = (word & ~kWoken) | (starving ? kStarving : 0);
    } else {
      // Whoever is first may take it; another thread woken without reason waits its turn.
      if (!first) return false;
      next = kLocked | (queue_.after(waiter) ? kWaiters : 0);
    }
    if (!word_.compare_exchange_weak(word, next, std::memory_order_acquire, std::memory_order_relaxed)) continue;
    if (word & kLocked) return false;
    waiter.unlink();
    waiter.settle(detail::Claim::granted);
    return true;
  }
}

/// Under the queue lock, by the holder: grants it to the first waiter, whose strand is to be unparked after the queue
/// lock, or frees it (null).
detail::Strand* Lock::hand_over() noexcept {
  detail::Waiter* next = queue_.pop_front();
  word_.store(!next ? 0 : queue_.empty() ? kLocked : kLocked | kWaiters, std::memory_order_release);
  return next ? &next->choose() : nullptr;
}

void Lock::release_slow() {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  while ((word & (kWoken | kStarving | kLocked)) == (kWoken | kLocked)) {
    if (word_.compare_exchange_weak(word, word & ~kLocked, std::memory_order_release, std::memory_order_relaxed))
      return;
  }
  detail::Strand* next = nullptr;
  {
    std::scoped_lock guard(queue_lock_);
    if (!locked()) detail::misuse("Lock::release(): the Lock is not held.");
    next = release_locked();
  }
  if (next) next->unpark();
}

/// Under the queue lock, by the holder: what is to be unparked after it, or null.
detail::Strand* Lock::release_locked() noexcept {
  const std::uint32_t word = word_.load(std::memory_order_relaxed);
  const detail::Waiter* first = queue_.front();
  if (!first || first->strand->kind == detail::Strand::Kind::task || (word & kStarving)) return hand_over();
  detail::Strand* next = first->strand;
  word_.store((word & ~kLocked) | kWoken, std::memory_order_release);
  return next;
}

bool Lock::withdraw(detail::Waiter& waiter) noexcept {
  detail::Strand* next = nullptr;
  {
    std::scoped_lock guard(queue_lock_);
    if (!waiter.linked()) return false;
    const bool first = queue_.front() == &waiter;
    waiter.unlink();
    std::uint32_t word = word_.load(std::memory_order_relaxed);
    // The flags spoke of the waiter that leaves. If the lock is free, its wake-up passes on to the next.
    for (;;) {
      detail::Waiter* heir = queue_.front();
      std::uint32_t left = word & ~(heir ? 0 : kWaiters | kWoken | kStarving);
      if (first) left &= ~(kWoken | kStarving);
      const bool pass_on = heir && !(left & (kLocked | kWoken));
      const bool to_thread = pass_on && heir->strand->kind == detail::Strand::Kind::thread;
      if (pass_on) left |= to_thread ? kWoken : kLocked;
      if (!word_.compare_exchange_weak(word, left, std::memory_order_acq_rel, std::memory_order_relaxed)) continue;
      if (pass_on) next = to_thread ? heir->strand : hand_over();
      break;
    }
  }
  if (next) next->unpark();
  return true;
}

Lock::Statistics Lock::statistics() const noexcept {
  std::scoped_lock guard(queue_lock_);
  return {queue_.size(), locked()};
}

}  // namespace plait
