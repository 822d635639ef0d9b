// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>

#include "plait/base/spin_lock.hpp"
#include "plait/core/leaf.hpp"
#include "plait/core/timer.hpp"

namespace plait {
namespace detail {

/// Waits for a deadline: a timer in a task, a parked thread in a thread.
class Sleep : public Leaf<Sleep>, private Timer {
 public:
  static constexpr bool kUsesHome = true;
  explicit Sleep(TimePoint deadline, bool only_yield) noexcept
      : Leaf(only_yield ? WaitKind::yield : WaitKind::sleep, nullptr), deadline_(deadline), only_yield_(only_yield) {}

  bool try_now() const noexcept { return false; }
  bool enqueue() noexcept {
    if (strand->kind == Strand::Kind::thread) return !only_yield_;
    if (only_yield_) {
      strand->waiting = nullptr;
      settle(Claim::granted);
      strand->scheduler->schedule_here(*strand);
    } else {
      fire = [](Timer& timer) noexcept { static_cast<Sleep&>(timer).grant(); };
      fires_at = strand;
      strand->scheduler->arm(*this, deadline_);
    }
    return true;
  }
  bool withdraw() noexcept {
    if (strand->kind == Strand::Kind::thread) return true;
    if (!Timer::linked()) return false;
    strand->scheduler->disarm(*this);
    return true;
  }
  void take() const noexcept {}

  /// In a thread nobody grants: the deadline is the whole condition.
  bool wait_in_thread(TimePoint limit) {
    ThreadStrand& s = this_thread_strand();
    strand = &s;
    pass(Point::primitive, nullptr);
    s.begin_wait(*this, [] { return true; });
    s.record->suspend(WaitKind::sleep, nullptr);
    const TimePoint until = limit < deadline_ ? limit : deadline_;
    // Once in any case: a virtual clock counts a thread from its first wait, and may have moved on since `sleep` was
    // called.
    if (!only_yield_) s.parker.park(until);
    while (claim() == Claim::waiting && now() < until) s.parker.park(until);
    s.end_wait();
    s.record->set(StrandState::running);
    if (claim() == Claim::aborted) throw Cancelled{};
    return deadline_ <= limit;
  }

 private:
  TimePoint deadline_;
  bool only_yield_;
};

/// Lets others run. Its own class, because nothing else is suspended as often.
class Yield {
 public:
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    Strand& s = *frame.promise().strand;
    pass(Point::checkpoint, nullptr);
    if (s.cancelled()) [[unlikely]] {
      aborted_ = true;
      return false;
    }
    s.resume_point = frame;
    s.record->suspend(WaitKind::yield, address_of(at));
    s.scheduler->schedule_here(s);
    return true;
  }
  void await_resume() const {
    if (aborted_) [[unlikely]]
      throw Cancelled{};
  }

  /// In a thread: the processor goes to another thread.
  bool wait_in_thread(TimePoint) {
    pass(Point::primitive, nullptr);
    this_thread_strand().checkpoint();
    yield_processor();
    return true;
  }
  void take() const noexcept {}

 private:
  bool aborted_ = false;
};

}  // namespace detail

/// Waits for a span of time (asyncio.sleep): `co_await sleep(1s)` in a task, `sync_wait(sleep(1s))` or `sleep_for` in a
/// thread. Never ends early. Any std::chrono duration; zero or less yields once; a NaN is refused (std::logic_error).
/// On cancel: ends at once, by Cancelled.
template <class Rep, class Period>
[[nodiscard]] detail::Sleep sleep(std::chrono::duration<Rep, Period> span) {
  const Duration d = detail::to_duration(span);
  return detail::Sleep(detail::add(now(), d), d <= Duration::zero());
}

/// Waits until `deadline` on the clock of `plait::now()`. A deadline in the past yields once. On cancel: as `sleep`.
[[nodiscard]] inline detail::Sleep sleep_until(TimePoint deadline) {
  return detail::Sleep(deadline, deadline <= now());
}

/// Lets other ready tasks run first (asyncio.sleep(0)). A checkpoint like every operation.
[[nodiscard]] inline detail::Yield yield_now() noexcept { return {}; }

}  // namespace plait
