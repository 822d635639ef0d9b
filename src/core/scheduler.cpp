// SPDX-License-Identifier: BSL-1.0
#include "plait/core/scheduler.hpp"

#include <string>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/core/hooks.hpp"
#include "plait/core/operation.hpp"
#include "plait/core/thread_strand.hpp"

namespace plait::detail {
namespace {

[[gnu::tls_model("initial-exec")]] constinit thread_local Scheduler* current_scheduler = nullptr;

}  // namespace

constinit Atomic<Hook*> installed_hook{nullptr};

[[gnu::noinline]] Scheduler* Scheduler::current() noexcept { return current_scheduler; }
void Scheduler::set_current(Scheduler* scheduler) noexcept { current_scheduler = scheduler; }

Strand& Scheduler::current_strand() noexcept {
  Scheduler* here = current();
  Strand* task = here ? here->running() : nullptr;
  return task ? *task : this_thread_strand();
}

void Scheduler::refuse_to_block(std::string_view operation, std::string_view instead) {
  if (current()) {
    misuse(std::string(operation) + " would block the event loop that runs on this thread; " + std::string(instead));
  }
}

Strand* Scheduler::running_here() const noexcept { return running_; }
bool Scheduler::schedule_shared(Work& work) noexcept {
  ready_.push(work);
  return true;
}

bool Scheduler::try_post(Work& work) noexcept {
  if (home_) return schedule_shared(work);
  Work* head = inbox_.load(std::memory_order_relaxed);
  do {
    if (head == &closed_mark) return false;
    work.next_work = head == &asleep_mark ? nullptr : head;
    // Release pairs with the acquire in take_inbox(): what the poster wrote is visible to the work. Acquire, so that a
    // poster who wakes the loop sees the state in which it went to sleep.
  } while (!inbox_.compare_exchange_weak(head, &work, std::memory_order_acq_rel, std::memory_order_relaxed));
  // Whoever replaced the mark wakes, and nobody else: wake-ups coalesce.
  if (head == &asleep_mark) wake();
  return true;
}

bool Scheduler::close_inbox() noexcept {
  Work* empty = nullptr;
  return inbox_.compare_exchange_strong(empty, &closed_mark, std::memory_order_acq_rel, std::memory_order_relaxed);
}

bool Scheduler::take_inbox() noexcept {
  Work* newest = inbox_.load(std::memory_order_relaxed);
  if (!newest) return false;
  newest = inbox_.exchange(nullptr, std::memory_order_acquire);
  if (newest == &asleep_mark) return false;
  Work* oldest = nullptr;
  while (newest) {
    Work* next = newest->next_work;
    newest->next_work = oldest;
    oldest = newest;
    newest = next;
  }
  const bool any = oldest != nullptr;
  while (oldest) ready_.push(*std::exchange(oldest, oldest->next_work));
  return any;
}

bool Scheduler::announce_sleep() noexcept {
  Work* expected = nullptr;
  // Release pairs with the acquire of the poster that finds the mark.
  return inbox_.compare_exchange_strong(expected, &asleep_mark, std::memory_order_acq_rel, std::memory_order_relaxed);
}

void Scheduler::go_on() {
  while (runner_.bounced) std::exchange(runner_.bounced, {}).resume();
  running_ = nullptr;
  if (runner_.finished) {
    Strand& finished = *std::exchange(runner_.finished, nullptr);
    finished.finish(finished);
  }
}

void Strand::unpark() noexcept {
  pass(Point::unpark, this);
  if (kind == Kind::task) {
    record->set(StrandState::ready);
    __builtin_prefetch(resume_point.address());
    scheduler->schedule(*this);
  } else {
    static_cast<ThreadStrand*>(this)->parker.unpark();
  }
}

void Strand::abort_wait() noexcept {
  bool aborted = false;
  if (home) wait_lock.lock();
  Operation* operation = std::exchange(waiting, nullptr);
  aborted = operation && operation->abort(*operation);
  if (home) wait_lock.unlock();
  if (aborted) unpark();
}

void Waiter::grant() noexcept {
  Strand& waiting_strand = *strand;
  settle(Claim::granted);
  waiting_strand.unpark();
}

}  // namespace plait::detail
