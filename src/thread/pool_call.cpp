// SPDX-License-Identifier: BSL-1.0
//
// Idea. A job is one node in a queue that can't be searched, so a job that is cancelled, or made by a thread that waits
// for it, stays there as an empty shell, which whoever takes it throws away: the queue is a third holder of its memory
// then. A thread that waits for a job makes the call on its own stack, as if it had called the function itself; calls
// thus lie on top of each other, and a cancel of one that is covered waits until it is on top again.
//
// Invariants. [P4] of docs/design/pool.md: a job is decided once. [P8] A thread is cancelled on behalf of a job only
// while that is the topmost on its stack: who cancels holds the thread to its topmost job meanwhile, and passes the
// heavy half of a barrier, so that making a call costs one compare-and-swap.
#include "plait/thread/pool_call.hpp"

#include "plait/base/spin_lock.hpp"
#include "plait/os/stack.hpp"
#include "plait/thread/broken_thread_pool.hpp"

namespace plait::detail {
namespace {

/// What a call on top of others must find of the stack, and how many there may be: debuggers and sanitizers have to
/// walk them.
constexpr std::uintptr_t kStackForCall = 512 * 1024;
constexpr unsigned kMostCalls = 1000;

/// What a job's phase is, if neither null, which is queued, nor a thread. Deciding: somebody decides it just now, while
/// it lies in a queue.
char marks[3];
constexpr void* kDeciding = &marks[0];
constexpr void* kWithdrawn = &marks[1];
constexpr void* kEnded = &marks[2];

bool is_thread(const void* phase) noexcept {
  return phase && phase != kDeciding && phase != kWithdrawn && phase != kEnded;
}

struct Current {
  PoolJob* job = nullptr;
  std::uintptr_t stack_end = 0;
  unsigned calls = 0;
};
constinit thread_local Current current;

[[gnu::noinline]] Current& this_thread() noexcept { return current; }

bool stack_has_room(Current& here) noexcept {
  if (here.calls >= kMostCalls) return false;
  if (here.stack_end == 0) here.stack_end = os::stack_end();
  return stack_pointer() > here.stack_end + kStackForCall;
}

}  // namespace

bool PoolJob::begun() const noexcept { return is_thread(phase_.load(std::memory_order_relaxed)); }

void PoolJob::run_work(Work& work) {
  auto& job = static_cast<PoolJob&>(work);
  if (job.pool_.calls() != PoolScheduler::Calls::made) [[unlikely]]
    return job.discard();
  ThreadStrand& self = this_thread_strand();
  if (job.decide(&self)) {
    job.make_call(self);
  } else {
    job.leave_queue();
  }
}

/// False: somebody else has decided, or does so just now.
bool PoolJob::decide(Phase phase) noexcept {
  Phase queued = nullptr;
  // Acquire and release, as what was done for the call before it is seen by who makes it or withdraws it.
  return phase_.compare_exchange_strong(queued, phase, std::memory_order_acq_rel, std::memory_order_relaxed);
}

/// The same by somebody who has not taken the job out of its queue, which holds it from then on.
bool PoolJob::decide_outside_queue(Phase phase) noexcept {
  if (!decide(kDeciding)) return false;
  hold_for_queue();
  // Release pairs with decided().
  phase_.store(phase, std::memory_order_release);
  return true;
}

PoolJob::Phase PoolJob::decided() const noexcept {
  for (int i = 1;; ++i) {
    const Phase phase = phase_.load(std::memory_order_acquire);
    if (phase != kDeciding) return phase;
    wait_turn(i);
  }
}

void PoolJob::leave_queue() noexcept {
  if (decided() == kWithdrawn) drop();  // else the call is made, or has been
  release_by_queue();
}

void PoolJob::make_call(ThreadStrand& thread) {
  Current& here = this_thread();
  below_ = std::exchange(here.job, this);
  ++here.calls;
  if (below_) {
    thread.turn_to(nullptr);  // from here on nobody cancels the thread for the call below
    if (below_->cancelled_.load(std::memory_order_relaxed)) thread.uncancel();
  }
  thread.turn_to(this);
  if (cancelled_.load(std::memory_order_relaxed)) thread.cancel();  // before it was topmost
  call(thread);
}

void PoolJob::end(ThreadStrand& thread) noexcept {
  Current& here = this_thread();
  here.job = below_;
  --here.calls;
  phase_.store(kEnded, std::memory_order_relaxed);
  thread.turn_to(nullptr);
  if (cancelled_.load(std::memory_order_relaxed)) thread.uncancel();
  if (!below_) return;
  thread.turn_to(below_);
  if (below_->cancelled_.load(std::memory_order_relaxed)) thread.cancel();
}

void PoolJob::help() {
  PoolWorker* worker = PoolWorker::current();
  if (!worker || &worker->pool != &pool_ || Scheduler::current() || !stack_has_room(this_thread())) return;
  if (worker->deque.pop_if(*this)) return run_work(*this);
  if (pool_.calls() != PoolScheduler::Calls::made) return;  // whoever takes it discards it
  ThreadStrand& self = this_thread_strand();
  if (decide_outside_queue(&self)) make_call(self);
}

void PoolJob::cancel() noexcept {
  if (decide_outside_queue(kWithdrawn)) return fail(std::make_exception_ptr(Cancelled{}));
  const Phase phase = decided();
  if (!is_thread(phase)) return;
  // [P8] The thread may be through with the call by now, but is still a thread.
  auto& thread = *static_cast<ThreadStrand*>(phase);
  thread.with_job_held([&](const void* job) {
    if (phase_.load(std::memory_order_relaxed) != phase) return;
    if (!cancelled_.exchange(true, std::memory_order_relaxed) && job == this) thread.cancel();
  });
}

void PoolJob::discard() noexcept {
  if (!decide(kEnded)) return leave_queue();
  const bool broken = pool_.calls() == PoolScheduler::Calls::broken;
  drop();
  fail(broken ? std::make_exception_ptr(BrokenThreadPool(pool_.breakage())) : std::make_exception_ptr(Cancelled{}));
}

}  // namespace plait::detail
