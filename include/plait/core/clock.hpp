// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/base/atomic.hpp"
#include "plait/base/time.hpp"

namespace plait {

/// The time of all of Plait's deadlines: the monotonic clock, or a test's virtual clock. From any thread.
TimePoint now() noexcept;

namespace detail {

class Parker;
class Scheduler;

/// A clock that jumps when all strands wait. It counts the parties that can run (threads outside Plait's waits, loops
/// with work); whoever wakes a party counts it before it leaves the count itself, so zero means: all wait [W9].
class VirtualClock {
 public:
  virtual ~VirtualClock() = default;
  virtual TimePoint now() noexcept = 0;
  /// The calling thread's parker waits for a token until `deadline`. Returns after a token or at the deadline.
  virtual void park(Parker& parker, TimePoint deadline) = 0;
  /// Gives the parker a token. Counted and given at once, or a party would run that is not counted.
  virtual void unpark(Parker& parker) noexcept = 0;
  /// The loop has nothing to do before `deadline`: waits for that, or for a wake-up, or for the kernel.
  virtual void idle(Scheduler& loop, TimePoint deadline) = 0;
  /// Before a loop that waits in `idle` is woken by another thread.
  virtual void before_wake(Scheduler& loop) noexcept = 0;
  /// A thread is about to be started: counted by its starter, before it runs.
  virtual void thread_begins() noexcept = 0;
  /// The first and the last words of a started thread, spoken by itself.
  virtual void thread_runs() noexcept = 0;
  virtual void thread_ends() noexcept = 0;
};

/// Null in production.
extern constinit Atomic<VirtualClock*> virtual_clock;

/// The clock of a test, or null. One predicted branch.
inline VirtualClock* test_clock() noexcept {
  // Acquire pairs with the release of the installing test.
  return virtual_clock.load(std::memory_order_acquire);
}

}  // namespace detail
}  // namespace plait
