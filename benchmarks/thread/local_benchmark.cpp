// SPDX-License-Identifier: BSL-1.0
#include <plait/plait.hpp>

#include "measure.hpp"

namespace {

/// A thread finds the value that it has.
void local_get(benchmark::State& state) {
  plait::Local<std::uint64_t> local;
  for (auto _ : state) benchmark::DoNotOptimize(++*local);
  bench::report_per_item(state, 1);
}
void local_get_thread_local(benchmark::State& state) {
  thread_local std::uint64_t value = 0;
  for (auto _ : state) benchmark::DoNotOptimize(++value);
  bench::report_per_item(state, 1);
}
BENCHMARK(local_get);
BENCHMARK(local_get_thread_local);

}  // namespace
