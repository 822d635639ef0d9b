// SPDX-License-Identifier: BSL-1.0
//
// Idea. Each worker has a deque: what its work forks or submits goes there, newest first for itself, oldest first for
// thieves. Work from outside and strands that were woken go through one queue, oldest first, from which workers take
// several at a time. A worker that finds nothing anywhere sleeps; a worker that was woken and finds something wakes the
// next if there is more, so that one new piece of work costs one wake-up.
//
// Invariants. P1. No work waits while a worker sleeps: who pushes looks at `active_` after that, who sleeps looks at
// all queues after it has left `active_`, and between the two stands an asymmetric barrier, so that one sees the other.
// P2. At most `size` workers run at a time, not counting those who wait for a Future. P3. A worker is in `idle_`, or
// counted in `active_`, or counted in `blocked_`. P4. Who takes a worker out of `idle_` has counted it active, and
// searching, on its behalf.
#include "plait/sched/pool_scheduler.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/os/shared_memory.hpp"

namespace plait::detail {
namespace {

[[gnu::tls_model("initial-exec")]] constinit thread_local PoolWorker* current_worker = nullptr;

/// Threads beyond the size of a pool, for as many workers that wait for Futures.
constexpr unsigned kSpares = 1024;
/// How many pieces of work a worker takes from the queue at once.
constexpr std::size_t kBatch = 16;
/// Every so many pieces of work the queue comes before the own deque, and the oldest of that before the newest.
constexpr std::uint32_t kFairness = 32;
/// A look at a deque takes a cache line away from its owner.
constexpr int kTurnsBetweenLooks = 32;
/// What a worker keeps of its stack for the transfers of the strands that it runs.
constexpr std::size_t kStackForHops = 48 * 1024;

struct FreePools {
  SpinLock lock;
  PoolScheduler* first = nullptr;
  /// In a forked child: its parent's, which another thread may have been at.
  PoolScheduler* inherited = nullptr;
};
constinit FreePools free_pools;

[[gnu::constructor(os::kWatchForks)]] void watch_forks() {
  os::in_each_forked_child([] {
    free_pools.inherited = std::exchange(free_pools.first, nullptr);
    new (&free_pools.lock) SpinLock;
  });
}

}  // namespace

[[gnu::noinline]] PoolWorker* PoolWorker::current() noexcept { return current_worker; }

PoolScheduler::PoolScheduler() noexcept : Scheduler(home_lock_) {
  anchor_.scheduler = this;
  anchor_.home = &home_lock_;
  anchor_.record = open_record(false, "pool", nullptr, nullptr);
  spawned_ = &tasks_;
}

PoolScheduler& PoolScheduler::borrow(unsigned size, StartThread start_thread, PoolIo::StartThread start_io,
                                     void* owner) {
  PoolScheduler* pool = nullptr;
  {
    const std::scoped_lock guard(free_pools.lock);
    pool = free_pools.first;
    if (pool) free_pools.first = pool->next_free_;
  }
  if (!pool) pool = new PoolScheduler;
  // A new one, for the last pool's may have been cancelled.
  std::destroy_at(&pool->tasks_.scope);
  std::construct_at(&pool->tasks_.scope);
  pool->tasks_.scope.attach(nullptr, pool->anchor_);
  // Under the lock, for somebody who made a strand of the last pool ready may not have looked for a sleeper yet.
  const std::scoped_lock guard(pool->idle_lock_);
  pool->start_thread_ = start_thread;
  pool->owner_ = owner;
  pool->io_.begin(start_io, owner);
  pool->size_.store(size, std::memory_order_relaxed);
  pool->closing_ = false;
  pool->calls_.store(Calls::made, std::memory_order_relaxed);
  pool->injected_.open();
  pool->begun_.store(false, std::memory_order_relaxed);
  pool->workers_ = std::make_unique<Atomic<PoolWorker*>[]>(size + kSpares);
  for (unsigned i = 0; i < size; ++i) pool->idle_.push_back(*pool->spare_worker());
  pool->timers_.restart(now());
  pool->exit_.store(false, std::memory_order_relaxed);
  return *pool;
}

void PoolScheduler::give_back(PoolScheduler& pool) noexcept {
  {
    const std::scoped_lock guard(pool.idle_lock_);
    while (pool.idle_.pop_front()) {
    }
    pool.published_.store(0, std::memory_order_relaxed);
    pool.all_.clear();
    pool.workers_.reset();
    pool.size_.store(0, std::memory_order_relaxed);
  }
  const std::scoped_lock guard(free_pools.lock);
  pool.next_free_ = free_pools.first;
  free_pools.first = &pool;
}

/// A worker more, for thieves to see. With the idle lock held.
PoolWorker* PoolScheduler::spare_worker() noexcept {
  const unsigned index = published_.load(std::memory_order_relaxed);
  if (index == size() + kSpares) return nullptr;
  try {
    all_.push_back(std::make_unique<PoolWorker>(*this));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  workers_[index].store(all_.back().get(), std::memory_order_relaxed);
  // Release pairs with the thieves' acquire.
  published_.store(index + 1, std::memory_order_release);
  return all_.back().get();
}

// ---- Work ----

bool PoolScheduler::is_here() const noexcept {
  const PoolWorker* worker = PoolWorker::current();
  return worker && &worker->pool == this;
}

Strand* PoolScheduler::running_here() const noexcept { return is_here() ? PoolWorker::current()->running : nullptr; }

bool PoolScheduler::submit(Work& work) {
  if (PoolWorker* worker = PoolWorker::current(); worker && &worker->pool == this) {
    if (refuses()) return false;
    push_here(*worker, work);
  } else {
    if (!begun_.load(std::memory_order_relaxed)) begin();
    if (!injected_.offer(work)) return false;
  }
  announce();
  return true;
}

bool PoolScheduler::schedule_shared(Work& work) noexcept {
  if (!injected_.push(work)) return false;
  announce();
  return true;
}

Work* PoolScheduler::take_injected(PoolWorker& worker) noexcept {
  if (injected_.empty()) return nullptr;
  Work* batch[kBatch];
  const std::size_t count = injected_.take(batch, size());
  if (count == 0) return nullptr;
  // Made by other processors: they come while the first is done.
  for (std::size_t i = 0; i < count; ++i) __builtin_prefetch(batch[i], 1);
  // The oldest comes last, to be popped first.
  for (std::size_t i = count; i-- > 1;) push_here(worker, *batch[i]);
  if (count > 1) announce();
  return batch[0];
}

Work* PoolScheduler::steal(PoolWorker& worker) noexcept {
  const unsigned count = published_.load(std::memory_order_acquire);
  const unsigned begin = ++worker.tick;
  for (unsigned i = 0; i < count; ++i) {
    PoolWorker& victim = *workers_[(begin + i) % count].load(std::memory_order_relaxed);
    if (&victim == &worker) continue;
    if (Work* work = victim.deque.steal_patiently()) return work;
  }
  return nullptr;
}

bool PoolScheduler::work_visible() const noexcept {
  if (!injected_.empty()) return true;
  const unsigned count = published_.load(std::memory_order_acquire);
  for (unsigned i = 0; i < count; ++i) {
    if (!workers_[i].load(std::memory_order_relaxed)->deque.empty()) return true;
  }
  return false;
}

Work* PoolScheduler::withdraw() noexcept {
  Work* injected = nullptr;
  if (injected_.take({&injected, 1}, 1) == 1) return injected;
  const unsigned count = published_.load(std::memory_order_acquire);
  for (unsigned i = 0; i < count; ++i) {
    WorkDeque& deque = workers_[i].load(std::memory_order_relaxed)->deque;
    while (!deque.empty()) {
      if (Work* work = deque.steal()) return work;
    }
  }
  return nullptr;
}

// ---- A worker's life ----

void PoolScheduler::work(PoolWorker& worker) {
  ThreadStrand& self = this_thread_strand();
  self.crew = this;
  {
    const std::scoped_lock guard(idle_lock_);
    worker.thread = &self;
  }
  worker.searching = true;  // counted by who started the thread
  worker.stack_limit = stack_pointer() - kStackForHops;
  current_worker = &worker;
  struct Leaving {  // also when a call ends the thread by pthread_exit
    PoolWorker& worker;
    ~Leaving() { worker.pool.leave(worker); }
  } const leaving{worker};
  while (!closed()) {
    Work* work = nullptr;
    if (active_.load(std::memory_order_relaxed) <= size()) work = find(worker);
    if (work) {
      execute(worker, *work);
    } else {
      // One too many: the parent that it would have gone on with is for those who stay [P2].
      if (worker.next) [[unlikely]]
        static_cast<void>(injected_.push(*std::exchange(worker.next, nullptr)));
      sleep(worker);
    }
  }
}

/// The thread leaves the worker: at the pool's end, or out of the middle of a call, and then another thread may come.
void PoolScheduler::leave(PoolWorker& worker) noexcept {
  current_worker = nullptr;
  worker.thread->crew = nullptr;
  {
    const std::scoped_lock leaving(leaving_lock_);  // cancel_all() is through with the thread, or will not find it
    const std::scoped_lock guard(idle_lock_);
    worker.thread = nullptr;
    if (closed()) return;
    idle_.push_back(worker);
    active_.fetch_sub(1, std::memory_order_seq_cst);
  }
  os::process_barrier();  // as before sleep
  work_visible() ? announce() : end_if_quiet();
}

Work* PoolScheduler::find(PoolWorker& worker) noexcept {
  if (worker.next) return std::exchange(worker.next, nullptr);
  if (++worker.tick % kFairness == 0) {
    expire_timers();
    if (Work* work = take_injected(worker)) return work;
    if (Work* work = worker.deque.steal()) return work;
  }
  if (Work* work = worker.deque.pop()) return work;
  if (Work* work = take_injected(worker)) return work;
  return search(worker);
}

Work* PoolScheduler::search(PoolWorker& worker) noexcept {
  if (!std::exchange(worker.searching, true)) searching_.fetch_add(1, std::memory_order_seq_cst);
  expire_timers();
  const int spins = has_one_processor() ? 1 : worker.thread->parker.budget().spins();
  for (int turn = 1; turn <= spins; ++turn) {
    if (turn % kTurnsBetweenLooks == 1) {
      if (Work* work = steal(worker)) return work;
      if (closed() || active_.load(std::memory_order_relaxed) > size()) break;
    }
    if (Work* work = take_injected(worker)) return work;
    cpu_relax();
  }
  return nullptr;
}

void PoolScheduler::stop_searching(PoolWorker& worker) noexcept {
  if (!std::exchange(worker.searching, false)) return;
  // The last who looked: pushers relied on it, so it passes the word on if there is more, and somebody for it.
  if (searching_.fetch_sub(1, std::memory_order_seq_cst) == 1 && active_.load(std::memory_order_relaxed) < size()) {
    os::process_barrier();  // as before sleep: what was pushed while it looked is seen now [P1]
    if (work_visible()) announce();
  }
  if (std::exchange(worker.kept_time, false)) pass_time_on();
}

void PoolScheduler::execute(PoolWorker& worker, Work& work) {
  stop_searching(worker);
  if (work.run) {
    work.run(work);
  } else {
    resume(worker, static_cast<Strand&>(work));
  }
}

void PoolScheduler::resume(PoolWorker& worker, Strand& strand) {
  worker.running = &strand;
  strand.runner = &worker;
  strand.stack_limit = worker.stack_limit;
  strand.budget = Strand::kBudget;
  strand.record->set(StrandState::running);
  set_current(this);
  strand.resume_point.resume();
  // The strand may be on another thread by now, or gone.
  while (worker.bounced) std::exchange(worker.bounced, {}).resume();
  worker.running = nullptr;
  if (worker.finished) {
    Strand& finished = *std::exchange(worker.finished, nullptr);
    finished.finish(finished);
  }
  set_current(nullptr);
}

// ---- The end ----

void PoolScheduler::close() noexcept {
  refuse();
  {
    const std::scoped_lock guard(idle_lock_);
    closing_ = true;
  }
  end_if_quiet();
}

void PoolScheduler::cancel_calls() noexcept {
  const std::scoped_lock guard(idle_lock_);
  if (calls() == Calls::made) calls_.store(Calls::cancelled, std::memory_order_release);
}

void PoolScheduler::break_with(std::string reason) noexcept {
  {
    const std::scoped_lock guard(idle_lock_);
    if (calls() == Calls::broken) return;
    breakage_ = std::move(reason);
    // Release pairs with the acquire in calls().
    calls_.store(Calls::broken, std::memory_order_release);
  }
  refuse();
  tasks_.scope.cancel();
}

void PoolScheduler::go_on_without_this_thread() noexcept {
  {
    const std::scoped_lock guard(idle_lock_);
    active_.fetch_sub(1, std::memory_order_seq_cst);
  }
  os::process_barrier();  // as before sleep
  work_visible() ? announce() : end_if_quiet();
}

void PoolScheduler::cancel_all() noexcept {
  tasks_.scope.cancel();
  const std::scoped_lock guard(leaving_lock_);
  const unsigned count = published_.load(std::memory_order_acquire);
  for (unsigned i = 0; i < count; ++i) {
    idle_lock_.lock();
    ThreadStrand* thread = workers_[i].load(std::memory_order_relaxed)->thread;
    idle_lock_.unlock();  // a cancel may make other work ready, and wake a worker for it
    if (thread) thread->cancel();
  }
}

/// Ends the pool if it is to close and nothing can happen any more.
void PoolScheduler::end_if_quiet() noexcept {
  IntrusiveList<Waiter, Link> closers;
  {
    const HomeGuard home(&home_lock_);  // no task begins meanwhile
    const std::scoped_lock guard(idle_lock_);
    if (!closing_ || closed() || active_.load(std::memory_order_relaxed) != 0 || blocked_ != 0) return;
    if (work_visible() || tasks_.live() != 0) return;
    // A cancel of a task that has ended may still be on its way: it comes before the end, or is refused.
    if (!injected_.end_if_empty()) return;
    exit_.store(true, std::memory_order_release);
    io_.end();
    closers.splice_back(closers_);
    for (PoolWorker* worker = idle_.front(); worker; worker = idle_.after(*worker)) {
      if (worker->thread) worker->thread->parker.unpark();
    }
  }
  while (Waiter* closer = closers.pop_front()) closer->grant();
}

bool PoolScheduler::add_closer(Waiter& waiter) noexcept {
  const std::scoped_lock guard(idle_lock_);
  if (closed()) return false;
  closers_.push_back(waiter);
  return true;
}

bool PoolScheduler::remove_closer(Waiter& waiter) noexcept {
  const std::scoped_lock guard(idle_lock_);
  if (closed()) return false;  // end_if_quiet() has claimed it
  waiter.unlink();
  return true;
}

}  // namespace plait::detail
