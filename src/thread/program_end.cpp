// SPDX-License-Identifier: BSL-1.0
//
// Idea. exit() destroys the thread-local objects of the thread that calls it before any static object, so the wait for
// other threads is the destructor of such an object: one in the main thread, made when the library is loaded, and one
// in each thread of Plait (thread_state.cpp). For exit() on a foreign thread an atexit handler is the next best: it
// runs before the destructors of statics that were made before it was registered.
#include <algorithm>
#include <cstdlib>

#include "blocking_pool.hpp"
#include "plait/core/hooks.hpp"
#include "plait/os/futex.hpp"
#include "plait/os/thread.hpp"
#include "plait/thread/program_end.hpp"
#include "pool_threads.hpp"
#include "thread_registry.hpp"

namespace plait::detail {
namespace {

/// What the program's end gives to daemons that compute.
constexpr auto kGrace = std::chrono::milliseconds(10);

/// What floors above want done, by EndOfProgram.
constinit Atomic<void (*)() noexcept> wanted[2]{};

void do_wanted(EndOfProgram when) noexcept {
  // Acquire pairs with at_program_end().
  if (const auto f = wanted[static_cast<std::size_t>(when)].load(std::memory_order_acquire)) f();
}

[[noreturn]] void park_for_good() noexcept {
  static constinit Atomic<std::uint32_t> never{0};
  for (;;) os::futex_wait(never, 0, kNever);
}

void at_exit() { ThreadRegistry::instance().finish(); }

/// The main thread's end, which is the program's.
struct MainEnd {
  bool armed = false;
  ~MainEnd() {
    if (!armed) return;
    ThreadRegistry::instance().main().end_here();
    ThreadRegistry::instance().finish();
  }
};
thread_local MainEnd main_end;

void watch_from_here() noexcept {
  if (os::is_main_thread()) {
    this_thread_identity();  // and with it the thread's strand, which thus outlives main_end
    main_end.armed = true;
  }
  std::atexit(at_exit);
}

/// Before main, so that threads of any origin are awaited, and once more at the first start, because what is static is
/// made by then.
[[maybe_unused]] const bool watching = [] {
  os::at_fork([] { ThreadRegistry::instance().before_fork(); },
              [] { ThreadRegistry::instance().after_fork_in_parent(); },
              [] { ThreadRegistry::instance().after_fork_in_child(); });
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

void at_program_end(EndOfProgram when, void (*f)() noexcept) noexcept {
  watch_program_end();
  wanted[static_cast<std::size_t>(when)].store(f, std::memory_order_release);
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
  do_wanted(EndOfProgram::close_pools);
  for (;;) {
    reap_ended();
    if (all_gone()) break;
    self.parker.park(kNever);
  }
  do_wanted(EndOfProgram::last_wait);
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

}  // namespace plait::detail
