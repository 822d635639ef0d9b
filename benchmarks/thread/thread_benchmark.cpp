// SPDX-License-Identifier: BSL-1.0
#include <plait/plait.hpp>

#include "idle.hpp"
#include "measure.hpp"
#include "workloads.hpp"

namespace {

void thread_create(benchmark::State& state) {
  long count = 0;
  for (auto _ : state) {
    plait::Thread thread([&count] { ++count; });
    thread.start();
    thread.join();
  }
  benchmark::DoNotOptimize(count);
  bench::report_per_item(state, 1);
}
BENCHMARK(thread_create)->UseRealTime();

void pool_idle(benchmark::State& state) {
  plait::ThreadPool pool(bench::pool_threads);
  for (auto _ : state) {
    for (int i = 0; i < bench::batch; ++i) pool.submit([] {}).result();
    state.counters["per_item"] = bench::wake_ups_of_others_a_second();
  }
}
BENCHMARK(pool_idle)->Iterations(1);

}  // namespace
