// SPDX-License-Identifier: BSL-1.0
//
// Idea. Lists under one lock: threads of Plait that run, those that have ended and that nobody joined yet, and the main
// thread with those foreign threads that have asked who they are.
//
// Invariants. 1. A state is in `running_` from its start until it has ended or is claimed, in `ended_` from then until
// it is claimed. 2. `awaited_` counts the states whose `awaited_` is set: started, no daemon, not reaped. 3. Who claims
// a state joins its thread; nobody else does. 4. The registry holds the states of the first two lists; a foreign
// thread's identity is held by that thread, the main thread's for good.
#include "thread_registry.hpp"

#include "blocking_pool.hpp"
#include "plait/os/shared_memory.hpp"
#include "plait/thread/local.hpp"
#include "pool_threads.hpp"

namespace plait::detail {
namespace {

constinit ThreadRegistry registry;

}  // namespace

ThreadRegistry& ThreadRegistry::instance() noexcept { return registry; }

void ThreadRegistry::add(ThreadState& state) noexcept {
  state.retain();
  const bool by_daemon = this_thread_strand().daemon.load(std::memory_order_relaxed);
  {
    std::scoped_lock guard(lock_);
    if (!finished_ || !by_daemon) {
      running_.push_back(state);
      state.awaited_ = !state.daemon();
      if (state.awaited_) ++awaited_;
      return;
    }
  }
  // The caller was left behind a moment ago: nobody would wait for what it starts.
  for (;; yield_processor()) park_daemon_at_exit();
}

void ThreadRegistry::remove(ThreadState& state) noexcept {
  {
    std::scoped_lock guard(lock_);
    uncount(state);
    state.unlink();
  }
  state.release();
}

void ThreadRegistry::add_ended(ThreadState& state) noexcept {
  ThreadStrand* finisher = nullptr;
  {
    std::scoped_lock guard(lock_);
    finisher = finisher_;
    if (!state.claimed_) {
      state.unlink();
      ended_.push_back(state);
    }
  }
  if (finisher) finisher->parker.unpark();
}

bool ThreadRegistry::claim(ThreadState& state) noexcept {
  std::scoped_lock guard(lock_);
  if (state.claimed_) return false;
  state.claimed_ = true;
  state.unlink();
  return true;
}

void ThreadRegistry::reaped(ThreadState& state) noexcept {
  ThreadStrand* finisher = nullptr;
  {
    std::scoped_lock guard(lock_);
    if (uncount(state)) finisher = finisher_;
  }
  state.release();
  if (finisher) finisher->parker.unpark();
}

ThreadState* ThreadRegistry::claim_ended() noexcept {
  std::scoped_lock guard(lock_);
  ThreadState* state = ended_.pop_front();
  if (state) state->claimed_ = true;
  return state;
}

void ThreadRegistry::reap_ended() noexcept {
  while (ThreadState* state = claim_ended()) state->join_claimed();
}

bool ThreadRegistry::uncount(ThreadState& state) noexcept {
  if (!state.awaited_) return false;
  state.awaited_ = false;
  --awaited_;
  return true;
}

bool ThreadRegistry::await(ThreadState& state, bool on) noexcept {
  ThreadStrand* finisher = nullptr;
  {
    std::scoped_lock guard(lock_);
    if (finished_ || state.claimed_) return false;
    if (on && !state.awaited_) {
      state.awaited_ = true;
      ++awaited_;
    }
    if (!on && uncount(state)) finisher = finisher_;
  }
  if (finisher) finisher->parker.unpark();
  return true;
}

bool ThreadRegistry::all_gone() noexcept {
  std::scoped_lock guard(lock_);
  finished_ = awaited_ == 0;
  return finished_;
}

bool ThreadRegistry::has_finished() noexcept {
  std::scoped_lock guard(lock_);
  return finished_;
}

bool ThreadRegistry::ends_without(const ThreadState& state) noexcept {
  std::scoped_lock guard(lock_);
  return finished_ && state.daemon();
}

ThreadIdentity& ThreadRegistry::main() {
  {
    std::scoped_lock guard(lock_);
    if (main_) return *main_;
  }
  auto* made = new ThreadIdentity("main", false);
  made->begin(0, os::process_id());
  std::scoped_lock guard(lock_);
  if (main_) {
    made->release();
  } else {
    main_ = made;
    foreign_.push_front(*made);
  }
  return *main_;
}

void ThreadRegistry::add_foreign(ThreadIdentity& identity) noexcept {
  std::scoped_lock guard(lock_);
  foreign_.push_back(identity);
}

void ThreadRegistry::remove_foreign(ThreadIdentity& identity) noexcept {
  {
    std::scoped_lock guard(lock_);
    identity.unlink();
  }
  identity.release();
}

template <class F>
void ThreadRegistry::for_each_alive(F f) noexcept {
  for (ThreadIdentity* one = foreign_.front(); one; one = foreign_.after(*one)) {
    if (one->alive()) f(*one);
  }
  for (ThreadState* one = running_.front(); one; one = running_.after(*one)) {
    if (one->alive()) f(*one);
  }
}

std::size_t ThreadRegistry::count_alive() noexcept {
  std::size_t count = 0;
  std::scoped_lock guard(lock_);
  for_each_alive([&](ThreadIdentity&) { ++count; });
  return count;
}

std::vector<ThreadIdentity*> ThreadRegistry::hold_alive() {
  std::vector<ThreadIdentity*> threads;
  for (std::size_t room = count_alive() + 8;; room *= 2) {
    threads.reserve(room);  // not under the lock
    bool enough = true;
    std::scoped_lock guard(lock_);
    for_each_alive([&](ThreadIdentity& one) {
      enough = enough && threads.size() < threads.capacity();
      if (!enough) return;
      one.retain();
      threads.push_back(&one);
    });
    if (enough) return threads;
    for (ThreadIdentity* one : threads) one->release();  // the registry holds them
    threads.clear();
  }
}

void ThreadRegistry::before_fork() noexcept {
  BlockingPool::instance().before_fork();
  PoolThreads::before_fork();
  LocalCore::before_fork();
  lock_.lock();
}

void ThreadRegistry::after_fork_in_parent() noexcept {
  lock_.unlock();
  LocalCore::after_fork();
  PoolThreads::after_fork();
  BlockingPool::instance().after_fork_in_parent();
}

/// Only the forking thread lives on, as the child's main thread. What held the others is leaked: their jobs are not to
/// be destroyed here.
void ThreadRegistry::after_fork_in_child() noexcept {
  ThreadState* self = this_thread_state();
  ThreadIdentity* identity = this_thread_identity_if_any();
  for (auto* list : {&running_, &ended_}) {
    while (ThreadState* state = list->pop_front()) {
      state->awaited_ = false;
      state->claimed_ = true;
      if (state != self) state->is_lost_in_fork();
    }
  }
  while (ThreadIdentity* other = foreign_.pop_front()) {
    if (other != identity) other->end_here();
  }
  // Forked by a call of a pool, which has no other thread here that could take its place.
  if (ThreadStrand* strand = this_thread_strand_if_any()) strand->crew = nullptr;
  if (self) running_.push_back(*self);
  if (identity && !self) foreign_.push_back(*identity);
  main_ = identity;
  awaited_ = 0;
  finisher_ = nullptr;
  finished_ = false;
  lock_.unlock();
  LocalCore::after_fork();
  this_thread_identity().begin_here();
  PoolThreads::after_fork();
  BlockingPool::instance().after_fork_in_child();
}

}  // namespace plait::detail
