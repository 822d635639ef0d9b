// SPDX-License-Identifier: BSL-1.0
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <plait/plait.hpp>

#include "measure.hpp"

namespace {

using namespace std::chrono_literals;

[[gnu::noinline]] plait::Task<> increment(std::uint64_t& count) {
  ++count;
  co_return;
}

plait::Task<> groups(benchmark::State& state) {
  std::uint64_t count = 0;
  for (auto _ : state) {
    co_await plait::with_task_group([&count](plait::TaskGroup& group) -> plait::Task<> {
      for (int i = 0; i < bench::batch; ++i) group.spawn(increment(count));
      co_return;
    });
  }
  benchmark::DoNotOptimize(count);
}

void group_child(benchmark::State& state) {
  plait::run(groups(state));
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(group_child)->MeasureProcessCPUTime();

/// What a timeout adds to an operation that completes at once.
plait::Task<> timeouts(benchmark::State& state) {
  plait::Lock lock;
  double bare = 0, limited = 0;
  for (auto _ : state) {
    const double begin = bench::cpu_seconds();
    for (int i = 0; i < bench::batch; ++i) {
      co_await lock.acquire();
      lock.release();
    }
    const double middle = bench::cpu_seconds();
    for (int i = 0; i < bench::batch; ++i) {
      co_await plait::timeout(1h, lock.acquire());
      lock.release();
    }
    const double end = bench::cpu_seconds();
    bare += middle - begin;
    limited += end - middle;
    state.SetIterationTime(end - middle);
  }
  state.counters["per_item"] = (limited - bare) / bench::batch / static_cast<double>(state.iterations());
}

void timeout_extra(benchmark::State& state) { plait::run(timeouts(state)); }
BENCHMARK(timeout_extra)->UseManualTime();

[[gnu::noinline]] plait::Task<> innermost() { co_await plait::sleep(1h); }
[[gnu::noinline]] plait::Task<> middle() { co_await innermost(); }
[[gnu::noinline]] plait::Task<> outermost() { co_await middle(); }

plait::Task<> cancel_all(benchmark::State& state) {
  for (auto _ : state) {
    double begin = 0;
    co_await plait::with_task_group([&begin](plait::TaskGroup& group) -> plait::Task<> {
      for (int i = 0; i < bench::sleepers; ++i) group.spawn(outermost());
      for (int i = 0; i < 3; ++i) co_await plait::yield_now();
      begin = bench::cpu_seconds();
      group.cancel();
    });
    state.SetIterationTime(bench::cpu_seconds() - begin);
  }
}

void cancel_unwind(benchmark::State& state) {
  plait::run(cancel_all(state));
  bench::report_per_item(state, bench::sleepers);
}
BENCHMARK(cancel_unwind)->UseManualTime();

/// Bytes of memory that the process has in use.
double resident() {
  long pages = 0, ignored = 0;
  std::FILE* statm = std::fopen("/proc/self/statm", "r");
  if (!statm || std::fscanf(statm, "%ld %ld", &ignored, &pages) != 2) pages = 0;
  if (statm) std::fclose(statm);
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

[[gnu::noinline]] plait::Task<> sleeper() { co_await plait::sleep(1h); }

plait::Task<> sleep_in_crowd(benchmark::State& state) {
  constexpr int kCrowd = 1'000'000;
  static double each = 0;  // of the first pass: the allocators keep what they got for the next
  for (auto _ : state) {
    const double before = resident();
    co_await plait::with_task_group([&](plait::TaskGroup& group) -> plait::Task<> {
      for (int i = 0; i < kCrowd; ++i) group.spawn(sleeper());
      for (int i = 0; i < 3; ++i) co_await plait::yield_now();
      if (each == 0) each = (resident() - before) / kCrowd;
      group.cancel();
    });
  }
  state.counters["per_item"] = each;
}

void memory_suspended(benchmark::State& state) { plait::run(sleep_in_crowd(state)); }
BENCHMARK(memory_suspended)->Iterations(1);

}  // namespace
