// SPDX-License-Identifier: BSL-1.0
//
// How a plain thread waits for the end of another.
#include <string>

#include "plait/base/contract.hpp"
#include "plait/core/hooks.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/thread/thread_state.hpp"
#include "thread_registry.hpp"

namespace plait::detail {

void ThreadState::refuse_endless(std::string_view wait) const {
  const auto refuse = [&](const char* why) { misuse("Thread \"" + name_ + "\": " + std::string(wait) + why); };
  if (!started()) refuse(" before start().");
  if (this == this_thread_state() && !ended()) refuse(" of the thread by itself would never end.");
}

bool ThreadState::join_until(TimePoint deadline) {
  Scheduler::refuse_to_block("Thread::join()", "co_await the Thread instead.");
  refuse_endless("join()");
  if (deadline == kNever && !ended() && ThreadRegistry::instance().ends_without(*this)) {
    misuse("Thread \"" + name_ + "\": join() of a daemon at the program's end would never end; join it before.");
  }
  ThreadJoin join(*this);
  if (!join.wait_in_thread(deadline)) return false;
  join.take();
  return true;
}

/// As that of a Leaf, but without spinning before it sleeps: what ends is seldom about to end, and a thread that has
/// just been started may need the very processor that its starter would spin on.
bool ThreadState::wait_in_thread(Waiter& waiter, TimePoint deadline) {
  ThreadStrand& self = this_thread_strand();
  waiter.strand = &self;
  pass(Point::primitive, this);
  self.checkpoint();
  if (ended() || !self.begin_wait(waiter, [&] { return enqueue(waiter); })) return true;
  self.record->suspend(WaitKind::thread, nullptr, record());
  bool done = true;
  while (waiter.claim() == Claim::waiting) {
    if (test_clock()) {
      self.parker.park(deadline);
    } else {
      pass(Point::park, this);
      self.parker.wait(deadline);
      self.parker.take_token();
      pass(Point::park, this);
    }
    if (waiter.claim() != Claim::waiting || deadline == kNever || now() < deadline) continue;
    done = !withdraw(waiter);
    if (!done) break;
    deadline = kNever;  // it ended a moment ago
  }
  self.end_wait();
  self.record->set(StrandState::running);
  if (waiter.claim() == Claim::aborted) throw Cancelled{};
  return done;
}

}  // namespace plait::detail
