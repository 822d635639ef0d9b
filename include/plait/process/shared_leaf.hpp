// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

#include "plait/base/spin_lock.hpp"
#include "plait/core/leaf.hpp"
#include "plait/process/shared_watch.hpp"

namespace plait::detail {

/// Base of every operation on something shared: a Leaf that is done by trying, again and again. `Derived` provides
///
///     bool attempt(SharedWait* wait);  // done? Else, if there is a `wait`: armed, looked once more, not done
///     bool promising() const noexcept; // a cheap look: an attempt may succeed
///     R take();                        // the result
///     bool give_back() noexcept;       // optional, as for Leaf
///     void leave() noexcept;           // optional, in place of the one here: the wait ends in vain
///     static constexpr bool kSleepsAtOnce;  // optional: a thread does not spin first
///
/// A task's waits are tried again by SharedWatch; a thread sleeps on the words itself, together with its own parker, so
/// that a cancel reaches it. In virtual time a thread waits as a task does. `gate` is where it queues: a wait that has
/// been in vain for a millisecond is let pass there by other processes; null: nobody competes.
template <class Derived>
class SharedLeaf : public Leaf<Derived>, public SharedWait {
 public:
  SharedLeaf(WaitKind kind, SharedSegment& segment, SharedGate* gate) noexcept
      : Leaf<Derived>(kind, &segment), SharedWait(&try_erased, segment), gate_(gate), kind_(kind) {}

  bool try_now() {
    if (self().attempt(nullptr)) [[likely]]
      return true;
    if constexpr (requires { Derived::kSleepsAtOnce; }) return false;
    return this->strand->kind == Strand::Kind::thread && !test_clock() && spin();
  }
  bool enqueue() {
    since_ = std::chrono::steady_clock::now();
    const bool waits = SharedWatch::add(*this);
    if (!waits) be_fed();
    return waits;
  }
  bool withdraw() noexcept {
    if (sleeps_) return true;
    if (!SharedWatch::remove(*this)) return false;
    self().leave();
    return true;
  }

  /// As Leaf::wait_in_thread, but asleep on the words themselves.
  bool wait_in_thread(TimePoint deadline) {
    if (test_clock()) return Leaf<Derived>::wait_in_thread(deadline);
    ThreadStrand& s = this_thread_strand();
    this->strand = &s;
    pass(Point::primitive, segment);
    s.checkpoint();
    return try_now() || sleep_until_done(s, deadline, true);
  }
  /// The same, but no checkpoint: a cancel does not end it.
  bool wait_regardless(TimePoint deadline) {
    ThreadStrand& s = this_thread_strand();
    this->strand = &s;
    pass(Point::primitive, segment);
    if (try_now()) return true;
    if (!test_clock()) return sleep_until_done(s, deadline, false);
    if (!enqueue()) return true;
    while (this->claim() == Claim::waiting) {
      s.parker.park(deadline);
      if (deadline != kNever && this->claim() == Claim::waiting && now() >= deadline && self().withdraw()) return false;
    }
    return true;
  }

  /// Ends a wait in vain: a wake-up that was for this one may be for another.
  void leave() noexcept {
    be_fed();
    if (gate_) gate_->notify(1);
  }

 protected:
  static constexpr auto kHunger = std::chrono::milliseconds(1);
  static constexpr int kLeastPatience = 64, kMostPatience = 4096;

  Derived& self() noexcept { return static_cast<Derived&>(*this); }
  /// A thread that sleeps on the words itself; else SharedWatch has the wait.
  bool sleeps() const noexcept { return sleeps_; }

 private:
  /// A thread's wait, as the object's segment counts it.
  class Counted {
   public:
    explicit Counted(SharedLeaf& leaf) noexcept : leaf_(leaf) {
      leaf_.segment->waits.fetch_add(1, std::memory_order_relaxed);
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() {
      leaf_.segment->waits.fetch_sub(1, std::memory_order_release);
      done ? leaf_.be_fed() : leaf_.self().leave();
    }
    bool done = false;

   private:
    SharedLeaf& leaf_;
  };

  static Waiter* try_erased(SharedWait& wait) noexcept {
    auto& leaf = static_cast<SharedLeaf&>(wait);
    if (!leaf.try_armed()) return nullptr;
    leaf.be_fed();
    return &leaf;
  }
  bool try_armed() {
    begin_attempt();
    if (self().attempt(this)) return true;
    if (gate_ && !hungry_ && std::chrono::steady_clock::now() - since_ > kHunger) {
      hungry_ = true;
      gate_->grow_hungry();
    }
    return false;
  }
  void be_fed() noexcept {
    if (std::exchange(hungry_, false)) gate_->be_fed();
  }

  /// Before it sleeps, a thread looks for a while, less and less often.
  bool spin() {
    if (has_one_processor()) return false;
    int pauses = 1;
    for (int left = segment->patience.load(std::memory_order_relaxed); left > 0; left -= pauses) {
      for (int i = 0; i < pauses; ++i) cpu_relax();
      if (self().promising() && self().attempt(nullptr)) return true;
      if (pauses < 16) pauses *= 2;
    }
    return false;
  }
  /// A short sleep was not worth it, for to be woken costs as much again: spin longer. A long one was.
  void learn(Duration slept) noexcept {
    const int before = segment->patience.load(std::memory_order_relaxed);
    const int after = slept < std::chrono::microseconds(100) ? int{kMostPatience}
                                                             : std::max(before - before / 4, int{kLeastPatience});
    if (after != before) segment->patience.store(after, std::memory_order_relaxed);
  }

  bool sleep_until_done(ThreadStrand& s, TimePoint deadline, bool may_be_cancelled) {
    Counted counted(*this);
    since_ = std::chrono::steady_clock::now();
    for (;;) {
      counted.done = try_armed();
      if (counted.done) return true;
      const TimePoint begin = now();
      if (begin >= deadline) return false;
      failed_at(begin);
      sleeps_ = true;
      if (may_be_cancelled) s.begin_wait(*this, [] { return true; });
      s.record->suspend(kind_, nullptr, segment);
      s.parker.wait_any(words(), std::min(deadline, due()));
      s.parker.take_token();
      if (may_be_cancelled) s.end_wait();
      s.record->set(StrandState::running);
      sleeps_ = false;
      if (may_be_cancelled && this->claim() == Claim::aborted) throw Cancelled{};
      learn(now() - begin);
    }
  }

  SharedGate* const gate_;
  const WaitKind kind_;
  bool sleeps_ = false;
  bool hungry_ = false;
  TimePoint since_{};
};

}  // namespace plait::detail
