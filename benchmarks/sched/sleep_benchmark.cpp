// SPDX-License-Identifier: BSL-1.0
#include <plait/plait.hpp>
#include <vector>

#include "measure.hpp"

namespace {

plait::Task<> sleep_once(std::uint32_t microseconds, int& fired) {
  co_await plait::sleep(std::chrono::microseconds(microseconds));
  ++fired;
}

plait::Task<> sleep_all(benchmark::State& state) {
  const auto delays = bench::random_delays(bench::sleepers);
  for (auto _ : state) {
    int fired = 0;
    std::vector<plait::Task<>> tasks;
    for (auto delay : delays) tasks.push_back(sleep_once(delay, fired));
    co_await plait::gather(std::move(tasks));
    if (fired != bench::sleepers) state.SkipWithError("a sleeper is missing");
  }
}

void sleepers(benchmark::State& state) {
  plait::run(sleep_all(state));
  bench::report_per_item(state, 1);
}
BENCHMARK(sleepers)->MeasureProcessCPUTime();

}  // namespace
