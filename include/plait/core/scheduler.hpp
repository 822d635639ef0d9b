// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>

#include "plait/base/atomic.hpp"
#include "plait/core/clock.hpp"
#include "plait/core/home.hpp"
#include "plait/core/strand.hpp"
#include "plait/core/timer.hpp"
#include "plait/core/work.hpp"

namespace plait::detail {

class Nursery;
class Poller;

/// What resumes strands: the ready list, the inbox for other threads, timers. `EventLoop` is one; the interface is
/// here so that tasks and primitives need nothing of the floor above.
class Scheduler {
 public:
  Scheduler() = default;
  /// One whose strands are run by several threads, side by side.
  explicit Scheduler(HomeLock& home) noexcept : home_(&home) {}
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// The scheduler that the calling thread runs, or null in a plain thread. Not inline: a compiler may keep the
  /// address of a thread-local across a `co_await`.
  static Scheduler* current() noexcept;
  /// The strand that the calling thread runs: a task, else the thread itself.
  static Strand& current_strand() noexcept;
  /// Throws std::logic_error if the caller runs on a loop: `operation` would block it. `instead` names the form to
  /// await.
  static void refuse_to_block(std::string_view operation, std::string_view instead);

  /// Runs `work` on this scheduler: at once into the ready list from its own thread, else by the inbox.
  void schedule(Work& work) noexcept {
    if (home_) [[unlikely]] {
      static_cast<void>(schedule_shared(work));
    } else if (current() == this) {
      ready_.push(work);
    } else {
      post(work);
    }
  }
  /// As `schedule`, when the caller knows that it runs on this scheduler.
  void schedule_here(Work& work) noexcept {
    if (home_) [[unlikely]] {
      static_cast<void>(schedule_shared(work));
    } else {
      ready_.push(work);
    }
  }
  /// As `schedule`, for callers on other threads. Lock-free; wakes the loop only if it sleeps.
  void post(Work& work) noexcept { static_cast<void>(try_post(work)); }
  /// As `post`; false, and nothing done, once the scheduler takes no more (its run has ended).
  [[nodiscard]] bool try_post(Work& work) noexcept;

  /// Arms a timer. The deadline may be in the past: it fires in the next turn. For the scheduler's thread.
  virtual void arm(Timer& timer, TimePoint deadline) noexcept = 0;
  virtual void disarm(Timer& timer) noexcept = 0;
  /// What waits for the kernel on behalf of the strands here. For the scheduler's thread, or a pool's threads.
  virtual Poller& poller() noexcept = 0;
  /// Ends the loop's sleep. Any thread.
  virtual void wake() noexcept = 0;

  /// The task that is being resumed, or null between tasks. For the scheduler's thread.
  Strand* running() const noexcept { return home_ ? running_here() : running_; }
  /// The lock that is the home of the strands here; null where that is the scheduler's thread.
  HomeLock* home() const noexcept { return home_; }
  /// The group that `spawn` without a group puts its tasks in: that of the `run` in progress.
  Nursery* spawned() const noexcept { return spawned_; }

 protected:
  ~Scheduler() = default;

  /// `try_post` and `running` where several threads run strands.
  [[nodiscard]] virtual bool schedule_shared(Work& work) noexcept;
  virtual Strand* running_here() const noexcept;

  /// What frames left to the runner: the one that the stack had no room for, the strand that ended.
  void go_on();

  /// The word of an inbox whose owner sleeps, or is about to.
  static inline Work asleep_mark;
  /// The word of an inbox that takes no more.
  static inline Work closed_mark;

  static void set_current(Scheduler* scheduler) noexcept;
  /// Resumes a strand until it suspends, and completes it if it ends.
  void resume(Strand& strand) {
    running_ = &strand;
    strand.runner = &runner_;
    strand.stack_limit = runner_.stack_limit;
    strand.budget = Strand::kBudget;
    strand.record->set(StrandState::running);
    strand.resume_point.resume();
    if (runner_.bounced || runner_.finished) [[unlikely]]
      go_on();
    running_ = nullptr;
  }
  /// Moves what other threads posted to the ready list, in order. True if there was something.
  bool take_inbox() noexcept;
  /// Announces sleep; false if something was posted meanwhile, then the caller must not sleep.
  bool announce_sleep() noexcept;

  HomeLock* const home_ = nullptr;
  WorkQueue ready_;
  Strand* running_ = nullptr;
  Nursery* spawned_ = nullptr;
  Runner runner_;
  /// Closes an empty inbox; false if something was posted meanwhile.
  bool close_inbox() noexcept;
  void open_inbox() noexcept { inbox_.store(nullptr, std::memory_order_release); }

  /// Null: empty and awake; a mark: empty and asleep, or closed; else the newest of a stack of posted work.
  alignas(64) Atomic<Work*> inbox_{&closed_mark};
};

}  // namespace plait::detail
