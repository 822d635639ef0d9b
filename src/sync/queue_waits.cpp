// SPDX-License-Identifier: BSL-1.0
//
// Idea. A queue has two ends, each with a spin lock of its own, so that one who puts and one who gets do not disturb
// each other: each of them changes only its own counter and reads the other's. Whatever concerns both ends takes both
// locks, the put lock first: to wait, to end a wait, to grow, to shut down. What only changes under both locks can be
// read under either.
//
// No wake-up is lost. A getter that finds the queue empty takes both locks, looks again, and links itself, which sets
// `slow_`. A putter holds the put lock for all of its put. So its put comes before, and the getter finds the item when
// it looks again; or after, and the putter reads `slow_` and serves the getter. The same holds with the sides
// exchanged. The locks alone order this; there is no fence to argue about.
//
// Invariants, under both locks. 1. Getters wait only if no item is there, putters only if there is no room: who gives
// an item or room serves the first waiter of the other side at once, in the same section. 2. So a newcomer never
// passes a waiter, `try_put` and `try_get` included. 3. `slow_` is set if somebody waits, an item was given back, or
// the queue was shut down. 4. A waiter that is granted without an item and without an error was told the end. 5. Items
// are numbered as they are put; one that is given back goes to where its number belongs, so that the queue is as if
// it had never been taken, in whatever order several are given back. 6. done_ <= puts_.
//
// Memory order. Within one side the spin lock orders everything. Between the sides of a ring: the putter's release
// of `puts_` pairs with the getter's acquire (the item is there), and the getter's release of the ring's head pairs
// with the putter's acquire (the slot is free).
//
// A join is finished when done_ == puts_, both as seen under the get lock; puts_ only grows, so the moment at which
// they are equal is that of the load.
#include "plait/sync/queue_waits.hpp"

#include <algorithm>
#include <mutex>
#include <string>

#include "plait/base/contract.hpp"
#include "plait/core/clock.hpp"
#include "plait/os/futex.hpp"

namespace plait::detail {

QueueWaits::~QueueWaits() {
  const std::size_t putters = putters_.size(), getters = getters_.size(), joiners = joiners_.size();
  if (putters + getters + joiners == 0) [[likely]]
    return;
  fail("a " + std::string(name_) + " was destroyed with " + std::to_string(putters + getters + joiners) +
       " waiter(s): " + std::to_string(putters) + " in put, " + std::to_string(getters) + " in get, " +
       std::to_string(joiners) + " in join; end their waits by shutdown() or a cancel before it dies.");
}

void QueueWaits::finish_one() {
  pass(Point::primitive, this);
  Waiters ready;
  {
    std::scoped_lock guard(get_lock_);
    // Acquire pairs with the put of the item that this is about.
    const std::uint64_t puts = puts_.load(std::memory_order_acquire);
    if (done_ == puts) {
      misuse(std::string(name_) + "::task_done() was called more often than items were put; call it once for each " +
             "item got (" + std::to_string(joiners_.size()) + " waiter(s) in join).");
    }
    if (++done_ != puts || joiners_.empty()) return;
    ready.splice_back(joiners_);
  }
  release(ready);
}

void QueueWaits::finish(std::uint64_t n, Waiters& ready) noexcept {
  const std::uint64_t puts = puts_.load(std::memory_order_relaxed);
  done_ = std::min(done_ + n, puts);
  if (done_ == puts) ready.splice_back(joiners_);
}

void QueueWaits::end(Waiters& ready) noexcept {
  shut_down_ = slow_ = true;
  ready.splice_back(putters_);
  ready.splice_back(getters_);
}

void QueueWaits::release(Waiters& ready) noexcept {
  // A waiter that is cancelled meanwhile unlinks itself from `ready`, under the lock.
  for (bool more = true; more;) {
    Strand* woken = nullptr;
    {
      Both both(*this);
      Waiter* first = ready.pop_front();
      if (!first) return;
      woken = &first->choose();
      more = !ready.empty();  // read here: the last one to be granted may destroy the queue
    }
    woken->unpark();
  }
}

bool QueueWaits::withdraw(Waiter& waiter) noexcept {
  Both both(*this);
  if (!waiter.linked()) return false;
  waiter.unlink();
  // slow_ stays set: the next operation that needs both locks clears it.
  return true;
}

bool QueueWaits::all_done(Waiter* waiter) noexcept {
  std::scoped_lock guard(get_lock_);
  if (done_ == puts_.load(std::memory_order_acquire)) return true;
  if (waiter) joiners_.push_back(*waiter);
  return false;
}

bool QueueWaits::withdraw_join(Waiter& waiter) noexcept {
  std::scoped_lock guard(get_lock_);
  if (!waiter.linked()) return false;
  waiter.unlink();
  return true;
}

QueueStatistics QueueWaits::statistics_of(std::size_t size) const noexcept {
  return {.size = size,
          .capacity = capacity_,
          .waiting_putters = putters_.size(),
          .waiting_getters = getters_.size(),
          .waiting_joiners = joiners_.size(),
          .unfinished = puts_.load(std::memory_order_relaxed) - done_,
          .shut_down = shut_down_};
}

bool QueueWaits::may_spin() noexcept {
  static const bool alone = os::processor_count() == 1;
  return !alone && !test_clock();
}

}  // namespace plait::detail
