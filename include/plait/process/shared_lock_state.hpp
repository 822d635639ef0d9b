// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "plait/base/atomic.hpp"
#include "plait/process/family.hpp"
#include "plait/process/shared_gate.hpp"

namespace plait::detail {

class SharedWait;

/// In shared memory: mutual exclusion of processes. The owner is a process, so its death is seen.
struct SharedLockState {
  enum class Step : std::uint8_t {
    taken,
    busy,      ///< A process that lives holds it, or is to be let pass.
    orphaned,  ///< Its holder died; it is nobody's until `recover`.
  };
  /// In place of an owner: its owner died.
  static constexpr ProcessSlot kOrphaned = Family::kSlots;

  Atomic<ProcessSlot> owner{0};
  SharedGate gate;

  /// Tries to take it for `self`, this process.
  Step take(ProcessSlot self) noexcept {
    ProcessSlot before = 0;
    if (!gate.lets_others_pass() &&
        owner.compare_exchange_strong(before, self, std::memory_order_acquire, std::memory_order_relaxed)) [[likely]]
      return Step::taken;
    return before == kOrphaned ? Step::orphaned : Step::busy;
  }
  /// The same; if it is busy, `wait` (unless null) is armed for what may change that. Sees that the holder died.
  Step take_or_arm(ProcessSlot self, SharedWait* wait) noexcept;
  /// As `take_or_arm`; a dead holder's place is taken. `inherited` is set then: what the lock protects is to be put
  /// right.
  Step take_over_or_arm(ProcessSlot self, SharedWait* wait, bool& inherited) noexcept;
  /// Frees it; false if `self` does not hold it.
  bool give(ProcessSlot self) noexcept {
    ProcessSlot before = self;
    // Sequentially consistent, as notify() asks for.
    if (!owner.compare_exchange_strong(before, 0, std::memory_order_seq_cst, std::memory_order_relaxed)) return false;
    gate.notify(1);
    return true;
  }
  /// Takes an orphaned one; false if it is none (any more).
  bool recover(ProcessSlot self) noexcept;

 private:
  /// The first owner that is not one that lives: 0, orphaned, or dead.
  bool is_held_by_the_living(ProcessSlot& owner_seen, SharedWait* wait) const noexcept;
};

}  // namespace plait::detail
