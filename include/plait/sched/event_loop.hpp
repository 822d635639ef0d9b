// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <string_view>

#include "plait/core/nursery.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/sched/poller.hpp"
#include "plait/sched/timer_wheel.hpp"

namespace plait::detail {

/// One thread's scheduler: ready strands in order, timers, the kernel. src/sched/event_loop.cpp has one turn in words.
class EventLoop final : public Scheduler {
 public:
  explicit EventLoop(std::unique_ptr<Poller> poller);
  ~EventLoop();

  /// A loop with the poller of that choice (see poller_name) that no thread runs, from a pool whose loops are never
  /// freed, so that a late post finds valid memory.
  static EventLoop& borrow(std::string_view choice = {});
  static void give_back(EventLoop& loop) noexcept;
  /// The loop that the calling thread runs, or null.
  static EventLoop* current() noexcept {
    Scheduler* here = Scheduler::current();
    return here && !here->home() ? static_cast<EventLoop*>(here) : nullptr;
  }

  /// Makes the calling thread run this loop, with `spawned` for what `spawn` starts.
  void enter(Nursery& spawned);
  void leave() noexcept;
  /// From now on handles of other threads are refused: the run is ending.
  void refuse_handles() noexcept { run_number_.fetch_add(1, std::memory_order_release); }
  /// Runs what is still ready or posted; true once that was nothing, and the inbox is closed.
  bool close();
  /// A number that each `enter` gets anew, for handles of other threads.
  std::uint64_t run_number() const noexcept { return run_number_.load(std::memory_order_acquire); }
  /// Runs turns until `done` is true. The caller has entered the loop. At an interrupt `root` is cancelled.
  void drive(const bool& done, DrivenLoop* root = nullptr);
  /// For signal handlers: cancels the root of whoever drives the loop, soon.
  void interrupt() noexcept {
    interrupted_.store(true, std::memory_order_release);
    poller_->wake();
  }

  void arm(Timer& timer, TimePoint deadline) noexcept override { timers_.arm(timer, deadline); }
  void disarm(Timer& timer) noexcept override { timers_.disarm(timer); }
  void wake() noexcept override;
  Poller& poller() noexcept override { return *poller_; }

  /// For a virtual clock: is there anything to do before time moves on?
  bool has_work() noexcept { return !ready_.empty(); }
  /// For a virtual clock: sleeps until woken, the kernel completes something, or the real `deadline`.
  void wait_for_kernel(TimePoint real_deadline) noexcept { poller_->wait(real_deadline); }

 private:
  static void forget_in_copies() noexcept;

  static constexpr int kBatch = 64;
  /// The loop sleeps at most once in this time for a crowd of timers, which is thus served in batches. Fewer timers
  /// than a crowd are not delayed.
  static constexpr std::size_t kCrowd = 64;
  static constexpr Duration kTimerPace = std::chrono::microseconds(500);

  void expire_timers() noexcept;
  void run_ready();
  void sleep();
  bool spin() noexcept;

  TimerWheel timers_;
  std::unique_ptr<Poller> poller_;
  /// When timers fired last.
  TimePoint last_timers_{};
  std::uint32_t turns_ = 0;
  bool posts_expected_ = false;
  SpinBudget budget_;
  Atomic<bool> interrupted_{false};
  Atomic<std::uint64_t> run_number_{0};
  EventLoop* next_free_ = nullptr;
  /// Who drove it last: a poller may be cheaper to use again on the same thread.
  const Strand* driver_ = nullptr;
};

}  // namespace plait::detail
