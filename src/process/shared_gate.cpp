// SPDX-License-Identifier: BSL-1.0
//
// Idea. An event count whose memory survives its users. A count of waiters would stay too high for ever when one is
// killed; so `armed` only says that somebody may wait, and the waker who wakes fewer than it wanted to takes it down,
// unless it was armed again meanwhile. That is seen by its value, which names the sequence: who armed before the
// sequence moved will not sleep, and who arms after it writes another value. A waker never takes it down first, or a
// second one that came just then would wake nobody.
//
// Hunger. Whoever runs may take what is free before those who were woken for it, which is what makes it fast; so a
// process that has tried in vain for a millisecond is let pass by the others. It is believed for 10 ms and while it
// lives: one that is stopped holds nobody up.
#include "plait/process/shared_gate.hpp"

#include <chrono>
#include <limits>

#include "plait/os/futex.hpp"
#include "plait/process/family.hpp"
#include "plait/process/shared_watch.hpp"

namespace plait::detail {
namespace {

constexpr std::uint32_t kBelieved = 10;

std::uint32_t milliseconds() noexcept {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

void SharedGate::wake(int count) noexcept {
  std::uint32_t before = armed.load(std::memory_order_seq_cst);
  sequence.fetch_add(1, std::memory_order_seq_cst);
  if (os::futex_wake_shared(sequence, count) < count) {
    armed.compare_exchange_strong(before, 0, std::memory_order_seq_cst);
  }
  SharedWatch::poke(*this);
}

void SharedGate::notify_all() noexcept { notify(std::numeric_limits<int>::max()); }

void SharedGate::grow_hungry() noexcept {
  std::uint32_t other = hungry.load(std::memory_order_relaxed);
  if (other != 0 && somebody_else_waits()) return;
  hungry_since.store(milliseconds(), std::memory_order_relaxed);
  hungry.compare_exchange_strong(other, Family::self(), std::memory_order_seq_cst);
}

void SharedGate::be_fed() noexcept {
  std::uint32_t self = Family::self();
  if (hungry.compare_exchange_strong(self, 0, std::memory_order_seq_cst)) notify_all();
}

bool SharedGate::somebody_else_waits() const noexcept {
  const std::uint32_t who = hungry.load(std::memory_order_relaxed);
  if (who == 0 || who == Family::self() || !Family::instance().is_alive(who)) return false;
  return milliseconds() - hungry_since.load(std::memory_order_relaxed) <= kBelieved;
}

}  // namespace plait::detail
