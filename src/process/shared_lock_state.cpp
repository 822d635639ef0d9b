// SPDX-License-Identifier: BSL-1.0
//
// Idea. The word is the owner; everything is one compare-and-swap of it: 0 to self, self to 0, a dead one to orphaned
// (or, where the heir can put things right, to the heir), orphaned to self. Who finds a dead owner lets its last writes
// pass before it takes the owner's place.
//
// Memory order. take acquires what give released; a successor of a dead owner sees all that it wrote, as its process
// has left every processor by then.
#include "plait/process/shared_lock_state.hpp"

#include "plait/os/life.hpp"
#include "plait/process/shared_watch.hpp"

namespace plait::detail {

bool SharedLockState::is_held_by_the_living(ProcessSlot& seen, SharedWait* wait) const noexcept {
  seen = owner.load(std::memory_order_seq_cst);
  if (seen == 0 || seen == kOrphaned) return false;
  return wait ? wait->watch(seen) : Family::instance().is_alive(seen);
}

SharedLockState::Step SharedLockState::take_or_arm(ProcessSlot self, SharedWait* wait) noexcept {
  if (const Step step = take(self); step != Step::busy) return step;
  if (wait) wait->arm(gate);
  for (;;) {
    ProcessSlot seen = 0;
    if (is_held_by_the_living(seen, wait)) return Step::busy;
    if (seen == kOrphaned) return Step::orphaned;
    if (seen == 0) {
      if (gate.lets_others_pass()) {
        if (wait) wait->be_patient();
        return Step::busy;
      }
      if (owner.compare_exchange_strong(seen, self, std::memory_order_acquire, std::memory_order_relaxed))
        return Step::taken;
    } else {
      os::await_last_writes();
      if (owner.compare_exchange_strong(seen, kOrphaned, std::memory_order_seq_cst, std::memory_order_relaxed))
        gate.notify_all();
    }
  }
}

SharedLockState::Step SharedLockState::take_over_or_arm(ProcessSlot self, SharedWait* wait, bool& inherited) noexcept {
  if (const Step step = take(self); step == Step::taken) return step;
  if (wait) wait->arm(gate);
  for (;;) {
    ProcessSlot seen = 0;
    if (is_held_by_the_living(seen, wait)) return Step::busy;
    if (seen == 0) {
      if (owner.compare_exchange_strong(seen, self, std::memory_order_acquire, std::memory_order_relaxed))
        return Step::taken;
      continue;
    }
    os::await_last_writes();
    if (owner.compare_exchange_strong(seen, self, std::memory_order_acquire, std::memory_order_relaxed)) {
      inherited = true;
      return Step::taken;
    }
  }
}

bool SharedLockState::recover(ProcessSlot self) noexcept {
  ProcessSlot orphaned = kOrphaned;
  if (owner.compare_exchange_strong(orphaned, self, std::memory_order_acquire, std::memory_order_relaxed)) return true;
  return false;
}

}  // namespace plait::detail
