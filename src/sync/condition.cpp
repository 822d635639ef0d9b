// SPDX-License-Identifier: BSL-1.0
//
// Idea. To be notified is to be moved: `notify` takes the first waiters out of the Condition's queue and puts them at
// the end of the Lock's, with the same link and the same claim, and there they are granted like everybody who waits for
// the Lock. So nobody is woken only to queue again, and tasks and threads need no step of their own to take the Lock
// back. One lock, the Lock's queue lock, guards both queues.
//
// Cancelling. A wait has to end with the Lock held, so a cancel never unlinks it for good. In the Condition's queue it
// is moved as `notify` would, marked as cancelled; in the Lock's queue, or granted already [W10], its notification
// passes on to the next waiter, and it stays where it is. It throws when it goes on with the Lock.
//
// Invariant. A wait is linked in the Condition's queue if its stage is `waiting`; else in the Lock's until it is
// settled.
#include "plait/sync/condition.hpp"

#include <mutex>
#include <string>

#include "plait/base/contract.hpp"

namespace plait {

Condition::~Condition() {
  // The queue lock is waited for: who notified last may still be about to let go of it.
  std::scoped_lock guard(lock_.queue_lock_);
  if (queue_.empty()) [[likely]]
    return;
  detail::fail("a Condition was destroyed with " + std::to_string(queue_.size()) +
               " waiter(s); a Condition must outlive those who wait for it: notify or cancel them first.");
}

void Condition::require_lock(const char* operation) const {
  if (!lock_.locked()) [[unlikely]] {
    detail::misuse(std::string("Condition::") + operation +
                   "(): its Lock is not held; take it before, and keep it until the call.");
  }
}

void Condition::notify(std::size_t n) {
  detail::pass(detail::Point::primitive, this);
  require_lock("notify");
  constexpr int kBatch = 64;
  bool more = n > 0;
  while (more) {
    detail::Strand* holder = nullptr;
    {
      std::scoped_lock guard(lock_.queue_lock_);
      for (int i = 0; i < kBatch && n > 0 && !holder && !queue_.empty(); ++i, --n) holder = notify_first();
      more = n > 0 && !queue_.empty();
    }
    if (holder) holder->unpark();
  }
}

/// The rest of these are under the queue lock, or take it. A strand that is given has been granted the Lock, and is to
/// be unparked after the queue lock.
detail::Strand* Condition::notify_first() noexcept {
  Wait* first = queue_.front();
  return first ? move_to_lock(*first, Wait::Stage::notified) : nullptr;
}

detail::Strand* Condition::move_to_lock(Wait& wait, Wait::Stage stage) noexcept {
  wait.unlink();
  wait.stage_ = stage;
  return lock_.enqueue_locked(wait) ? nullptr : &wait.choose();
}

bool Condition::waits_here(const Wait& wait) const noexcept {
  std::scoped_lock guard(lock_.queue_lock_);
  return wait.stage_ == Wait::Stage::waiting;
}

/// Queues and releases the Lock, whose next holder is to be unparked.
detail::Strand* Condition::enqueue(Wait& wait) noexcept {
  std::scoped_lock guard(lock_.queue_lock_);
  queue_.push_back(wait);
  return lock_.release_locked();
}

/// False, as it goes on only when it has the Lock again.
bool Condition::withdraw(Wait& wait) noexcept {
  detail::Strand* holder = nullptr;
  {
    std::scoped_lock guard(lock_.queue_lock_);
    if (wait.claim() != detail::Claim::waiting) return false;
    const Wait::Stage stage = std::exchange(wait.stage_, Wait::Stage::cancelled);
    if (stage == Wait::Stage::waiting) holder = move_to_lock(wait, Wait::Stage::cancelled);
    if (stage == Wait::Stage::notified) holder = notify_first();
  }
  if (holder) holder->unpark();
  return false;
}

/// The wait keeps the Lock; the notification passes on.
bool Condition::give_back(Wait& wait) noexcept {
  detail::Strand* holder = nullptr;
  {
    std::scoped_lock guard(lock_.queue_lock_);
    if (std::exchange(wait.stage_, Wait::Stage::cancelled) == Wait::Stage::notified) holder = notify_first();
  }
  if (holder) holder->unpark();
  return true;
}

bool Condition::wait_in_thread(Wait& wait, TimePoint deadline) {
  detail::ThreadStrand& self = detail::this_thread_strand();
  wait.strand = &self;
  detail::pass(detail::Point::primitive, this);
  self.checkpoint();
  require_lock("wait");
  detail::Strand* next = nullptr;
  self.begin_wait(wait, [&] {
    next = enqueue(wait);
    return true;
  });
  if (next) next->unpark();
  self.record->suspend(detail::WaitKind::primitive, nullptr, this);
  bool in_time = true;
  while (waits_here(wait)) {
    self.parker.park(deadline);
    if (deadline == detail::kNever || now() < deadline || !waits_here(wait)) continue;
    in_time = false;
    withdraw(wait);
  }
  lock_.hold_after_wake(self, wait, detail::kNever, now());
  self.end_wait();
  if (wait.claim() == detail::Claim::aborted) throw Cancelled{};
  return in_time;
}

Condition::Statistics Condition::statistics() const noexcept {
  const Lock::Statistics lock = lock_.statistics();
  std::scoped_lock guard(lock_.queue_lock_);
  return {queue_.size(), lock};
}

}  // namespace plait
