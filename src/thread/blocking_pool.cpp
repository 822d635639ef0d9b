// SPDX-License-Identifier: BSL-1.0
//
// Idea. One queue, first in, first out, and a stack of idle threads: who submits rouses the one that went idle last, or
// starts another. Idle threads stay parked without a deadline, so an idle pool never wakes.
//
// Invariants. 1. A call is queued, or has a runner, or has returned. 2. A worker is in `idle_` or runs; who takes it
// out gives it a token. 3. If the queue is not empty, `threads_` is not zero. 4. A test's clock counts a worker from
// when it is roused until it goes idle, and not the queue.
#include "blocking_pool.hpp"

#include <algorithm>
#include <mutex>

#include "limiter_ticket.hpp"
#include "plait/core/future.hpp"
#include "plait/core/hooks.hpp"
#include "plait/os/futex.hpp"

namespace plait::detail {
namespace {

constinit BlockingPool pool;

unsigned most_threads() noexcept {
  static const unsigned most = std::min(32u, static_cast<unsigned>(os::processor_count()) + 4);
  return most;
}

/// A test's clock counts whoever waits by it, so a thread that ran a call may be counted though nobody announced it.
void leave_virtual_time() noexcept {
  if (VirtualClock* clock = test_clock()) clock->thread_ends();
}

}  // namespace

BlockingPool& BlockingPool::instance() noexcept { return pool; }

/// A thread of the pool, on its own stack.
struct BlockingPool::Worker : Link {
  ThreadStrand* strand = nullptr;
  ThreadState* state = nullptr;
  /// The test's clock that has counted it when it was roused.
  VirtualClock* clock = nullptr;
  Atomic<bool> roused{false};
};

class BlockingPool::WorkerJob final : public ThreadJob {
 public:
  void run() override {
    struct Leaving {
      ~Leaving() { pool.worker_ends(); }  // also when pthread_exit unwinds the thread
    } leaving;
    Worker self;
    self.strand = &this_thread_strand();
    self.state = this_thread_state();
    self.strand->context = {};  // that of whoever submitted first
    pool.work(self);
  }
};

void BlockingPool::work(Worker& self) {
  std::unique_lock guard(lock_);
  for (;;) {
    while (BlockingCall* call = queue_.pop_front()) {
      call->runner_ = self.state;
      guard.unlock();
      self.strand->context = std::move(call->context_);
      call->run();
      guard.lock();
    }
    if (retiring_) break;
    self.roused.store(false, std::memory_order_relaxed);
    idle_.push_front(self);
    self.clock = nullptr;
    guard.unlock();
    leave_virtual_time();
    while (!self.roused.load(std::memory_order_acquire)) {
      pass(Point::park, &self);
      self.strand->parker.wait(kNever);  // not `park`: a test's clock knows nothing of idle threads
      self.strand->parker.take_token();
    }
    if (self.clock) self.clock->thread_runs();
    guard.lock();
  }
  guard.unlock();
  leave_virtual_time();
}

/// With the lock held. The caller gives the token.
ThreadStrand& BlockingPool::rouse(Worker& worker) noexcept {
  worker.unlink();
  worker.clock = test_clock();
  if (worker.clock) worker.clock->thread_begins();
  ThreadStrand& strand = *worker.strand;
  // Release pairs with the acquire in work(): the thread sees its clock.
  worker.roused.store(true, std::memory_order_release);
  return strand;
}

bool BlockingPool::submit(BlockingCall& call) noexcept {
  std::unique_lock guard(lock_);
  if (call.cancelled_) return false;
  queue_.push_back(call);
  if (Worker* worker = idle_.front()) {
    ThreadStrand& strand = rouse(*worker);
    guard.unlock();
    strand.parker.give_token();
  } else if (threads_ < most_threads()) {
    const unsigned number = ++last_number_;
    ++threads_;
    guard.unlock();
    start_worker(number);
  }
  return true;
}

/// Starts the thread that is counted already. If that fails and no other thread is there, all that is queued fails.
void BlockingPool::start_worker(unsigned number) noexcept {
  std::exception_ptr error;
  try {
    start_and_release({.name = "to_thread-" + std::to_string(number), .daemon = false}, std::make_unique<WorkerJob>(),
                      nullptr, std::source_location::current());
    return;
  } catch (...) {
    error = std::current_exception();
  }
  std::unique_lock guard(lock_);
  --threads_;
  while (threads_ == 0) {
    BlockingCall* call = queue_.pop_front();
    if (!call) return;
    call->returned_ = true;
    guard.unlock();
    call->fail_to_run(error);
    guard.lock();
  }
}

void BlockingPool::worker_ends() noexcept {
  std::unique_lock guard(lock_);
  --threads_;
  if (queue_.empty() || !idle_.empty()) return;
  const unsigned number = ++last_number_;
  ++threads_;
  guard.unlock();
  start_worker(number);
}

BlockingCall::Withdrawn BlockingPool::withdraw(BlockingCall& call, bool abandon) noexcept {
  std::scoped_lock guard(lock_);
  if (call.linked()) {
    call.unlink();
    return BlockingCall::Withdrawn::never_ran;
  }
  if (!call.runner_) call.cancelled_ = !call.returned_;  // its token is on the way
  if (!abandon || call.returned_ || call.cancelled_) return BlockingCall::Withdrawn::no;
  call.abandoned_ = true;
  call.runner_->await_at_exit(false);
  return BlockingCall::Withdrawn::abandoned;
}

bool BlockingPool::finish(BlockingCall& call) noexcept {
  std::scoped_lock guard(lock_);
  call.returned_ = true;
  if (call.abandoned_) call.runner_->await_at_exit(true);
  return call.abandoned_;
}

void BlockingPool::retire() noexcept {
  for (;;) {
    std::unique_lock guard(lock_);
    retiring_ = true;
    Worker* worker = idle_.front();
    if (!worker) return;
    ThreadStrand& strand = rouse(*worker);
    guard.unlock();
    strand.parker.give_token();
  }
}

void BlockingPool::after_fork_in_child() noexcept {
  while (queue_.pop_front()) {
  }
  while (idle_.pop_front()) {
  }
  threads_ = 0;
  retiring_ = false;
  lock_.unlock();
}

BlockingCall::BlockingCall() noexcept = default;
BlockingCall::~BlockingCall() = default;

void BlockingCall::submit(Waiter& waiter, CapacityLimiter* limiter) {
  waiter_ = &waiter;
  context_ = waiter.strand->context;
  if (limiter) {
    ticket_ = std::make_unique<LimiterTicket>(*limiter, *this);
    if (!ticket_->get()) return;
  }
  pool.submit(*this);
}

void BlockingCall::has_token() noexcept {
  if (pool.submit(*this)) return;
  ticket_->give_back();
  Strand& strand = *waiter_->strand;
  waiter_->settle(Claim::aborted);
  strand.unpark();
}

BlockingCall::Withdrawn BlockingCall::withdraw(bool abandon) noexcept {
  if (ticket_ && ticket_->withdraw()) return Withdrawn::never_ran;
  const Withdrawn answer = pool.withdraw(*this, abandon);
  if (answer == Withdrawn::never_ran && ticket_) ticket_->give_back();  // abandoned, it may be gone by now
  return answer;
}

void BlockingCall::fail_to_run(std::exception_ptr error) noexcept {
  set_error(std::move(error));
  if (ticket_) ticket_->give_back();
  waiter_->grant();
}

void BlockingCall::finish(const std::exception_ptr& error) noexcept {
  this_thread_strand().context = {};  // before anybody sees that the call has ended
  const bool abandoned = pool.finish(*this);
  if (ticket_) ticket_->give_back();
  if (!abandoned) return waiter_->grant();
  if (error) report_unretrieved(error, *this_thread_strand().record);
  delete this;
}

}  // namespace plait::detail
