// SPDX-License-Identifier: BSL-1.0
// oneTBB: recursion by task_group, the calling thread among the workers; from outside by task_arena::enqueue.
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <array>
#include <atomic>
#include <future>
#include <vector>

#include "../idle.hpp"
#include "../measure.hpp"
#include "../workloads.hpp"

namespace {

using tbb::task_group;

long fib(int n) {
  if (n < 2) return n;
  long a = 0;
  task_group group;
  group.run([&a, n] { a = fib(n - 1); });
  const long b = fib(n - 2);
  group.wait();
  return a + b;
}

void fib_with(benchmark::State& state, int threads) {
  tbb::task_arena arena(threads);
  arena.execute([&] {
    for (auto _ : state) bench::expect(fib(bench::fib_n), bench::fib_result);
  });
  bench::report_per_item(state, bench::fib_calls);
}
void fib_2(benchmark::State& state) { fib_with(state, bench::pool_threads); }
void fib_1(benchmark::State& state) { fib_with(state, 1); }
BENCHMARK(fib_2)->Name("fib")->UseRealTime();
BENCHMARK(fib_1)->MeasureProcessCPUTime();

std::int64_t skynet(std::int64_t first, std::int64_t leaves) {
  if (leaves == 1) return first;
  const std::int64_t each = leaves / 10;
  std::array<std::int64_t, 10> parts{};
  task_group group;
  for (std::size_t i = 1; i < 10; ++i) {
    group.run([&parts, first, each, i] { parts[i] = skynet(first + static_cast<std::int64_t>(i) * each, each); });
  }
  parts[0] = skynet(first, each);
  group.wait();
  return std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
}

void run_skynet(benchmark::State& state) {
  tbb::task_arena arena(bench::pool_threads);
  arena.execute([&] {
    for (auto _ : state) bench::expect(skynet(0, bench::skynet_leaves), bench::skynet_result);
  });
  bench::report_per_item(state, bench::skynet_tasks);
}
BENCHMARK(run_skynet)->Name("skynet")->UseRealTime();

int place_queens(int row, const bench::Board& board) {
  if (row == bench::queens) return 1;
  std::array<int, bench::queens> parts{};
  task_group group;
  for (int column = 0; column < bench::queens; ++column) {
    if (!bench::queen_fits(board, row, column)) continue;
    group.run([&part = parts[static_cast<std::size_t>(column)], row, next = bench::with_queen(board, row, column)] {
      part = place_queens(row + 1, next);
    });
  }
  group.wait();
  return std::accumulate(parts.begin(), parts.end(), 0);
}

void nqueens(benchmark::State& state) {
  tbb::task_arena arena(bench::pool_threads);
  arena.execute([&] {
    for (auto _ : state) bench::expect(place_queens(0, {}), bench::queens_result);
  });
  bench::report_per_item(state, 1);
}
BENCHMARK(nqueens)->UseRealTime();

void multiply(const bench::Product& p) {
  if (p.size == bench::matrix_leaf) return bench::multiply_leaf(p);
  for (int inner : {0, 1}) {
    task_group group;
    group.run([&] { multiply(p.part(0, 0, inner)); });
    group.run([&] { multiply(p.part(0, 1, inner)); });
    group.run([&] { multiply(p.part(1, 0, inner)); });
    multiply(p.part(1, 1, inner));
    group.wait();
  }
}

void matmul(benchmark::State& state) {
  tbb::task_arena arena(bench::pool_threads);
  bench::Matrices matrices;
  arena.execute([&] {
    for (auto _ : state) multiply(matrices.product());
  });
  matrices.check();
  bench::report_per_item(state, 1);
}
BENCHMARK(matmul)->UseRealTime();

void submit_worker(benchmark::State& state) {
  tbb::task_arena arena(bench::pool_threads);
  arena.execute([&] {
    for (auto _ : state) {
      long value = 0;
      for (int i = 0; i < bench::batch; ++i) {
        task_group group;
        group.run([&value] { ++value; });
        group.wait();
      }
      benchmark::DoNotOptimize(value);
    }
  });
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(submit_worker)->UseRealTime();

void submit_outside(benchmark::State& state) {
  tbb::task_arena arena(1, 0);
  std::atomic<bool> stop{false};
  struct Chain {
    tbb::task_arena& arena;
    std::atomic<bool>& stop;
    void operator()() const {
      if (!stop.load(std::memory_order_relaxed)) arena.enqueue(*this);
    }
  };
  arena.enqueue(Chain{arena, stop});
  long value = 0;
  for (auto _ : state) {
    std::promise<long> promise;
    arena.enqueue([&promise, value] { promise.set_value(value + 1); });
    value = promise.get_future().get();
  }
  benchmark::DoNotOptimize(value);
  stop = true;
  arena.execute([] {});  // the call before has its last turn
  bench::report_per_item(state, 1);
}
BENCHMARK(submit_outside)->UseRealTime();

/// The calling thread helps, as task_group has it.
void submit_burst(benchmark::State& state) {
  tbb::task_arena arena(bench::pool_threads);
  std::vector<long> results(bench::burst);
  for (auto _ : state) {
    task_group group;
    arena.execute([&] {
      for (long i = 0; i < bench::burst; ++i)
        group.run([&results, i] { results[static_cast<std::size_t>(i)] = i + 1; });
      group.wait();
    });
    benchmark::DoNotOptimize(std::accumulate(results.begin(), results.end(), 0L));
  }
  bench::report_per_item(state, bench::burst);
}
BENCHMARK(submit_burst)->UseRealTime();

void pool_idle(benchmark::State& state) {
  tbb::task_arena arena(bench::pool_threads);
  for (auto _ : state) {
    arena.execute([] { fib(15); });
    state.counters["per_item"] = bench::wake_ups_of_others_a_second();
  }
}
BENCHMARK(pool_idle)->Iterations(1);

}  // namespace
