// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mutex>
#include <span>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/base/spin_budget.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/base/time.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/core/scope.hpp"
#include "plait/core/strand.hpp"
#include "plait/os/process_barrier.hpp"

namespace plait::os {
struct FutexWord;
}

namespace plait::detail {

/// The program had one processor when it was loaded: then nobody can answer while the caller spins. Threads that are
/// pinned to one later do not count.
bool has_one_processor() noexcept;

/// One thread's place to wait: a token that anybody gives and the thread takes. A token given early is kept, a second
/// one is absorbed. Callers loop: `park` may return without reason [W4].
class Parker {
 public:
  /// Waits for a token until `deadline`; spins briefly first, as far as that paid off lately, because waking an idle
  /// core costs 25 µs and more. For the owning thread.
  void park(TimePoint deadline);
  /// The same for a thread that has looked for what it waits for by itself, for `budget()`.
  void park_at_once(TimePoint deadline);
  SpinBudget& budget() noexcept { return budget_; }
  /// Gives the token. From any thread; the parker's memory is never returned.
  void unpark() noexcept;

  /// The three steps that a virtual clock composes anew. `wait` sleeps in the kernel.
  bool take_token() noexcept;
  void give_token() noexcept;
  void wait(TimePoint deadline) noexcept;
  /// As `wait`, and also while each of `words` is as expected. The first of them is left free for the parker's own.
  void wait_any(std::span<os::FutexWord> words, TimePoint deadline) noexcept;

 private:
  bool spin() noexcept;
  void sleep(TimePoint deadline) noexcept;

  enum : std::uint32_t { empty, token, asleep };
  Atomic<std::uint32_t> word_{empty};
  SpinBudget budget_;
};

/// A loop that a thread drives, as whoever cancels the thread sees it.
class DrivenLoop {
 public:
  /// Cancels what runs on the loop. From any thread, under the lock of `ThreadStrand::drive`.
  virtual void cancel_from_outside() noexcept = 0;

 protected:
  ~DrivenLoop() = default;
};

class Crew;

/// The strand of a plain thread. Its memory is pooled and never returned, so a late unpark is harmless [W4].
class ThreadStrand : public Strand {
 public:
  ThreadStrand() noexcept : Strand(Kind::thread) {}

  /// Cancels the thread at its next wait, or the one that it is in [W11]. From any thread, while the strand's thread
  /// is known to live. Stays until the thread ends.
  void cancel() noexcept;
  bool cancel_called() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
  /// Forgets a cancel: for a thread that takes up another job.
  void uncancel() noexcept { cancelled_.store(false, std::memory_order_relaxed); }
  void checkpoint() const {
    if (cancel_called()) [[unlikely]]
      throw Cancelled{};
  }

  /// The thread turns to `job`, the topmost of several on its stack that may each be cancelled apart; null: to none of
  /// them. Plain stores, and half of a barrier, whose other half `with_job_held` is. For the thread itself.
  void turn_to(const void* job) noexcept {
    job_.store(job, std::memory_order_release);
    os::light_barrier();
    if (job_held_.load(std::memory_order_acquire)) [[unlikely]]
      wait_for_job();
  }
  /// Calls `act(job)` while the thread can't turn to another; `act` sees what the thread did before it turned to `job`.
  /// It must not wait. Costs a system call. From any thread.
  template <class Act>
  void with_job_held(Act act) {
    const std::scoped_lock guard(job_lock_);
    job_held_.store(true, std::memory_order_relaxed);
    os::process_barrier();
    act(job_.load(std::memory_order_acquire));
    // Release pairs with the acquires of the thread.
    job_held_.store(false, std::memory_order_release);
  }

  /// The three steps of a wait by the strand's own thread. `enqueue()` queues `operation` and says whether it did; a
  /// canceller comes before that, and then this throws Cancelled, or after it. Not until `end_wait` may the operation
  /// die.
  template <class Enqueue>
  bool begin_wait(Operation& operation, Enqueue enqueue) {
    std::scoped_lock guard(wait_lock);
    checkpoint();
    const bool queued = enqueue();
    if (queued) waiting = &operation;
    return queued;
  }
  void end_wait() noexcept {
    std::scoped_lock guard(wait_lock);
    waiting = nullptr;
  }

  /// The strand's own thread begins to drive a loop, or (null) ends it. Gives the one before; the innermost is
  /// cancelled. A cancel that was before is delivered at once.
  DrivenLoop* drive(DrivenLoop* loop) noexcept;

  Parker parker;
  Scope root;
  /// Whose thread it is, or null.
  Crew* crew = nullptr;
  /// Parked for good at its next operation once the program's end has begun.
  Atomic<bool> daemon{false};
  ThreadStrand* next_free = nullptr;

 private:
  void wait_for_job() const noexcept;

  Atomic<bool> cancelled_{false};
  Atomic<bool> job_held_{false};
  /// Those who hold the job come one after the other.
  SpinLock job_lock_;
  Atomic<const void*> job_{nullptr};
  /// Guarded by the wait lock.
  DrivenLoop* driven_ = nullptr;
};

/// The calling thread's strand, made at its first use. Not inline, as it reads a thread-local.
ThreadStrand& this_thread_strand() noexcept;
/// The same, or null if the thread has not used Plait.
ThreadStrand* this_thread_strand_if_any() noexcept;
/// The calling thread's strand, and `record` becomes its record, in place of the one that it had: what a started thread
/// does first.
ThreadStrand& adopt_record(StrandRecord& record) noexcept;

/// The program's end: `exiting` is announced once non-daemon threads have ended; from then on daemons park for good.
void begin_exit() noexcept;
/// Parks the calling thread for good if it is a daemon and the program's end has begun.
void park_daemon_at_exit() noexcept;
/// How many have been parked like that: what they did is visible to the caller. Waits until it is not `seen`, or the
/// real `deadline`.
std::uint32_t daemons_parked_at_exit(std::uint32_t seen, TimePoint deadline) noexcept;

}  // namespace plait::detail
