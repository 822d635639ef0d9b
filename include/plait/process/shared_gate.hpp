// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "plait/base/atomic.hpp"

namespace plait::detail {

/// In shared memory: where strands of any process wait for a condition to change. Who waits arms the gate, looks at the
/// condition, and sleeps while `sequence` is what it was; who changes the condition notifies after that. Waits may end
/// without reason, and end within a second without a notification, so a waker that was killed leaves nobody behind.
struct SharedGate {
  Atomic<std::uint32_t> sequence{0};
  /// Not 0: perhaps somebody waits. What it was armed with.
  Atomic<std::uint32_t> armed{0};
  /// A process that has waited too long: the others let it pass, for a while.
  Atomic<std::uint32_t> hungry{0};
  Atomic<std::uint32_t> hungry_since{0};

  /// Who calls it looks at the condition after that, and waits only while `sequence` is what this gives.
  std::uint32_t arm() noexcept {
    const std::uint32_t seen = sequence.load(std::memory_order_seq_cst);
    // Sequentially consistent, as is the change of the condition and the load in notify(): one of the two is seen.
    armed.exchange(seen << 1 | 1, std::memory_order_seq_cst);
    return seen;
  }
  /// After a change of the condition by a sequentially consistent operation: wakes `count` of those who wait, or more.
  /// Does not touch the gate after it has woken somebody of this process.
  void notify(int count) noexcept {
    if (armed.load(std::memory_order_seq_cst) != 0) [[unlikely]]
      wake(count);
  }
  void notify_all() noexcept;
  /// Another process has waited for too long: the caller does as if there were nothing to have.
  bool lets_others_pass() const noexcept {
    return hungry.load(std::memory_order_relaxed) != 0 && somebody_else_waits();
  }
  /// This process has waited for too long.
  void grow_hungry() noexcept;
  /// It waits no more.
  void be_fed() noexcept;

 private:
  void wake(int count) noexcept;
  bool somebody_else_waits() const noexcept;
};

}  // namespace plait::detail
