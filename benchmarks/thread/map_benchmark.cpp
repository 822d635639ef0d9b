// SPDX-License-Identifier: BSL-1.0
#include <plait/plait.hpp>
#include <vector>

#include "measure.hpp"
#include "workloads.hpp"

namespace {

void map_ints(benchmark::State& state) {
  plait::ThreadPool pool(bench::pool_threads);
  const std::vector<int> values = bench::map_input();
  for (auto _ : state) {
    long sum = 0;
    for (long result : pool.map(bench::map_step, values)) sum += result;
    benchmark::DoNotOptimize(sum);
  }
  bench::report_per_item(state, bench::map_items);
}
BENCHMARK(map_ints)->UseRealTime();

}  // namespace
