// SPDX-License-Identifier: BSL-1.0
//
// Idea. A shared Lock, and beside it the strand that holds it and how often (src/sync/rlock.cpp).
//
// Invariant. Process and address are written by who has the Lock, and the process is cleared before the Lock is freed.
// What a dead holder leaves deceives nobody: no other process is of that name, and the address goes with it.
#include "plait/process/shared_rlock.hpp"

#include "plait/base/contract.hpp"

namespace plait {
namespace shared {

RLock::RLock() : handle_(detail::SharedSegment::create(detail::SharedKind::rlock, 0, sizeof(State)), 0) {
  new (&state()) State;
}

bool RLock::try_acquire() const {
  const detail::Strand& self = detail::Scheduler::current_strand();
  if (!state().held_by(self)) {
    const Step step = state().lock.take_or_arm(detail::Family::self(), nullptr);
    if (step == Step::orphaned) throw OwnerDied();
    if (step != Step::taken) return false;
  }
  state().enter(self);
  return true;
}

void RLock::release() const {
  detail::pass(detail::Point::primitive, &state());
  if (!state().held_by(detail::Scheduler::current_strand())) [[unlikely]] {
    detail::misuse("shared::RLock::release(): this strand does not hold the RLock; who has taken it releases it.");
  }
  if (state().leave()) state().lock.give(detail::Family::self());
}

bool RLock::recover() const {
  if (!state().lock.recover(detail::Family::self())) return false;
  state().enter(detail::Scheduler::current_strand());
  return true;
}

void RLock::lock() const {
  detail::Scheduler::refuse_to_block("shared::RLock::lock()", "co_await acquire() or guard() instead.");
  static_cast<void>(lock_until(detail::kNever));
}

bool RLock::lock_until(TimePoint deadline) const {
  Acquiring<void> acquiring(*this);
  if (!acquiring.wait_regardless(deadline)) return false;
  acquiring.take();
  return true;
}

}  // namespace shared

shared::RLock Codec<shared::RLock>::read(Decoder& decoder) {
  return shared::RLock(detail::SharedHandle::read(decoder, detail::SharedKind::rlock, sizeof(shared::RLock::State)));
}

}  // namespace plait
