// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/core/clock.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/scope.hpp"
#include "plait/core/timer.hpp"

namespace plait::detail {

/// The innermost scope of a strand for a block, cancelled at a deadline (kNever: never). For the strand's own loop.
class DeadlineScope : public Scope {
 public:
  DeadlineScope(Strand& strand, TimePoint deadline, bool shielded = false) noexcept {
    if (shielded) shield(true);
    enter(strand);
    set_deadline(deadline);
  }
  /// The deadline is `span` from now; zero or less cancels at once.
  DeadlineScope(Strand& strand, Duration span) noexcept {
    enter(strand);
    span <= Duration::zero() ? cancel() : arm(add(now(), span));
  }
  ~DeadlineScope() {
    disarm();
    leave();
  }
  DeadlineScope(const DeadlineScope&) = delete;
  DeadlineScope& operator=(const DeadlineScope&) = delete;

  /// A deadline that has passed cancels at once.
  void set_deadline(TimePoint deadline) noexcept {
    disarm();
    if (deadline == kNever) return;
    deadline <= now() ? cancel() : arm(deadline);
  }

 private:
  struct Alarm : Timer {
    DeadlineScope* scope = nullptr;
  };
  void arm(TimePoint deadline) noexcept {
    if (deadline == kNever) return;
    alarm_.scope = this;
    alarm_.fire = [](Timer& timer) noexcept { static_cast<Alarm&>(timer).scope->cancel(); };
    alarm_.fires_at = this;
    const HomeGuard guard(home());
    strand()->scheduler->arm(alarm_, deadline);
  }
  void disarm() noexcept {
    const HomeGuard guard(home());
    if (alarm_.linked()) strand()->scheduler->disarm(alarm_);
  }

  Alarm alarm_;
};

}  // namespace plait::detail
