// SPDX-License-Identifier: BSL-1.0
#include <cstdlib>
#include <plait/plait.hpp>
#include <plait/sched/timer_wheel.hpp>
#include <vector>

#include "measure.hpp"

namespace {

/// The timer inside every sleep and every deadline; the sleep of a task is the row `sleepers`.
void timer_arm_cancel(benchmark::State& state) {
  auto delays = bench::random_delays(bench::live_timers);
  std::vector<plait::detail::Timer> timers(bench::live_timers);
  plait::detail::TimerWheel wheel;
  for (auto _ : state) {
    const auto now = plait::now();
    for (std::size_t i = 0; i < timers.size(); ++i)
      wheel.arm(timers[i], now + std::chrono::microseconds(10'000'000 + delays[i] * 500));
    for (auto& timer : timers) wheel.disarm(timer);
  }
  bench::report_per_item(state, bench::live_timers);
}
BENCHMARK(timer_arm_cancel)->MeasureProcessCPUTime();

}  // namespace
