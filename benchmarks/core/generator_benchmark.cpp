// SPDX-License-Identifier: BSL-1.0
//
// Steps of generators. The limit by hand, and nesting by loops, are in benchmarks/against/raw_generator.cpp.
#include <cstdint>

#include "../measure.hpp"
#include "plait/generator.hpp"

namespace {

using Steps = plait::Generator<std::uint64_t>;

constexpr std::uint64_t steps = 100'000;

[[gnu::noinline]] Steps count_to(std::uint64_t end) {
  for (std::uint64_t i = 0; i < end; ++i) co_yield i;
}

[[gnu::noinline]] plait::Generator<const std::uint64_t&> refer_to(std::uint64_t end) {
  for (std::uint64_t i = 0; i < end; ++i) co_yield i;
}

[[gnu::noinline]] Steps delegate(int depth, std::uint64_t end) {
  if (depth == 0) {
    for (std::uint64_t i = 0; i < end; ++i) co_yield i;
  } else {
    co_yield plait::elements_of(delegate(depth - 1, end));
  }
}

[[gnu::noinline]] plait::Generator<std::uint64_t, std::uint64_t> echo() {
  for (std::uint64_t sent = 0;;) sent = co_yield sent;
}

void drain(benchmark::State& state, auto make) {
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (std::uint64_t i : make()) {
      sum += i;
      benchmark::DoNotOptimize(sum);
    }
  }
  bench::report_per_item(state, steps);
}

void generator_step(benchmark::State& state) {
  drain(state, [] { return count_to(steps); });
}
BENCHMARK(generator_step)->MeasureProcessCPUTime();

void generator_nested(benchmark::State& state) {
  drain(state, [] { return delegate(4, steps); });
}
BENCHMARK(generator_nested)->MeasureProcessCPUTime();

void generator_nested_50(benchmark::State& state) {
  drain(state, [] { return delegate(49, steps); });
}
BENCHMARK(generator_nested_50)->MeasureProcessCPUTime();

void generator_reference(benchmark::State& state) {
  drain(state, [] { return refer_to(steps); });
}
BENCHMARK(generator_reference)->MeasureProcessCPUTime();

void generator_next(benchmark::State& state) {
  for (auto _ : state) {
    Steps generator = count_to(steps);
    while (auto i = generator.next()) benchmark::DoNotOptimize(*i);
  }
  bench::report_per_item(state, steps);
}
BENCHMARK(generator_next)->MeasureProcessCPUTime();

void generator_send(benchmark::State& state) {
  auto generator = echo();
  generator.next();
  for (auto _ : state) benchmark::DoNotOptimize(generator.send(1));
  bench::report_per_item(state, 1);
}
BENCHMARK(generator_send)->MeasureProcessCPUTime();

void generator_create(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(plait::next(count_to(1)));
  bench::report_per_item(state, 1);
}
BENCHMARK(generator_create)->MeasureProcessCPUTime();

}  // namespace
