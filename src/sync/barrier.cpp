// SPDX-License-Identifier: BSL-1.0
//
// Idea. Who comes queues; who comes last takes the whole queue with it, which ends the round and begins the next. From
// then on the round is its own: nobody can withdraw from it, so the last one calls the action and releases the others
// without the lock, and there is no time of "draining" in which the next round's parties would have to be held back.
//
// Invariants. 1. A wait whose round is the Barrier's is in its queue and may withdraw; any other has been taken out,
// and is released by whoever took it. 2. The last touch of the Barrier by whoever ends a round is before it releases.
#include "plait/sync/barrier.hpp"

#include <mutex>
#include <string>
#include <utility>

#include "plait/base/contract.hpp"

namespace plait {

Barrier::Barrier(std::size_t parties, std::function<void()> action) : parties_(parties), action_(std::move(action)) {
  if (parties == 0) detail::misuse("Barrier: 0 parties; it takes at least 1.");
}

Barrier::~Barrier() {
  std::scoped_lock guard(lock_);
  if (queue_.empty()) [[likely]]
    return;
  detail::fail("a Barrier was destroyed with " + std::to_string(queue_.size()) +
               " waiter(s); a Barrier must outlive those who wait for it: abort it and join them first.");
}

/// True: there is nothing to wait for. Else it is queued if `queue` says so.
bool Barrier::arrive(Wait& wait, bool queue) noexcept {
  std::scoped_lock guard(lock_);
  if (broken()) {
    wait.broken_ = true;
    return true;
  }
  wait.index_ = n_waiting();
  if (wait.index_ + 1 == parties_) {
    wait.last_ = true;
    take_round(wait.others_, false);
    return true;
  }
  if (queue) {
    wait.round_ = round_;
    queue_.push_back(wait);
    arrived_.store(wait.index_ + 1, std::memory_order_relaxed);
  }
  return false;
}

std::size_t Barrier::Wait::take() {
  if (last_) {
    try {
      if (barrier_->action_) barrier_->action_();
    } catch (...) {
      barrier_->abort();
      release(others_, true);
      throw;
    }
    release(others_, false);
  }
  if (broken_) throw BrokenBarrierError();
  return index_;
}

/// Under the lock: moves the waits of this round to `round`, and a new one begins.
void Barrier::take_round(Round& round, bool broken) noexcept {
  round.splice_back(queue_);
  ++round_;
  arrived_.store(0, std::memory_order_relaxed);
  broken_.store(broken, std::memory_order_relaxed);
}

/// Lets the waits go on, which the caller has taken.
void Barrier::release(Round& round, bool broken) {
  while (Wait* wait = round.pop_front()) {
    wait->broken_ = broken;
    wait->grant();
  }
}

void Barrier::end_round(bool broken) {
  detail::pass(detail::Point::primitive, this);
  Round round;
  {
    std::scoped_lock guard(lock_);
    take_round(round, broken);
  }
  release(round, true);
}

bool Barrier::withdraw(Wait& wait) noexcept {
  Round round;
  {
    std::scoped_lock guard(lock_);
    if (wait.round_ != round_) return false;
    wait.unlink();
    take_round(round, true);
  }
  release(round, true);
  return true;
}

}  // namespace plait
