// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/timer_wheel.hpp"

namespace plait::detail {

/// The first occupied slot in time. Clears the bits of slots that disarming left empty.
bool TimerWheel::earliest_slot(unsigned& level, unsigned& slot) noexcept {
  for (level = 0; level < kLevels; ++level) {
    while (occupied_[level]) {
      slot = static_cast<unsigned>(__builtin_ctzll(occupied_[level]));
      if (!slots_[level][slot].empty()) return true;
      occupied_[level] &= ~(std::uint64_t{1} << slot);
    }
  }
  return false;
}

std::uint64_t TimerWheel::slot_begin(unsigned level, unsigned slot) const noexcept {
  const unsigned shift = level * kBits;
  const unsigned above = shift + kBits;
  const std::uint64_t high = above >= 64 ? 0 : time_ >> above << above;
  return high | (std::uint64_t{slot} << shift);
}

/// What a timer wakes is a handful of cold cache lines, fetched side by side here instead of one after the other there:
/// what it names, and the operation and the frame that it is usually the last part of.
static void fetch_for_firing(const Timer& timer) noexcept {
  if (!timer.fires_at) return;
  const auto* target = static_cast<const std::byte*>(timer.fires_at);
  for (int i = 0; i < 3; ++i) __builtin_prefetch(target + i * 64);
  const auto* own = reinterpret_cast<const std::byte*>(&timer);
  for (int i = 1; i < 3; ++i) __builtin_prefetch(own - i * 64);
}

bool TimerWheel::expire(TimePoint now) noexcept {
  if (armed_ == 0) {
    // An empty wheel may be set to any time: a later timer starts on a low level.
    if (key(now) > time_) time_ = key(now);
    return false;
  }
  const std::uint64_t until = key(now);
  bool any = false;
  unsigned level, slot;
  while (earliest_slot(level, slot)) {
    const std::uint64_t begin = slot_begin(level, slot);
    if (begin > until) break;
    Slot due;
    due.splice_back(slots_[level][slot]);
    occupied_[level] &= ~(std::uint64_t{1} << slot);
    if (begin > time_) time_ = begin;
    // A long slot is a walk through cold memory, one miss after the other. This second walk from its other end only
    // touches, so that two misses are under way at a time.
    const Link* from_end = level > 1 ? due.last() : nullptr;
    while (Timer* timer = due.pop_front()) {
      if (from_end) {
        from_end = from_end == timer ? nullptr : from_end->previous;
        __builtin_prefetch(from_end);
      }
      if (level == 0) {
        --armed_;
        any = true;
        timer->fire(*timer);
      } else {
        if (level == kNear) fetch_for_firing(*timer);
        place(*timer);
      }
    }
  }
  return any;
}

TimePoint TimerWheel::next() noexcept {
  unsigned level, slot;
  if (!earliest_slot(level, slot)) return kNever;
  Slot& timers = slots_[level][slot];
  TimePoint earliest = kNever;
  int searched = 0;
  for (Timer* t = timers.front(); t; t = timers.after(*t)) {
    if (++searched > kSearched) return TimePoint(Duration(static_cast<Duration::rep>(slot_begin(level, slot))));
    if (t->deadline < earliest) earliest = t->deadline;
  }
  return earliest;
}

}  // namespace plait::detail
