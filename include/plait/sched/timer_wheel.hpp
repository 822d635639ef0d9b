// SPDX-License-Identifier: BSL-1.0
//
// Idea. A hierarchical timing wheel (Varghese and Lauck, 1987) over nanoseconds, keyed by the highest digit (base 64)
// in which a deadline differs from the wheel's time: 11 levels of 64 slots, each slot a list. Arming and disarming take
// constant time; a timer moves down at most once a level, and only when its time comes near; most timers are disarmed
// before that.
//
// Invariants. 1. No armed deadline lies before `time_`, except in slot 0 of level 0, which is due at once. 2. A timer's
// level is that of the highest digit in which its deadline differs from `time_`. 3. A bit of `occupied_` is clear only
// if its slot is empty.
// 4. Timers of one deadline fire in the order in which they were armed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "plait/base/intrusive_list.hpp"
#include "plait/core/timer.hpp"

namespace plait::detail {

/// The timers of one scheduler. One thread.
class TimerWheel {
 public:
  void arm(Timer& timer, TimePoint deadline) noexcept {
    timer.deadline = deadline;
    place(timer);
    ++armed_;
  }
  void disarm(Timer& timer) noexcept {
    if (!timer.linked()) return;
    timer.unlink();
    --armed_;
  }
  std::size_t armed() const noexcept { return armed_; }
  /// Sets an empty wheel's time, also back: a virtual clock may have run far ahead of the one that is read next.
  void restart(TimePoint now) noexcept {
    if (armed_ == 0) time_ = key(now);
  }

  /// Fires all timers due at `now`, in the order of their deadlines. True if there were any.
  bool expire(TimePoint now) noexcept;
  /// When to call `expire` next: the earliest deadline, or, if many are crowded far ahead, a moment before it. Never
  /// later than the earliest deadline; kNever if nothing is armed.
  TimePoint next() noexcept;

 private:
  static constexpr unsigned kBits = 6, kSlots = 1 << kBits, kLevels = 11;
  /// A slot with at most this many timers is searched for its earliest; a longer one is taken at its beginning.
  static constexpr int kSearched = 32;
  /// Timers that leave this level fire within 262 µs, and there are rarely too many of them for the cache.
  static constexpr unsigned kNear = 3;
  using Slot = IntrusiveList<Timer, Link>;

  static std::uint64_t key(TimePoint t) noexcept {
    const auto ns = t.time_since_epoch().count();
    return ns > 0 ? static_cast<std::uint64_t>(ns) : 0;
  }

  void place(Timer& timer) noexcept {
    std::uint64_t k = key(timer.deadline);
    if (k < time_) k = time_;
    const std::uint64_t differs = k ^ time_;
    const unsigned level = differs < kSlots ? 0 : (63u - static_cast<unsigned>(__builtin_clzll(differs))) / kBits;
    const unsigned slot = (k >> (level * kBits)) & (kSlots - 1);
    slots_[level][slot].push_back(timer);
    occupied_[level] |= std::uint64_t{1} << slot;
  }

  bool earliest_slot(unsigned& level, unsigned& slot) noexcept;
  std::uint64_t slot_begin(unsigned level, unsigned slot) const noexcept;

  std::uint64_t time_ = 0;
  std::size_t armed_ = 0;
  std::array<std::uint64_t, kLevels> occupied_{};
  std::array<std::array<Slot, kSlots>, kLevels> slots_;
};

}  // namespace plait::detail
