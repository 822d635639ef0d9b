// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plait/core/crew.hpp"
#include "plait/core/leaf.hpp"
#include "plait/core/nursery.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/os/process_barrier.hpp"
#include "plait/sched/injection_queue.hpp"
#include "plait/sched/pool_io.hpp"
#include "plait/sched/pool_worker.hpp"
#include "plait/sched/timer_wheel.hpp"

namespace plait::detail {

/// What runs the strands and jobs of a pool on several threads. docs/design/pool.md has its life in words. The threads
/// are somebody else's: `start_thread` gets one for a worker, and it calls `work`. Any thread, unless said otherwise.
class PoolScheduler final : public Scheduler, public Crew {
 public:
  /// Starts a thread that calls `work(worker)`; throws if there is none to be had.
  using StartThread = void (*)(void* owner, PoolWorker& worker);

  /// A scheduler for `size` workers, from a pool whose schedulers are never freed, so that a late cancel finds a lock.
  static PoolScheduler& borrow(unsigned size, StartThread start_thread, PoolIo::StartThread start_io, void* owner);
  /// Its threads are gone.
  static void give_back(PoolScheduler& pool) noexcept;

  /// The life of a worker, on its thread: returns when the pool has closed.
  void work(PoolWorker& worker);

  /// Makes `work` the newest of the calling worker, or of the pool, and sees to it that somebody runs it. False, and
  /// nothing done, once the pool refuses work. Throws std::system_error if there is no thread to be had.
  [[nodiscard]] bool submit(Work& work);
  /// Starts a strand of the pool's own group, which `make()` gives. False once the pool refuses work.
  template <class Make>
  [[nodiscard]] bool start(Make make) {
    if (!begun_.load(std::memory_order_relaxed)) begin();
    const HomeGuard guard(&home_lock_);
    if (refuses() && (closed() || !is_here())) return false;
    schedule(make());
    return true;
  }
  /// The same for the calling thread's own worker. `announce` follows the last of several.
  void push_here(PoolWorker& worker, Work& work) noexcept {
    if (!worker.deque.push(work)) [[unlikely]]
      static_cast<void>(injected_.push(work));  // the caller keeps the pool alive
  }
  void announce() noexcept {
    // Who goes to sleep leaves `active_`, passes the other half of the barrier, and looks at all queues again [P1].
    os::light_barrier();
    if (active_.load(std::memory_order_relaxed) < size() && searching_.load(std::memory_order_relaxed) == 0)
        [[unlikely]]
      wake_one();
  }
  /// Resumes `strand` on the calling thread's worker until it suspends or ends.
  void resume(PoolWorker& worker, Strand& strand);

  /// Work in the queues, oldest first, which becomes the caller's; null if there is none.
  Work* withdraw() noexcept;

  unsigned size() const noexcept { return size_.load(std::memory_order_relaxed); }
  /// Whether the calling thread is one of the workers.
  bool is_here() const noexcept;
  Nursery& tasks() noexcept { return tasks_; }

  /// From now on `submit` and, for strangers, `start` are refused.
  void refuse() noexcept { injected_.close(); }
  bool refuses() const noexcept { return injected_.closed(); }
  /// From now on the pool ends when nothing is queued, runs or waits: then `closed`, and the workers return.
  void close() noexcept;
  /// The call that the calling thread makes ends the program, and will not return.
  void go_on_without_this_thread() noexcept;
  /// What becomes of calls that have not begun; who makes calls asks before each.
  enum class Calls : std::uint8_t { made, cancelled, broken };
  Calls calls() const noexcept { return calls_.load(std::memory_order_acquire); }
  /// From now on they are cancelled.
  void cancel_calls() noexcept;
  /// No call can be made any more, for that reason, and the tasks are cancelled. The first reason counts.
  void break_with(std::string reason) noexcept;
  /// Why; when it is broken.
  const std::string& breakage() const noexcept { return breakage_; }
  /// Cancels the tasks, and the calls that are being made.
  void cancel_all() noexcept;
  bool closed() const noexcept { return exit_.load(std::memory_order_acquire); }
  bool add_closer(Waiter& waiter) noexcept;
  bool remove_closer(Waiter& waiter) noexcept;

  /// A worker's thread waits for a Future: somebody else may take its place meanwhile.
  void begin_block() noexcept override;
  void end_block() noexcept override;

  void arm(Timer& timer, TimePoint deadline) noexcept override;
  void disarm(Timer& timer) noexcept override;
  Poller& poller() noexcept override { return io_; }
  void wake() noexcept override {}

 private:
  PoolScheduler() noexcept;

  bool schedule_shared(Work& work) noexcept override;
  Strand* running_here() const noexcept override;

  /// Gets the first thread, so that a caller learns if there is none.
  void begin();
  Work* take_injected(PoolWorker& worker) noexcept;
  Work* steal(PoolWorker& worker) noexcept;
  Work* search(PoolWorker& worker) noexcept;
  void leave(PoolWorker& worker) noexcept;
  Work* find(PoolWorker& worker) noexcept;
  void execute(PoolWorker& worker, Work& work);
  bool work_visible() const noexcept;

  void wake_one(bool start_threads = true) noexcept;
  PoolWorker* spare_worker() noexcept;
  void start_or_leave(PoolWorker& worker) noexcept;
  void give_up(PoolWorker& worker) noexcept;
  void stop_searching(PoolWorker& worker) noexcept;
  void sleep(PoolWorker& worker);
  bool leave_idle(PoolWorker& worker) noexcept;
  TimePoint keep_time(PoolWorker& worker) noexcept;
  void leave_time(PoolWorker& worker) noexcept;
  void pass_time_on() noexcept;
  void expire_timers() noexcept;
  void end_if_quiet() noexcept;

  HomeLock home_lock_;
  Atomic<unsigned> size_{0};
  Atomic<Calls> calls_{Calls::made};
  StartThread start_thread_ = nullptr;
  void* owner_ = nullptr;

  /// Workers that run or look for work, and of these who look.
  alignas(64) Atomic<unsigned> active_{0};
  Atomic<unsigned> searching_{0};

  /// Work from outside, and strands that were woken. Closed once the pool refuses work.
  alignas(64) InjectionQueue injected_;
  /// A thread was started.
  Atomic<bool> begun_{false};
  /// Who begins comes after those who try already, and learns by itself if there is no thread.
  std::mutex beginning_;

  /// While it is held no thread leaves the pool. Taken before all others.
  SpinLock leaving_lock_;
  /// Guards what follows. Taken after the home's lock.
  alignas(64) SpinLock idle_lock_;
  IntrusiveList<PoolWorker, Link> idle_;
  std::vector<std::unique_ptr<PoolWorker>> all_;
  /// The same for thieves: `published_` of them.
  std::unique_ptr<Atomic<PoolWorker*>[]> workers_;
  Atomic<unsigned> published_{0};
  unsigned blocked_ = 0;
  bool closing_ = false;
  /// Written once, before `calls_` says so.
  std::string breakage_;
  Atomic<bool> exit_{true};
  IntrusiveList<Waiter, Link> closers_;

  /// Guarded by the home's lock: who sleeps until the next timer.
  TimerWheel timers_;
  Atomic<bool> timed_{false};
  PoolWorker* timekeeper_ = nullptr;
  TimePoint keeps_{};

  PoolIo io_;

  /// What the tasks of the pool hang on.
  Strand anchor_{Strand::Kind::task};
  Nursery tasks_;
  PoolScheduler* next_free_ = nullptr;
};

}  // namespace plait::detail
