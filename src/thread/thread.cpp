// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/thread.hpp"

#include <typeinfo>

#include "plait/base/contract.hpp"
#include "plait/core/scheduler.hpp"
#include "thread_registry.hpp"

namespace plait {

Thread& Thread::operator=(Thread&& other) noexcept {
  if (this == &other) return *this;
  let_go();
  state_ = other.give_away();
  return *this;
}

Thread::~Thread() { let_go(); }

void Thread::run() {
  if (detail::ThreadJob* job = state().job()) job->run();
}

void Thread::start(std::source_location at) {
  // The thread of a plain Thread must not touch the object, which may die first.
  const bool subclass = typeid(*this) != typeid(Thread);
  if (subclass && !state().started()) body_.self = this;
  state().start(subclass ? &body_ : nullptr, nullptr, at);
}

void Thread::join() { join_until(detail::kNever); }

bool Thread::join_until(TimePoint deadline) { return state().join_until(deadline); }

void Thread::daemon(bool on) {
  if (state().started()) detail::misuse("Thread \"" + name() + "\": daemon() is set before start().");
  state().set_daemon(on);
}

detail::ThreadState& Thread::state() const {
  if (!state_) detail::misuse("Thread: this object was moved from.");
  return *state_;
}

detail::ThreadState* Thread::give_away() noexcept {
  if (typeid(*this) != typeid(Thread)) {
    detail::fail("Thread \"" + (state_ ? state_->name() : std::string()) +
                 "\": an object of a subclass of Thread can't be moved.");
  }
  return std::exchange(state_, nullptr);
}

void Thread::let_go() noexcept {
  detail::ThreadState* state = std::exchange(state_, nullptr);
  if (!state) return;
  if (body_.self && state->started() && !state->ended() && !detail::ThreadRegistry::instance().ends_without(*state)) {
    detail::fail("Thread \"" + state->name() +
                 "\": an object of a subclass of Thread was destroyed while its thread runs; join() it before.");
  }
  state->release();
}

}  // namespace plait
