// SPDX-License-Identifier: BSL-1.0
//
// Idea. The clock keeps the count of parties that can run. A party that waits registers and leaves the count; who wakes
// it removes it from the register and counts it again, all under one mutex, before the wake-up itself. The one that
// brings the count to zero moves time to the earliest deadline and wakes the one party that is due first; the next is
// woken when the count is zero again.
//
// Invariants. 1. busy_ = counted parties that are not in waiting_. 2. Time moves only while busy_ is zero. 3. Parties
// due at the same instant are woken one by one, in the order in which they began to wait.
#include "virtual_clock.hpp"

#include <chrono>
#include <iostream>

#include "plait/base/contract.hpp"
#include "plait/core/dump.hpp"
#include "plait/sched/event_loop.hpp"

namespace plait::testing::detail {
namespace {

using plait::detail::EventLoop;
using plait::detail::kNever;
using plait::detail::Parker;
using plait::detail::Scheduler;

/// How long time waits for the kernel, in real time.
constexpr auto kGrace = std::chrono::milliseconds(5);

/// The calling thread's place in the count: the epoch of the installation that counts it. A thread that nobody
/// announced joins at its first wait and leaves when it ends.
struct Membership {
  std::uint64_t epoch = 0;
  bool gone = false;
  ~Membership() {
    if (epoch != 0) Clock::instance().thread_ends();
    gone = true;
  }
};
thread_local Membership member;

EventLoop& as_loop(Scheduler& loop) { return static_cast<EventLoop&>(loop); }

}  // namespace

Clock& Clock::instance() {
  static auto* clock = new Clock;
  return *clock;
}

void Clock::install() {
  std::scoped_lock guard(mutex_);
  if (installed_) plait::detail::misuse("VirtualTime: there is one already.");
  installed_ = true;
  now_.store(std::chrono::steady_clock::now().time_since_epoch().count(), std::memory_order_release);
  busy_ = 1;
  member.epoch = ++epoch_;
  plait::detail::virtual_clock.store(this, std::memory_order_release);
}

void Clock::uninstall() noexcept {
  std::scoped_lock guard(mutex_);
  installed_ = false;
  ++epoch_;  // who was counted is so no more
  plait::detail::virtual_clock.store(nullptr, std::memory_order_release);
  // Who still waits goes on by the real clock.
  for (auto& [key, party] : waiting_) {
    if (party.parker) party.parker->give_token();
    if (party.loop) as_loop(*party.loop).poller().wake();
  }
  waiting_.clear();
  by_deadline_.clear();
  woken_early_.clear();
}

void Clock::count_caller() noexcept {
  if (member.epoch == epoch_ || member.gone) return;
  member.epoch = epoch_;
  ++busy_;
}

void Clock::begin_wait(Key key, TimePoint deadline, Parker* parker, Scheduler* loop) {
  const Party party{deadline, order_++, member.epoch == epoch_, parker, loop};
  waiting_.emplace(key, party);
  if (deadline != kNever) by_deadline_.emplace(std::pair(deadline, party.order), key);
  if (party.counted) --busy_;
  advance();
}

/// Takes a party out of the register and counts it. False if it is not there.
bool Clock::end_wait(Key key) noexcept {
  const auto at = waiting_.find(key);
  if (at == waiting_.end()) return false;
  if (at->second.counted) ++busy_;
  by_deadline_.erase({at->second.deadline, at->second.order});
  waiting_.erase(at);
  return true;
}

/// If nothing runs: time moves to the earliest deadline, and who is due first runs. A party that is not counted can't
/// hold time, so it goes on past it.
void Clock::advance() noexcept {
  while (busy_ == 0 && !by_deadline_.empty()) {
    const auto [due, key] = *by_deadline_.begin();
    const auto ns = due.first.time_since_epoch().count();
    if (ns > now_.load(std::memory_order_relaxed)) now_.store(ns, std::memory_order_release);
    const Party party = waiting_.at(key);
    end_wait(key);
    if (party.parker) party.parker->give_token();
    if (party.loop) as_loop(*party.loop).poller().wake();
  }
}

void Clock::park(Parker& parker, TimePoint deadline) {
  {
    std::scoped_lock guard(mutex_);
    // Not installed any more: to return without reason is allowed, and the next park is a real one.
    if (!installed_) return;
    count_caller();
    if (parker.take_token() || deadline <= now()) return;
    begin_wait(&parker, deadline, &parker, nullptr);
  }
  while (!parker.take_token()) parker.wait(kNever);
}

void Clock::unpark(Parker& parker) noexcept {
  std::scoped_lock guard(mutex_);
  end_wait(&parker);
  parker.give_token();
}

void Clock::idle(Scheduler& scheduler, TimePoint deadline) {
  EventLoop& loop = as_loop(scheduler);
  if (loop.poller().in_flight() != 0) {
    loop.wait_for_kernel(std::chrono::steady_clock::now() + kGrace);
    if (loop.has_work()) return;
  }
  {
    std::scoped_lock guard(mutex_);
    if (!installed_) return;
    count_caller();
    if (woken_early_.erase(&scheduler) != 0 || deadline <= now()) return;
    begin_wait(&scheduler, deadline, nullptr, &scheduler);
    if (!waiting_.contains(&scheduler)) return;  // time came to this loop at once
  }
  const TimePoint until = std::chrono::steady_clock::now() + patience;
  loop.wait_for_kernel(until);
  if (std::chrono::steady_clock::now() >= until && everything_waits()) {
    std::cerr << "plait: in virtual time everything waits, and nothing has a deadline; who waits for what:\n";
    dump();
    loop.wait_for_kernel(kNever);
  }
  std::scoped_lock guard(mutex_);
  end_wait(&scheduler);
}

bool Clock::everything_waits() noexcept {
  std::scoped_lock guard(mutex_);
  return installed_ && busy_ == 0 && by_deadline_.empty();
}

void Clock::before_wake(Scheduler& loop) noexcept {
  std::scoped_lock guard(mutex_);
  if (!end_wait(&loop)) woken_early_.insert(&loop);
}

void Clock::thread_begins() noexcept {
  std::scoped_lock guard(mutex_);
  ++busy_;
}

void Clock::thread_runs() noexcept {
  std::scoped_lock guard(mutex_);
  member.epoch = epoch_;
}

void Clock::thread_ends() noexcept {
  std::scoped_lock guard(mutex_);
  if (std::exchange(member.epoch, 0) != epoch_ || !installed_) return;
  --busy_;
  advance();
}

}  // namespace plait::testing::detail
