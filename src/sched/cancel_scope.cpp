// SPDX-License-Identifier: BSL-1.0
//
// Idea. The scope proper is a node of the cancellation tree, which only its loop's thread may touch [W6]. What others
// may ask or say is kept beside it under a small lock; a cancel from another thread is posted to the loop, and finds
// there whether the scope still runs.
#include "plait/sched/cancel_scope.hpp"

#include <mutex>

#include "plait/base/contract.hpp"
#include "plait/base/spin_lock.hpp"

namespace plait {

struct CancelScope::State {
  mutable detail::SpinLock lock;
  TimePoint deadline = detail::kNever;
  bool shield = false;
  bool called = false;
  bool caught = false;
  bool entered = false;
  bool ended = false;
  std::string reason;
  /// Null unless the scope runs.
  detail::Scheduler* home = nullptr;
  detail::DeadlineScope* active = nullptr;

  /// A deadline that has passed has cancelled the scope, and what was cancelled stays so. With the lock held.
  bool look_at_clock() {
    if (!called && !ended && deadline != detail::kNever && deadline <= now()) by_deadline();
    return called;
  }
  void by_deadline() {
    called = true;
    reason = "deadline";
  }
  /// The lock of the home if that is a pool's, to be taken before `lock`; else null.
  detail::HomeLock* pool_home() const noexcept {
    std::scoped_lock guard(lock);
    return home ? home->home() : nullptr;
  }
  /// Throws unless the caller may touch the tree. With the lock held.
  void require_home(const char* operation) const {
    if (home && detail::Scheduler::current() != home) {
      detail::misuse(std::string(operation) + ": the scope runs on another loop; only cancel() may come from outside.");
    }
  }
};

namespace {

/// A cancel on its way to the scope's loop.
template <class State>
struct CancelMessage : detail::Work {
  explicit CancelMessage(std::shared_ptr<State> to) : state(std::move(to)) {
    run = [](detail::Work& work) {
      const std::unique_ptr<CancelMessage> self(&static_cast<CancelMessage&>(work));
      if (self->state->active) self->state->active->cancel();
    };
  }
  std::shared_ptr<State> state;
};

}  // namespace

CancelScope::CancelScope(CancelScopeOptions options) : state_(std::make_shared<State>()) {
  state_->deadline = options.deadline;
  state_->shield = options.shield;
}

CancelScope::~CancelScope() {
  if (state_->active) detail::fail("a CancelScope was destroyed while it runs; await its run() first.");
}

void CancelScope::cancel(std::string_view reason) {
  detail::Scheduler* home = nullptr;
  detail::HomeLock* const pool = state_->pool_home();
  const detail::HomeGuard tree(pool);
  {
    std::scoped_lock guard(state_->lock);
    if (state_->look_at_clock()) return;
    state_->called = true;
    state_->reason = reason;
    home = state_->home;
    if (home && !pool && home != detail::Scheduler::current()) {
      // Under the lock, so that the loop is still there: the block can't end before.
      auto* message = new CancelMessage<State>(state_);  // frees itself when it has arrived
      if (!home->try_post(*message)) delete message;
      return;
    }
  }
  if (home) state_->active->cancel();
}

void CancelScope::set_deadline(TimePoint deadline) {
  const detail::HomeGuard tree(state_->pool_home());
  bool called = false;
  {
    std::scoped_lock guard(state_->lock);
    state_->require_home("CancelScope::set_deadline()");
    called = state_->active && state_->look_at_clock();
    state_->deadline = deadline;
  }
  if (called) {
    state_->active->cancel();
  } else if (state_->active) {
    state_->active->set_deadline(deadline);
  }
}

void CancelScope::set_shield(bool on) {
  const detail::HomeGuard tree(state_->pool_home());
  {
    std::scoped_lock guard(state_->lock);
    state_->require_home("CancelScope::set_shield()");
    state_->shield = on;
  }
  if (state_->active) state_->active->shield(on);
}

TimePoint CancelScope::deadline() const noexcept {
  std::scoped_lock guard(state_->lock);
  return state_->deadline;
}

bool CancelScope::cancel_called() const noexcept {
  std::scoped_lock guard(state_->lock);
  return state_->look_at_clock();
}

bool CancelScope::cancelled_caught() const noexcept {
  std::scoped_lock guard(state_->lock);
  return state_->caught;
}

std::string CancelScope::reason() const {
  std::scoped_lock guard(state_->lock);
  state_->look_at_clock();
  return state_->reason;
}

CancelScope::Entered::Entered(CancelScope& scope, detail::Strand& strand)
    : state_(*scope.state_), scope_(strand, scope.state_->deadline, scope.state_->shield) {
  bool called = false;
  {
    std::scoped_lock guard(state_.lock);
    if (std::exchange(state_.entered, true)) detail::misuse("CancelScope::run(): a scope runs only once.");
    state_.home = strand.scheduler;
    state_.active = &scope_;
    called = state_.called;
  }
  if (called) scope_.cancel();
}

CancelScope::Entered::~Entered() {
  const detail::HomeGuard tree(scope_.home());
  std::scoped_lock guard(state_.lock);
  if (scope_.called() && !state_.called) state_.by_deadline();
  state_.ended = true;
  state_.home = nullptr;
  state_.active = nullptr;
}

bool CancelScope::Entered::catches() noexcept {
  if (!scope_.catches()) return false;
  std::scoped_lock guard(state_.lock);
  state_.caught = true;
  return true;
}

}  // namespace plait
