// SPDX-License-Identifier: BSL-1.0
//
// Idea. A job is one node in a queue that can't be searched, so a job that is cancelled, or made by a thread that waits
// for it, stays there as an empty shell, which whoever takes it throws away: the queue is a third holder of its memory
// then. A thread that waits for a job makes the call on its own stack, as if it had called the function itself; calls
// thus lie on top of each other, and a cancel of one that is covered waits until it is on top again.
#include "plait/thread/pool_call.hpp"

#include <mutex>

#include "plait/os/stack.hpp"

namespace plait::detail {
namespace {

/// What a call on top of others must find of the stack, and how many there may be: debuggers and sanitizers have to
/// walk them.
constexpr std::uintptr_t kStackForCall = 512 * 1024;
constexpr unsigned kMostCalls = 1000;

struct Current {
  PoolJob* job = nullptr;
  std::uintptr_t stack_end = 0;
  unsigned calls = 0;
};
constinit thread_local Current current;

[[gnu::noinline]] Current& this_thread() noexcept { return current; }

bool stack_has_room() noexcept {
  Current& here = this_thread();
  if (here.calls >= kMostCalls) return false;
  if (here.stack_end == 0) here.stack_end = os::stack_end();
  return stack_pointer() > here.stack_end + kStackForCall;
}

}  // namespace

void PoolJob::run_work(Work& work) {
  auto& job = static_cast<PoolJob&>(work);
  if (job.begin()) {
    job.make_call();
  } else {
    job.leave_queue();
  }
}

/// False: it was decided while it lay in the queue.
bool PoolJob::begin() noexcept {
  ThreadStrand& self = this_thread_strand();
  const std::scoped_lock guard(lock_);
  if (phase_ != Phase::queued) return false;
  phase_ = Phase::begun;
  thread_ = &self;
  return true;
}

void PoolJob::leave_queue() noexcept {
  lock_.lock();
  const bool withdrawn = phase_ == Phase::withdrawn;
  lock_.unlock();
  if (withdrawn) drop();  // else the call is made, or has been
  release_by_queue();
}

void PoolJob::make_call() {
  Current& here = this_thread();
  below_ = std::exchange(here.job, this);
  ++here.calls;
  if (below_) {
    const std::scoped_lock guard(below_->lock_);
    below_->covered_ = true;
    if (below_->cancelled_) thread_->uncancel();
  }
  if (below_) {
    const std::scoped_lock guard(lock_);
    if (cancelled_) thread_->cancel();  // just now, and put away with that of the call below
  }
  call();
}

void PoolJob::end() noexcept {
  {
    const std::scoped_lock guard(lock_);
    phase_ = Phase::ended;
    if (cancelled_) thread_->uncancel();
  }
  Current& here = this_thread();
  here.job = below_;
  --here.calls;
  if (!below_) return;
  const std::scoped_lock guard(below_->lock_);
  below_->covered_ = false;
  if (below_->cancelled_) thread_->cancel();
}

void PoolJob::help() {
  PoolWorker* worker = PoolWorker::current();
  if (!worker || &worker->pool != &pool_ || Scheduler::current() || !stack_has_room()) return;
  if (worker->deque.pop_if(*this)) return run_work(*this);
  {
    ThreadStrand& self = this_thread_strand();
    const std::scoped_lock guard(lock_);
    if (phase_ != Phase::queued) return;
    hold_for_queue();
    phase_ = Phase::begun;
    thread_ = &self;
  }
  make_call();
}

void PoolJob::cancel() noexcept {
  {
    const std::scoped_lock guard(lock_);
    if (phase_ == Phase::begun && !std::exchange(cancelled_, true) && !covered_) thread_->cancel();
    if (phase_ != Phase::queued) return;
    hold_for_queue();
    phase_ = Phase::withdrawn;
  }
  complete_cancelled();
}

void PoolJob::discard() noexcept {
  lock_.lock();
  const bool queued = phase_ == Phase::queued;
  if (queued) phase_ = Phase::ended;
  lock_.unlock();
  if (!queued) return leave_queue();
  drop();
  complete_cancelled();
}

}  // namespace plait::detail
