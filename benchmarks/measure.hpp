// SPDX-License-Identifier: BSL-1.0
// What every benchmark program here shares, ours and those of the rivals, so that both are measured by the same loop.
#pragma once

#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

namespace bench {

/// Reports the time of one item, in seconds, where one pass of the benchmark's loop handles `items` of them.
/// `benchmarks/run` reads this counter and nothing else.
inline void report_per_item(benchmark::State& state, std::int64_t items) {
  state.counters["per_item"] = benchmark::Counter(
      static_cast<double>(items), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// CPU time of this process, in seconds.
inline double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Binds the calling thread to one core; rows about two threads say that each has a core of its own.
inline void pin_to(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

/// Microseconds in [0, 100,000), the same sequence for every program.
inline std::vector<std::uint32_t> random_delays(std::size_t count) {
  std::mt19937 random(1);
  std::vector<std::uint32_t> delays(count);
  for (auto& delay : delays) delay = random() % 100'000;
  return delays;
}

inline constexpr int batch = 1'000;            ///< Items of one pass where a pass handles a batch.
inline constexpr int posts = 200'000;          ///< Callbacks of the row `post_other_thread` in one burst.
inline constexpr int live_timers = 1'000'000;  ///< Timers of the row `timer_arm_cancel`.
inline constexpr int sleepers = 100'000;       ///< Strands of the row `sleepers`.

}  // namespace bench
