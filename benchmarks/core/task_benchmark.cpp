// SPDX-License-Identifier: BSL-1.0
#include <cstdint>
#include <plait/plait.hpp>

#include "measure.hpp"

namespace {

[[gnu::noinline]] plait::Task<std::uint64_t> successor(std::uint64_t value) { co_return value + 1; }

plait::Task<> call_often(benchmark::State& state) {
  for (auto _ : state) {
    std::uint64_t value = 0;
    for (int i = 0; i < bench::batch; ++i) value = co_await successor(value);
    benchmark::DoNotOptimize(value);
  }
}

void call_return(benchmark::State& state) {
  plait::run(call_often(state));
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(call_return)->MeasureProcessCPUTime();

}  // namespace
