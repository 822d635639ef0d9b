// SPDX-License-Identifier: BSL-1.0
//
// Idea. One word: how many read, or that one writes, and a mark that strands queue. While nobody queues, taking and
// giving up are one compare-and-swap each. With waiters the last who leaves hands the lock to the first of them, a
// writer or the readers up to the next writer; a running strand that comes by finds the mark and queues behind them.
//
// A crowd of readers goes in by batches, and the lock may be gone once somebody who was let in goes on. So whoever lets
// in stops after one batch and leaves kMore; the first of the batch that goes on, or leaves, lets in the next: the lock
// is its own meanwhile. Claims are settled under `lock_` and strands made ready after it [W10].
//
// Invariants, whenever `lock_` is free. 1. kWaiters is set exactly as long as the queue is not empty. 2. The first
// waiter can't have the lock, or kMore is set and somebody reads. 3. With kWaiters set, the word changes without
// `lock_` only when a reader leaves who is not the last. Every change of it is a read-modify-write, so whoever acquires
// it sees what all did who left before.
#include "plait/sync/rw_lock.hpp"

#include <stdexcept>
#include <string>

#include "plait/base/contract.hpp"
#include "plait/sync/chosen.hpp"

namespace plait {

RWLock::~RWLock() {
  // The lock is waited for: who let in the last waiter may still be about to let go of it.
  std::scoped_lock guard(lock_);
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  if (word == 0) [[likely]]
    return;
  detail::fail("an RWLock was destroyed while it was held by " +
               (word & kWriter ? "a writer" : std::to_string(word / kReader) + " reader(s)") + ", with " +
               std::to_string(queue_.size()) + " waiter(s); an RWLock must be free and without waiters when it dies.");
}

void RWLock::take_in_thread(Mode mode) {
  detail::Scheduler::refuse_to_block(mode == Mode::read ? "RWLock::lock_shared()" : "RWLock::lock()",
                                     "co_await read() or write() instead.");
  if (try_take(mode)) return;
  detail::ThreadStrand& self = detail::this_thread_strand();
  Wait wait(*this, mode);
  wait.strand = &self;
  if (!wait.enqueue()) return;
  self.record->suspend(detail::WaitKind::lock, nullptr, this);
  while (wait.claim() == detail::Claim::waiting) self.parker.park(detail::kNever);
  self.record->set(detail::StrandState::running);
  go_on();
}

void RWLock::release(Mode mode) {
  detail::pass(detail::Point::primitive, this);
  // The lock is needed by who may have to let others in, and by misuse.
  std::unique_lock guard(lock_, std::defer_lock);
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  do {
    const bool alone = (word & (kWriter | kReaders)) == unit(mode);
    if (!guard && (word & (alone ? kWaiters : kMore))) guard.lock();
    if (mode == Mode::read && !(word & kReaders)) detail::misuse("RWLock::unlock_shared(): nobody reads.");
    if (mode == Mode::write && !(word & kWriter)) detail::misuse("RWLock::unlock(): no writer holds the RWLock.");
    // Release pairs with the acquire of whoever takes the lock next.
  } while (!word_.compare_exchange_weak(word, word - unit(mode), std::memory_order_release, std::memory_order_relaxed));
  if (guard) admit(std::move(guard));
}

/// Lets in the first waiters that can have the lock now, at most a batch of them, and lets go of `guard`.
void RWLock::admit(std::unique_lock<detail::SpinLock> guard) noexcept {
  detail::Chosen chosen;
  // Set before the first claim is settled: a thread that goes on at once comes here for the others.
  word_.fetch_or(kMore, std::memory_order_relaxed);
  Wait* first;
  while ((first = queue_.front()) && !chosen.full() && !(word_.load(std::memory_order_relaxed) & foes(first->mode))) {
    first->unlink();
    word_.fetch_add(unit(first->mode), std::memory_order_acquire);
    chosen.add(*first);
  }
  if (!first || !chosen.full()) word_.fetch_and(first ? ~kMore : ~(kMore | kWaiters), std::memory_order_relaxed);
  guard.unlock();
  chosen.unpark();
}

/// False: it could be had after all, and is taken.
bool RWLock::Wait::enqueue() noexcept {
  std::scoped_lock guard(lock->lock_);
  std::uint64_t word = lock->word_.load(std::memory_order_relaxed);
  bool barred;
  do {
    barred = word & (foes(mode) | kWaiters);
  } while (!lock->word_.compare_exchange_weak(word, barred ? word | kWaiters : word + unit(mode),
                                              std::memory_order_acquire, std::memory_order_relaxed));
  if (barred) lock->queue_.push_back(*this);
  return barred;
}

bool RWLock::Wait::withdraw() noexcept {
  std::unique_lock guard(lock->lock_);
  if (!linked()) return false;
  unlink();
  lock->admit(std::move(guard));  // readers behind a writer that leaves the queue
  return true;
}

bool RWLock::Wait::give_back() noexcept {
  try {
    lock->release(mode);
  } catch (const std::logic_error&) {  // somebody released in our place by mistake: there is nothing to give back
  }
  return true;
}

RWLock::Statistics RWLock::statistics() const noexcept {
  std::scoped_lock guard(lock_);
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  return {queue_.size(), static_cast<std::size_t>(word / kReader), (word & kWriter) != 0};
}

}  // namespace plait
