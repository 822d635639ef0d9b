// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "plait/base/time.hpp"
#include "plait/core/task.hpp"
#include "plait/sched/run.hpp"

namespace plait::testing {

/// While one lives, all of Plait's deadlines are on a virtual clock that stands still as long as anything can run and
/// jumps to the earliest deadline when everything waits (trio's MockClock with autojump). It counts tasks on loops, the
/// thread that made it, threads that Plait starts, and other threads from their first wait in one of Plait's operations
/// until they end; a counted thread that computes or blocks elsewhere holds time still. Strands due at one instant are
/// woken one after the other. While the kernel owes a loop something, time waits 5 real milliseconds for it before each
/// jump. If everything waits for good, stderr gets the tree of who waits for what after 2 real seconds. Make it before
/// the threads that it shall count; one at a time (std::logic_error).
class VirtualTime {
 public:
  VirtualTime();
  VirtualTime(const VirtualTime&) = delete;
  VirtualTime& operator=(const VirtualTime&) = delete;
  ~VirtualTime();

  /// Virtual time since this object was made.
  Duration elapsed() const noexcept;

 private:
  TimePoint start_;
};

/// How a test runs. Trivially destructible.
struct Options {
  /// Not 0: ready tasks are resumed in an order drawn from this seed, the same one every time.
  std::uint64_t seed = 0;
};

/// What a test run gives: the value, and the virtual time that it took.
template <class T>
struct RunResult {
  T value;           ///< What the coroutine returned.
  Duration elapsed;  ///< Virtual, not real.
};
template <>
struct RunResult<void> {
  Duration elapsed;
};

namespace detail {

/// Draws the order of ready tasks from a seed while it lives; does nothing for seed 0.
class SeededOrder {
 public:
  explicit SeededOrder(std::uint64_t seed);
  SeededOrder(const SeededOrder&) = delete;
  SeededOrder& operator=(const SeededOrder&) = delete;
  ~SeededOrder();

 private:
  bool installed_;
};

}  // namespace detail

/// As plait::run, in virtual time: a test with sleeps of hours takes no time, and the same path every time.
template <class T>
RunResult<T> run(Task<T> main, Options options = {}) {
  VirtualTime time;
  detail::SeededOrder order(options.seed);
  if constexpr (std::is_void_v<T>) {
    plait::run(std::move(main));
    return {time.elapsed()};
  } else {
    T value = plait::run(std::move(main));
    return {std::forward<T>(value), time.elapsed()};
  }
}

/// Runs the coroutine `f()` and keeps `f` alive as long as it.
template <class F>
  requires plait::detail::MakesTask<F>
auto run(F f, Options options = {}) {
  return run(plait::detail::keep_alive(std::move(f)), options);
}

}  // namespace plait::testing
