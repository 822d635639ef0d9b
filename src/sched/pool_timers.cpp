// SPDX-License-Identifier: BSL-1.0
//
// The timers of a pool. They lie in one wheel under the home's lock; of the workers that sleep one, the timekeeper,
// does so until the next of them is due, and passes that on when it is woken for work.
#include "plait/sched/pool_scheduler.hpp"

namespace plait::detail {

void PoolScheduler::arm(Timer& timer, TimePoint deadline) noexcept {
  const HomeGuard guard(&home_lock_);
  timers_.arm(timer, deadline);
  timed_.store(true, std::memory_order_relaxed);
  if (timekeeper_ && deadline < keeps_) {
    keeps_ = deadline;
    timekeeper_->thread->parker.unpark();
  } else if (!timekeeper_) {
    wake_one(false);
  }
}

void PoolScheduler::disarm(Timer& timer) noexcept {
  const HomeGuard guard(&home_lock_);
  timers_.disarm(timer);
}

void PoolScheduler::expire_timers() noexcept {
  if (!timed_.load(std::memory_order_relaxed)) return;
  const HomeGuard guard(&home_lock_);
  timers_.expire(now());
  timed_.store(timers_.armed() != 0, std::memory_order_relaxed);
}

/// Until when a worker that goes to sleep may: one of those who sleep keeps the time for all.
TimePoint PoolScheduler::keep_time(PoolWorker& worker) noexcept {
  worker.kept_time = false;
  if (!timed_.load(std::memory_order_relaxed)) return kNever;
  const HomeGuard guard(&home_lock_);
  if (timekeeper_ || timers_.armed() == 0) return kNever;
  timekeeper_ = &worker;
  keeps_ = timers_.next();
  return keeps_;
}

/// The timekeeper is awake, even if another has let the timers expire meanwhile.
void PoolScheduler::leave_time(PoolWorker& worker) noexcept {
  {
    const HomeGuard guard(&home_lock_);
    timekeeper_ = nullptr;
  }
  worker.kept_time = true;
  expire_timers();
}

/// Who kept the time has found work: another is to sleep until the next timer.
void PoolScheduler::pass_time_on() noexcept {
  {
    const HomeGuard guard(&home_lock_);
    if (timekeeper_ || timers_.armed() == 0) return;
  }
  wake_one(false);
}

}  // namespace plait::detail
