// SPDX-License-Identifier: BSL-1.0
// The limit for unwinding: the exception of a suspended coroutine through three frames, and nothing else. The frames
// come from malloc; making them is not measured.
#include <coroutine>
#include <vector>

#include "../measure.hpp"
#include "raw_call.hpp"

namespace {

struct Stop {};
std::vector<std::coroutine_handle<>> parked;

struct FromMalloc {};
using MallocCall = Call<FromMalloc>;

struct Park {
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> handle) { parked.push_back(handle); }
  void await_resume() { throw Stop{}; }
};

[[gnu::noinline]] MallocCall innermost() {
  co_await Park{};
  co_return 0;
}
[[gnu::noinline]] MallocCall middle() { co_return co_await innermost(); }
[[gnu::noinline]] MallocCall outermost() { co_return co_await middle(); }

void cancel_unwind(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<MallocCall> chains;
    chains.reserve(bench::sleepers);
    parked.reserve(bench::sleepers);
    for (int i = 0; i < bench::sleepers; ++i) chains.push_back(outermost());
    for (MallocCall& chain : chains) {
      chain.handle.promise().caller = std::noop_coroutine();
      chain.handle.resume();
    }
    const double begin = bench::cpu_seconds();
    for (const auto handle : parked) handle.resume();
    chains.clear();
    state.SetIterationTime(bench::cpu_seconds() - begin);
    parked.clear();
  }
  bench::report_per_item(state, bench::sleepers);
}
BENCHMARK(cancel_unwind)->UseManualTime();

}  // namespace
