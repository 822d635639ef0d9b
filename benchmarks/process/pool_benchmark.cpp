// SPDX-License-Identifier: BSL-1.0
// Calls in other processes, there and back. What is by hand is in against/raw_processes.cpp.
#include <numeric>
#include <plait/plait.hpp>
#include <vector>

#include "measure.hpp"
#include "workloads.hpp"

namespace {

long successor(long value) { return value + 1; }
std::vector<char> give_back(std::vector<char> bytes) { return bytes; }
void nothing() {}

/// One at a time, by a thread that waits for each.
void process_call(benchmark::State& state) {
  plait::ProcessPool pool(1);
  long value = pool.submit(successor, 0).result();
  for (auto _ : state) value = pool.submit(successor, value).result();
  benchmark::DoNotOptimize(value);
  bench::report_per_item(state, 1);
}
BENCHMARK(process_call)->UseRealTime();

/// The range of numbers through `map`, in chunks of that size.
void process_map(benchmark::State& state) {
  plait::ProcessPool pool(2);
  const auto chunk = static_cast<std::size_t>(state.range(0));
  std::vector<long> numbers(chunk == 1 ? 100'000 : 4'000'000);
  std::iota(numbers.begin(), numbers.end(), 0);
  const long expected = std::accumulate(numbers.begin(), numbers.end(), 0L) + static_cast<long>(numbers.size());
  for (auto _ : state) {
    long sum = 0;
    for (const long n : pool.map(successor, numbers, {.chunksize = chunk})) sum += n;
    bench::expect(sum, expected);
  }
  bench::report_per_item(state, static_cast<std::int64_t>(numbers.size()));
}
BENCHMARK(process_map)->Name("process_map/1")->Arg(1)->UseRealTime();
BENCHMARK(process_map)->Name("process_map/256")->Arg(256)->UseRealTime();

/// 64 MiB as argument and as result.
void process_bytes(benchmark::State& state) {
  plait::ProcessPool pool(1);
  const std::vector<char> bytes(64 << 20, 'x');
  for (auto _ : state) {
    const std::vector<char> back = pool.submit(give_back, bytes).result();
    bench::expect(back.size(), bytes.size());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(2 * bytes.size() * state.iterations()));
  bench::report_per_item(state, 1);
}
BENCHMARK(process_bytes)->UseRealTime();

void process_start(benchmark::State& state) {
  // As large as the program of the aim.
  std::vector<char> resident(static_cast<std::size_t>(state.range(0)) << 30, 'x');
  benchmark::DoNotOptimize(resident.data());
  for (auto _ : state) {
    plait::Process process(nothing);
    process.start();
    process.join();
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(process_start)->Name("process_start")->Arg(0)->UseRealTime();
BENCHMARK(process_start)->Name("process_start/4GiB")->Arg(4)->UseRealTime();

}  // namespace
