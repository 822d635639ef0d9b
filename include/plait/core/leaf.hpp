// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <mutex>
#include <source_location>
#include <utility>

#include "plait/core/exceptions.hpp"
#include "plait/core/home.hpp"
#include "plait/core/hooks.hpp"
#include "plait/core/operation.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/thread_strand.hpp"

namespace plait::detail {

/// Whether an operation can undo its grant.
template <class Derived>
inline constexpr bool kGivesBack = requires(Derived& operation) { operation.give_back(); };

/// Whether an operation touches what belongs to its strand's home, a timer for instance.
template <class Derived>
inline constexpr bool kNeedsHome = requires { requires Derived::kUsesHome; };

/// Base of every leaf operation that a task can `co_await` and a thread can `sync_wait`: the steps of one life in
/// docs/design/waiting.md, written once. `Derived` provides
///
///     bool try_now();                 // done without waiting?
///     bool enqueue();                 // under the primitive's lock: false if it could be done after all
///     bool withdraw() noexcept;       // under the primitive's lock: unlinked? false: granted already, or not now
///     R take();                       // the result, after the operation happened
///     bool give_back() noexcept;      // optional [W10]: granted, but its strand has not gone on; undone? false: too
///     late
///
/// and a constructor that forwards what the record of strands shows: the kind of wait and the object.
template <class Derived>
class Leaf : public Waiter {
 public:
  Leaf(WaitKind kind, const void* object) noexcept : Waiter(&abort_leaf), object_(object), kind_(kind) {}

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    Strand& s = *frame.promise().strand;
    strand = &s;
    pass(Point::checkpoint, object_);
    if (s.cancelled()) [[unlikely]] {
      settle(Claim::aborted);
      return false;
    }
    return await_after_checkpoint(frame, at);
  }

  /// The rest of `await_suspend`, for an operation that has its checkpoint behind it.
  template <class Promise>
  bool await_after_checkpoint(std::coroutine_handle<Promise> frame, std::source_location at) {
    Strand& s = *frame.promise().strand;
    strand = &s;
    if (self().try_now()) {
      settle(Claim::granted);
      if (s.spend()) [[likely]]
        return false;
      s.resume_point = frame;
      s.record->suspend(WaitKind::yield, address_of(at));
      if constexpr (kGivesBack<Derived>) s.publish(this);
      s.scheduler->schedule_here(s);
      return true;
    }
    pass(Point::park, object_);
    s.resume_point = frame;
    s.record->suspend(kind_, address_of(at), object_);
    if (s.home) [[unlikely]]
      return suspend_on_pool(s);
    s.waiting = this;
    try {
      if (self().enqueue()) return true;
    } catch (...) {
      s.waiting = nullptr;
      s.record->set(StrandState::running);
      throw;
    }
    s.waiting = nullptr;
    s.record->set(StrandState::running);
    settle(Claim::granted);
    return false;
  }

  decltype(auto) await_resume() {
    strand->publish(nullptr);
    if (claim() == Claim::aborted) [[unlikely]]
      throw Cancelled{};
    return self().take();
  }

  /// The same in a plain thread: parks it. Throws Cancelled if the thread is cancelled. At `deadline` the operation is
  /// withdrawn and false returned; else the result is then had from `take`.
  bool wait_in_thread(TimePoint deadline) {
    ThreadStrand& s = this_thread_strand();
    strand = &s;
    pass(Point::primitive, object_);
    s.checkpoint();
    if (self().try_now()) return true;
    if (!s.begin_wait(*this, [this] { return self().enqueue(); })) return true;
    s.record->suspend(kind_, nullptr, object_);
    const bool done = park_until_settled(s, deadline);
    s.end_wait();
    s.record->set(StrandState::running);
    if (claim() == Claim::aborted) [[unlikely]]
      throw Cancelled{};
    return done;
  }

 private:
  Derived& self() noexcept { return static_cast<Derived&>(*this); }

  /// The same where the strand may be cancelled by another thread while it suspends, and resumed before this returns:
  /// whoever does either takes the wait lock first [W12].
  bool suspend_on_pool(Strand& s) {
    const HomeGuard tree(kNeedsHome<Derived> ? s.home : nullptr);
    const std::scoped_lock guard(s.wait_lock);
    s.waiting = this;
    bool queued = false;
    try {
      queued = self().enqueue();
    } catch (...) {
      s.waiting = nullptr;
      s.record->set(StrandState::running);
      throw;
    }
    if (!queued) {
      s.waiting = nullptr;
      settle(Claim::granted);
    } else if (!s.cancelled() || !std::exchange(s.waiting, nullptr) || !abort(*this)) [[likely]] {
      return true;
    }
    s.record->set(StrandState::running);
    return false;
  }

  static bool abort_leaf(Operation& operation) noexcept {
    auto& leaf = static_cast<Derived&>(static_cast<Waiter&>(operation));
    // A granted operation looks at its primitive only to give back: nobody else keeps that alive any more.
    if (leaf.claim() == Claim::waiting && leaf.withdraw()) {
      leaf.settle(Claim::aborted);
      return true;
    }
    if constexpr (kGivesBack<Derived>) {
      if (leaf.claim() == Claim::granted && leaf.give_back()) leaf.settle(Claim::aborted);
    }
    return false;
  }

  bool park_until_settled(ThreadStrand& s, TimePoint deadline) {
    while (claim() == Claim::waiting) {
      s.parker.park(deadline);
      if (claim() != Claim::waiting || deadline == kNever || now() < deadline) continue;
      if (self().withdraw()) return false;
      deadline = kNever;  // granted a moment ago: the grant is on its way
    }
    return true;
  }

  const void* object_;
  WaitKind kind_;
};

template <class T>
concept LeafOperation = requires(T& t) { t.wait_in_thread(TimePoint{}); };

}  // namespace plait::detail
