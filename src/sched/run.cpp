// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/run.hpp"

#include <optional>
#include <string>

#include "plait/base/contract.hpp"
#include "plait/sched/event_loop.hpp"
#include "plait/sched/interrupt.hpp"

namespace plait::detail {
namespace {

/// The loop of one `run`, given back whatever happens.
class LoopLease {
 public:
  LoopLease(std::string_view poller, Nursery& spawned) : loop_(EventLoop::borrow(poller)) {
    try {
      loop_.enter(spawned);
    } catch (...) {
      EventLoop::give_back(loop_);
      throw;
    }
  }
  ~LoopLease() {
    loop_.leave();
    EventLoop::give_back(loop_);
  }
  EventLoop& operator*() noexcept { return loop_; }

 private:
  EventLoop& loop_;
};

}  // namespace

Scheduler& spawning_scheduler(const char* operation) {
  Scheduler* here = Scheduler::current();
  if (!here) misuse(std::string(operation) + ": no event loop runs on this thread; use it inside plait::run().");
  return *here;
}

RootStrand::RootStrand(std::string_view name) noexcept : Strand(Kind::task) {
  record = open_record(false, name, nullptr, nullptr);
  context = this_thread_strand().context;
}

RootStrand::~RootStrand() { close_record(record); }

void RootStrand::cancel() noexcept {
  root_.cancel();
  spawned_.scope.cancel();
}

void RootStrand::cancel_from_outside() noexcept {
  if (message_sent_.exchange(true, std::memory_order_relaxed)) return;
  message_.root = this;
  message_.run = [](Work& work) { static_cast<Message&>(work).root->cancel(); };
  scheduler->schedule(message_);
}

void raise_interrupt(const std::exception_ptr& error) {
  if (error) report_unretrieved(error, "run()", std::source_location{});
  throw KeyboardInterrupt{};
}

bool RootStrand::run(PromiseBase& promise, std::coroutine_handle<> frame, std::string_view poller,
                     const char* operation, bool is_program) {
  if (Scheduler::current()) {
    misuse(std::string(operation) + ": an event loop runs on this thread already; co_await the task instead.");
  }
  LoopLease lease(poller, spawned_);
  EventLoop& loop = *lease;
  std::optional<InterruptWatch> interrupts;
  if (is_program) interrupts.emplace(loop);
  scheduler = &loop;
  promise.strand = this;
  resume_point = frame;
  finish = [](Strand& strand) { static_cast<RootStrand&>(strand).done_ = true; };
  root_.attach(nullptr, *this);
  ThreadStrand& thread = this_thread_strand();
  if (!is_program) principal = &thread;
  DrivenLoop* outer = thread.drive(this);
  loop.schedule_here(*this);
  loop.drive(done_, this);
  loop.refuse_handles();
  // A callback that is still to run may spawn once more.
  do {
    if (spawned_.live() == 0) continue;
    spawned_.scope.cancel();
    bool idle = false;
    spawned_.when_idle(&idle);
    loop.drive(idle, this);
    spawned_.when_idle(nullptr);
  } while (!loop.close() || spawned_.live() != 0);
  thread.drive(outer);
  return interrupts && interrupts->end();
}

}  // namespace plait::detail
