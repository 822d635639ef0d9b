// SPDX-License-Identifier: BSL-1.0
//
// Idea. exit() destroys the thread-local objects of the thread that calls it before any static object, so the wait for
// other threads is the destructor of such an object: one in the main thread, made when the library is loaded, and one
// in each thread of Plait (thread_state.cpp). For exit() on a foreign thread an atexit handler is the next best: it
// runs before the destructors of statics that were made before it was registered.
//
// Invariants. 1. A state is in `running_` from its start until it has ended or is claimed, in `ended_` from then until
// it is claimed. 2. `awaited_` counts the states whose `awaited_` is set: started, no daemon, not reaped. 3. Who claims
// a state joins its thread; nobody else does.
#include "thread_registry.hpp"

#include <algorithm>
#include <cstdlib>

#include "blocking_pool.hpp"
#include "plait/core/hooks.hpp"
#include "plait/os/futex.hpp"
#include "plait/os/thread.hpp"
#include "pool_threads.hpp"

namespace plait::detail {
namespace {

constinit ThreadRegistry registry;

/// What the program's end gives to daemons that compute.
constexpr auto kGrace = std::chrono::milliseconds(10);

[[noreturn]] void park_for_good() noexcept {
  static constinit Atomic<std::uint32_t> never{0};
  for (;;) os::futex_wait(never, 0, kNever);
}

void at_exit() { registry.finish(); }

/// The main thread's end, which is the program's.
struct MainEnd {
  bool armed = false;
  ~MainEnd() {
    if (armed) registry.finish();
  }
};
thread_local MainEnd main_end;

void watch_from_here() noexcept {
  if (os::is_main_thread()) {
    this_thread_strand();  // made first, so that it outlives main_end
    main_end.armed = true;
  }
  std::atexit(at_exit);
}

/// Before main, so that threads of any origin are awaited, and once more at the first start, because what is static is
/// made by then.
[[maybe_unused]] const bool watching = [] {
  os::at_fork([] { registry.before_fork(); }, [] { registry.after_fork_in_parent(); },
              [] { registry.after_fork_in_child(); });
  watch_from_here();
  return true;
}();

}  // namespace

void watch_program_end() noexcept {
  static const bool once = [] {
    watch_from_here();
    return true;
  }();
  (void)once;
}

ThreadRegistry& ThreadRegistry::instance() noexcept { return registry; }

void ThreadRegistry::add(ThreadState& state) noexcept {
  state.retain();
  std::scoped_lock guard(lock_);
  running_.push_back(state);
  state.awaited_ = !state.daemon();
  if (state.awaited_) ++awaited_;
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

bool ThreadRegistry::ends_without(const ThreadState& state) noexcept {
  std::scoped_lock guard(lock_);
  return finished_ && state.daemon();
}

void ThreadRegistry::finish() noexcept {
  ThreadStrand& self = this_thread_strand();
  ThreadState* state = this_thread_state();
  const int id = os::thread_id();
  ThreadStrand* first = nullptr;
  {
    std::scoped_lock guard(lock_);
    if (finisher_ && finisher_id_ == id) return;  // the thread-local object was here before the atexit handler
    if (state) uncount(*state);                   // nobody can wait for the end of a thread that ends the program
    first = finisher_;
    if (!first) {
      finisher_ = &self;
      finisher_id_ = id;
    }
  }
  if (first) {
    first->parker.unpark();
    park_for_good();
  }
  self.daemon.store(false, std::memory_order_relaxed);
  pass(Point::exit_wait, this);
  BlockingPool::instance().retire();
  PoolThreads::close_all();
  for (;;) {
    reap_ended();
    if (all_gone()) break;
    self.parker.park(kNever);
  }
  begin_exit();
  let_daemons_park();
}

/// Daemons that wait in Plait's operations are woken, to be parked for good; the others get a moment to come to one, so
/// that most are still when the first static dies.
void ThreadRegistry::let_daemons_park() noexcept {
  const TimePoint deadline = std::chrono::steady_clock::now() + kGrace;
  std::uint32_t parked = 0;
  for (std::uint32_t daemons = wake_daemons(); parked < daemons; daemons = wake_daemons()) {
    const TimePoint now = std::chrono::steady_clock::now();
    if (now >= deadline) break;
    parked = daemons_parked_at_exit(parked, std::min(deadline, now + std::chrono::milliseconds(1)));
  }
  reap_ended();  // the daemons that ended meanwhile
}

/// How many there are.
std::uint32_t ThreadRegistry::wake_daemons() noexcept {
  std::scoped_lock guard(lock_);
  std::uint32_t daemons = 0;
  for (ThreadState* state = running_.front(); state; state = running_.after(*state)) {
    ThreadStrand* strand = state->strand_.load(std::memory_order_acquire);
    if (!state->daemon() || !strand || state == this_thread_state()) continue;
    ++daemons;
    strand->parker.unpark();
  }
  return daemons;
}

void ThreadRegistry::before_fork() noexcept {
  BlockingPool::instance().before_fork();
  lock_.lock();
}

void ThreadRegistry::after_fork_in_parent() noexcept {
  lock_.unlock();
  BlockingPool::instance().after_fork_in_parent();
}

void ThreadRegistry::after_fork_in_child() noexcept {
  for (auto* list : {&running_, &ended_}) {
    while (ThreadState* state = list->pop_front()) {
      state->awaited_ = false;
      state->claimed_ = true;
    }
  }
  awaited_ = 0;
  finisher_ = nullptr;
  finished_ = false;
  lock_.unlock();
  BlockingPool::instance().after_fork_in_child();
}

}  // namespace plait::detail
