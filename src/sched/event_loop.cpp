// SPDX-License-Identifier: BSL-1.0
//
// One turn. 1. Up to 64 ready strands and callbacks run, in order. 2. What other threads posted joins the ready
// list. 3. Timers that are due fire, which makes strands ready. 4. If nothing is ready the loop sleeps in its poller
// until the earliest deadline, a completion, or a post; if something is, it looks at the kernel only now and then.
//
// Sleeping. The loop puts a mark into its empty inbox; the poster that finds the mark wakes it, so wake-ups coalesce
// and a loop that is awake costs its posters no system call. A loop that was posted to lately spins a little before it
// sleeps.
#include "plait/sched/event_loop.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <string>

#include "plait/base/contract.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/hooks.hpp"
#include "plait/os/futex.hpp"
#include "plait/os/shared_memory.hpp"

namespace plait::detail {
namespace {

constexpr std::uintptr_t kStackForHops = 48 * 1024;

struct LoopPool {
  SpinLock lock;
  EventLoop* free = nullptr;
};
constinit LoopPool loop_pool;

}  // namespace

/// A copy of this process shares the pollers of all loops with it, so it never touches them.
void EventLoop::forget_in_copies() noexcept {
  static const bool once = [] {
    os::in_each_forked_child([] {
      new (&loop_pool) LoopPool;  // another thread may have been at it
      set_current(nullptr);
    });
    return true;
  }();
  static_cast<void>(once);
}

EventLoop::EventLoop(std::unique_ptr<Poller> poller) : poller_(std::move(poller)) {}
EventLoop::~EventLoop() = default;

EventLoop& EventLoop::borrow(std::string_view choice) {
  forget_in_copies();
  const std::string_view poller = poller_name(choice);
  const Strand& me = this_thread_strand();
  {
    std::scoped_lock guard(loop_pool.lock);
    EventLoop** found = nullptr;
    for (EventLoop** at = &loop_pool.free; *at; at = &(*at)->next_free_) {
      if ((*at)->poller_->name() != poller) continue;
      if (!found || (*at)->driver_ == &me) found = at;
      if ((*at)->driver_ == &me) break;
    }
    if (found) {
      EventLoop& loop = **found;
      *found = loop.next_free_;
      return loop;
    }
  }
  return *new EventLoop(make_poller(poller));
}

void EventLoop::give_back(EventLoop& loop) noexcept {
  std::scoped_lock guard(loop_pool.lock);
  loop.next_free_ = loop_pool.free;
  loop_pool.free = &loop;
}

void EventLoop::enter(Nursery& spawned) {
  poller_->enter();
  timers_.restart(now());
  interrupted_.store(false, std::memory_order_relaxed);
  last_timers_ = TimePoint{};
  driver_ = &this_thread_strand();
  set_current(this);
  spawned_ = &spawned;
  refuse_handles();
  open_inbox();
}

bool EventLoop::close() {
  take_inbox();
  const bool quiet = ready_.empty();
  while (!ready_.empty()) run_ready();
  return quiet && close_inbox();
}

void EventLoop::leave() noexcept {
  spawned_ = nullptr;
  set_current(nullptr);
}

void EventLoop::wake() noexcept {
  if (VirtualClock* clock = test_clock()) [[unlikely]]
    clock->before_wake(*this);
  poller_->wake();
}

void EventLoop::drive(const bool& done, DrivenLoop* root) {
  runner_.stack_limit = stack_pointer() - kStackForHops;
  while (!done) {
    if (interrupted_.load(std::memory_order_relaxed) && interrupted_.exchange(false, std::memory_order_acquire)) {
      if (root) root->cancel_from_outside();
    }
    run_ready();
    posts_expected_ |= take_inbox();
    if (timers_.armed() != 0) expire_timers();
    if (!ready_.empty()) {
      if (poller_->in_flight() != 0 && ++turns_ % 4 == 0) poller_->wait(TimePoint{});
    } else if (!done) {
      sleep();
    }
  }
}

void EventLoop::expire_timers() noexcept {
  const TimePoint time = now();
  if (timers_.expire(time)) last_timers_ = time;
}

/// Brings what the next strand will touch into the cache while the one before it runs: with many strands the ready list
/// is a walk through cold memory.
static void fetch_ahead(const Work* next) noexcept {
  if (!next || next->run) return;
  const auto& strand = static_cast<const Strand&>(*next);
  __builtin_prefetch(strand.next_work);
  __builtin_prefetch(strand.resume_point.address());
  __builtin_prefetch(strand.record);
}

void EventLoop::run_ready() {
  for (int i = 0; i < kBatch; ++i) {
    Work* work = nullptr;
    if (Hook* hook = installed_hook.load(std::memory_order_acquire)) [[unlikely]] {
      hook->reach(Point::choose, this);
      unsigned offered = 0;
      for (Work* w = ready_.front(); w && offered < 64; w = w->next_work) ++offered;
      work = offered > 1 ? ready_.pop_nth(hook->choose(offered)) : ready_.pop();
    } else {
      work = ready_.pop();
      fetch_ahead(ready_.front());
    }
    if (!work) return;
    if (work->run) {
      work->run(*work);
    } else {
      resume(static_cast<Strand&>(*work));
    }
  }
}

/// Waits a little for a post, when posts have been coming: a thread that answers at once is not worth a sleep. The
/// kernel is not looked at meanwhile, so with something in flight it is a short while.
bool EventLoop::spin() noexcept {
  if (has_one_processor() || !posts_expected_) return false;
  const int spins = poller_->in_flight() == 0 ? budget_.spins() : SpinBudget::kLeast;
  for (int left = spins; left != 0; --left) {
    if (inbox_.load(std::memory_order_relaxed)) return take_inbox();
    cpu_relax();
  }
  posts_expected_ = false;
  return false;
}

void EventLoop::sleep() {
  pass(Point::park, this);
  const TimePoint deadline = timers_.next();
  VirtualClock* clock = test_clock();
  if (!clock && spin()) return;
  if (!announce_sleep()) return;
  if (clock) [[unlikely]] {
    clock->idle(*this, deadline);
  } else {
    const TimePoint begin = now();
    const bool crowd = timers_.armed() >= kCrowd;
    poller_->wait(crowd ? std::max(deadline, add(last_timers_, kTimerPace)) : deadline);
    if (take_inbox()) {
      posts_expected_ = true;
      budget_.learn(now() - begin);
    }
    return;
  }
  posts_expected_ |= take_inbox();
}

}  // namespace plait::detail
