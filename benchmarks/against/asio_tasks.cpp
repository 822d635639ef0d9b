// SPDX-License-Identifier: BSL-1.0
// Asio's coroutines (asio::awaitable on an io_context).
#include <asio.hpp>
#include <cstdint>
#include <cstdlib>

#include "../measure.hpp"

namespace {

template <class Make>
void run_to_end(asio::io_context& context, Make make) {
  asio::co_spawn(context, make(), asio::detached);
  context.run();
  context.restart();
}

[[gnu::noinline]] asio::awaitable<void> increment(std::uint64_t& count) {
  ++count;
  co_return;
}

asio::awaitable<void> spawn_and_join(std::uint64_t& count, int times) {
  auto executor = co_await asio::this_coro::executor;
  for (int i = 0; i < times; ++i) co_await asio::co_spawn(executor, increment(count), asio::use_awaitable);
}

void spawn_join(benchmark::State& state) {
  asio::io_context context(1);
  std::uint64_t count = 0;
  for (auto _ : state) run_to_end(context, [&] { return spawn_and_join(count, bench::batch); });
  benchmark::DoNotOptimize(count);
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(spawn_join)->MeasureProcessCPUTime();

asio::awaitable<void> yield_often(int times) {
  auto executor = co_await asio::this_coro::executor;
  for (int i = 0; i < times; ++i) co_await asio::post(executor, asio::use_awaitable);
}

void suspend_resume(benchmark::State& state) {
  asio::io_context context(1);
  for (auto _ : state) {
    for (int i = 0; i < 1000; ++i) asio::co_spawn(context, yield_often(1000), asio::detached);
    context.run();
    context.restart();
  }
  bench::report_per_item(state, 1000 * 1000);
}
BENCHMARK(suspend_resume)->MeasureProcessCPUTime();

[[gnu::noinline]] asio::awaitable<std::uint64_t> successor(std::uint64_t value) { co_return value + 1; }

asio::awaitable<void> call_often(int times) {
  std::uint64_t value = 0;
  for (int i = 0; i < times; ++i) value = co_await successor(value);
  benchmark::DoNotOptimize(value);
}

void call_return(benchmark::State& state) {
  asio::io_context context(1);
  for (auto _ : state) run_to_end(context, [] { return call_often(bench::batch); });
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(call_return)->MeasureProcessCPUTime();

asio::awaitable<void> sleep_once(std::uint32_t microseconds, int& fired) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::microseconds(microseconds));
  co_await timer.async_wait(asio::use_awaitable);
  ++fired;
}

void sleepers(benchmark::State& state) {
  auto delays = bench::random_delays(bench::sleepers);
  for (auto _ : state) {
    asio::io_context context(1);
    int fired = 0;
    for (auto delay : delays) asio::co_spawn(context, sleep_once(delay, fired), asio::detached);
    context.run();
    if (fired != bench::sleepers) std::abort();
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(sleepers)->MeasureProcessCPUTime();

}  // namespace
