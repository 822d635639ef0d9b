// SPDX-License-Identifier: BSL-1.0
#include <cstdint>
#include <plait/plait.hpp>
#include <vector>

#include "measure.hpp"

namespace {

[[gnu::noinline]] plait::Task<> increment(std::uint64_t& count) {
  ++count;
  co_return;
}

plait::Task<> spawn_and_join(benchmark::State& state) {
  std::uint64_t count = 0;
  for (auto _ : state)
    for (int i = 0; i < bench::batch; ++i) co_await plait::spawn(increment(count));
  benchmark::DoNotOptimize(count);
}

void spawn_join(benchmark::State& state) {
  plait::run(spawn_and_join(state));
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(spawn_join)->MeasureProcessCPUTime();

plait::Task<> yield_often(int times) {
  for (int i = 0; i < times; ++i) co_await plait::yield_now();
}

plait::Task<> yield_among_others(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<plait::Task<>> tasks;
    for (int i = 0; i < 1000; ++i) tasks.push_back(yield_often(1000));
    co_await plait::gather(std::move(tasks));
  }
}

void suspend_resume(benchmark::State& state) {
  plait::run(yield_among_others(state));
  bench::report_per_item(state, 1000 * 1000);
}
BENCHMARK(suspend_resume)->MeasureProcessCPUTime();

}  // namespace
