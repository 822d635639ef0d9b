// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <plait/plait.hpp>
#include <vector>

#include "measure.hpp"

namespace {

plait::Task<> wait_for(plait::Event& event) { co_await event.wait(); }

/// Sets an Event with so many waiting tasks: the time of `set()` alone.
plait::Task<> set_with_waiters(benchmark::State& state) {
  for (auto _ : state) {
    plait::Event event;
    std::vector<plait::Future<void>> waiters;
    for (int i = 0; i < state.range(0); ++i) waiters.push_back(plait::spawn(wait_for(event)));
    while (event.statistics().waiters < waiters.size()) co_await plait::yield_now();
    const auto start = std::chrono::steady_clock::now();
    event.set();
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    for (auto& waiter : waiters) co_await waiter;
  }
  bench::report_per_item(state, state.range(0));
}
void event_set(benchmark::State& state) { plait::run(set_with_waiters(state)); }
BENCHMARK(event_set)->Arg(1'000)->Arg(100'000)->UseManualTime();

}  // namespace
