// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <plait/plait.hpp>
#include <vector>

#include "measure.hpp"
#include "workloads.hpp"

namespace {

long successor(long value) { return value + 1; }

/// From one of the pool's calls, which waits for the result by `result()`.
void submit_worker(benchmark::State& state) {
  plait::ThreadPool pool(bench::pool_threads);
  pool.submit([&] {
        for (auto _ : state) {
          long value = 0;
          for (int i = 0; i < bench::batch; ++i) value = pool.submit(successor, value).result();
          benchmark::DoNotOptimize(value);
        }
      })
      .result();
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(submit_worker)->UseRealTime();

plait::Task<> submit_often(benchmark::State& state, plait::ThreadPool& pool) {
  for (auto _ : state) {
    long value = 0;
    for (int i = 0; i < bench::batch; ++i) value = co_await pool.submit(successor, value);
    benchmark::DoNotOptimize(value);
  }
}

/// From one of the pool's tasks, which awaits it.
void submit_task(benchmark::State& state) {
  plait::ThreadPool pool(bench::pool_threads);
  pool.run(submit_often(state, pool));
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(submit_task)->Name("submit_worker/await")->UseRealTime();

/// There and back, while the only worker is kept busy by a call that submits itself again.
void submit_outside(benchmark::State& state) {
  plait::ThreadPool pool(1);
  std::atomic<bool> stop{false};
  struct Chain {
    plait::ThreadPool& pool;
    std::atomic<bool>& stop;
    void operator()() const {
      if (!stop.load(std::memory_order_relaxed)) static_cast<void>(pool.submit(*this));
    }
  };
  static_cast<void>(pool.submit(Chain{pool, stop}));
  long value = 0;
  for (auto _ : state) value = pool.submit(successor, value).result();
  benchmark::DoNotOptimize(value);
  stop = true;
  bench::report_per_item(state, 1);
}
BENCHMARK(submit_outside)->UseRealTime();

void submit_burst(benchmark::State& state) {
  plait::ThreadPool pool(bench::pool_threads);
  std::vector<plait::Future<long>> results;
  results.reserve(bench::burst);
  for (auto _ : state) {
    for (long i = 0; i < bench::burst; ++i) results.push_back(pool.submit(successor, i));
    long sum = 0;
    for (auto& result : results) sum += result.result();
    benchmark::DoNotOptimize(sum);
    results.clear();
  }
  bench::report_per_item(state, bench::burst);
}
BENCHMARK(submit_burst)->UseRealTime();

}  // namespace
