// SPDX-License-Identifier: BSL-1.0
#include "plait/core/record.hpp"

#include <source_location>
#include <thread>
#include <vector>

#include "measure.hpp"

namespace {

using namespace plait;
using namespace plait::detail;

const void* here() { return address_of(std::source_location::current()); }

/// What each suspension pays: the await line before, the state after.
void suspend(benchmark::State& state) {
  StrandRecord* record = open_record(false, {}, here(), nullptr);
  for (auto _ : state) {
    record->suspend(WaitKind::sleep, here(), record);
    benchmark::ClobberMemory();
    record->set(StrandState::running);
    benchmark::ClobberMemory();
  }
  close_record(record);
  bench::report_per_item(state, 1);
}
BENCHMARK(suspend);

/// What a strand pays that ends before the next one starts.
void open_and_close(benchmark::State& state) {
  StrandRecord* parent = open_record(false, {}, here(), nullptr);
  for (auto _ : state) close_record(open_record(false, {}, here(), parent));
  close_record(parent);
  bench::report_per_item(state, 1);
}
BENCHMARK(open_and_close);

void open_and_close_named(benchmark::State& state) {
  for (auto _ : state) close_record(open_record(false, "a session of a client", here(), nullptr));
  bench::report_per_item(state, 1);
}
BENCHMARK(open_and_close_named);

/// As many strands alive at once as the argument says. The first pass, which pays for the memory, is not measured.
void open_many(benchmark::State& state) {
  std::vector<StrandRecord*> records(static_cast<std::size_t>(state.range(0)));
  const auto pass = [&] {
    for (auto& record : records) record = open_record(false, {}, here(), nullptr);
    for (auto& record : records) close_record(record);
  };
  pass();
  for (auto _ : state) pass();
  bench::report_per_item(state, state.range(0));
}
BENCHMARK(open_many)->Arg(bench::batch)->Arg(bench::sleepers);

/// Two threads that each start and end strands, as loops of their own do.
void two_threads(benchmark::State& state) {
  bench::pin_to(state.thread_index());
  for (auto _ : state) close_record(open_record(false, {}, here(), nullptr));
  bench::report_per_item(state, 1);
}
BENCHMARK(two_threads)->Threads(2)->UseRealTime();

}  // namespace
