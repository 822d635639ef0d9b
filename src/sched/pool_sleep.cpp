// SPDX-License-Identifier: BSL-1.0
//
// How the workers of a pool go to sleep and are woken: [P1] to [P4] of pool_scheduler.cpp.
#include <mutex>

#include "plait/sched/pool_scheduler.hpp"

namespace plait::detail {

void PoolScheduler::sleep(PoolWorker& worker) {
  {
    const std::scoped_lock guard(idle_lock_);
    if (std::exchange(worker.searching, false)) searching_.fetch_sub(1, std::memory_order_seq_cst);
    idle_.push_front(worker);
    active_.fetch_sub(1, std::memory_order_seq_cst);
  }
  os::process_barrier();  // the other half of announce() [P1]
  if (work_visible()) {
    worker.thread->parker.budget().learn(Duration::zero());  // as short as a sleep can be
    if (leave_idle(worker)) return;
  } else {
    end_if_quiet();
  }
  do {
    const TimePoint deadline = keep_time(worker);
    if (!closed()) worker.thread->parker.park_at_once(deadline);
    if (deadline != kNever) leave_time(worker);
  } while (!leave_idle(worker));
}

/// Becomes active again, unless somebody else has seen to that already or there are enough. True: the worker looks for
/// work, or the pool has come to its end.
bool PoolScheduler::leave_idle(PoolWorker& worker) noexcept {
  const std::scoped_lock guard(idle_lock_);
  if (worker.linked()) {
    if (closed()) return true;
    if (active_.load(std::memory_order_relaxed) >= size()) return false;
    worker.unlink();
    active_.fetch_add(1, std::memory_order_seq_cst);
    searching_.fetch_add(1, std::memory_order_seq_cst);
  }
  worker.searching = true;
  return true;
}

void PoolScheduler::wake_one(bool start_threads) noexcept {
  PoolWorker* worker = nullptr;
  {
    const std::scoped_lock guard(idle_lock_);
    if (closed() || active_.load(std::memory_order_relaxed) >= size()) return;
    worker = idle_.front();
    if (!start_threads && !(worker && worker->thread)) return;
    if (worker) {
      worker->unlink();
    } else if (worker = spare_worker(); !worker) {
      return;
    }
    active_.fetch_add(1, std::memory_order_seq_cst);
    searching_.fetch_add(1, std::memory_order_seq_cst);
    if (worker->thread) {
      worker->thread->parker.unpark();
      return;
    }
  }
  start_or_leave(*worker);
}

void PoolScheduler::start_or_leave(PoolWorker& worker) noexcept {
  // The strand that runs here may have made itself ready just now, and be gone: the new thread is nobody's child.
  Scheduler* const here = current();
  set_current(nullptr);
  try {
    start_thread_(owner_, worker);
    set_current(here);
  } catch (...) {
    set_current(here);
    give_up(worker);
    os::process_barrier();  // as before sleep
    // Those that are there do the work; who relied on the new one's looking for it woke nobody.
    if (work_visible()) wake_one(false);
  }
}

/// A worker that got no thread is idle once more.
void PoolScheduler::give_up(PoolWorker& worker) noexcept {
  const std::scoped_lock guard(idle_lock_);
  idle_.push_back(worker);
  active_.fetch_sub(1, std::memory_order_seq_cst);
  searching_.fetch_sub(1, std::memory_order_seq_cst);
}

void PoolScheduler::begin() {
  const std::scoped_lock beginning(beginning_);
  if (begun_.load(std::memory_order_relaxed)) return;
  PoolWorker* worker = nullptr;
  {
    const std::scoped_lock guard(idle_lock_);
    // After the end nobody counts workers.
    worker = idle_.front();
    if (closed() || !worker || worker->thread) return;
    worker->unlink();
    active_.fetch_add(1, std::memory_order_seq_cst);
    searching_.fetch_add(1, std::memory_order_seq_cst);
  }
  try {
    start_thread_(owner_, *worker);
  } catch (...) {
    give_up(*worker);
    throw;
  }
  begun_.store(true, std::memory_order_relaxed);
}

void PoolScheduler::begin_block() noexcept {
  {
    const std::scoped_lock guard(idle_lock_);
    ++blocked_;
    active_.fetch_sub(1, std::memory_order_seq_cst);
  }
  os::process_barrier();  // as before sleep: what is pushed from now on finds a place free
  if (work_visible()) announce();
}

void PoolScheduler::end_block() noexcept {
  const std::scoped_lock guard(idle_lock_);
  --blocked_;
  active_.fetch_add(1, std::memory_order_seq_cst);
}

}  // namespace plait::detail
