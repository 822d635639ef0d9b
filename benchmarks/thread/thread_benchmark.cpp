// SPDX-License-Identifier: BSL-1.0
#include <plait/plait.hpp>
#include <thread>

#include "measure.hpp"

namespace {

/// Start and join a thread that does nothing, one after the other.
void thread_create_and_join(benchmark::State& state) {
  for (auto _ : state) {
    plait::Thread thread([] {});
    thread.start();
    thread.join();
  }
  bench::report_per_item(state, 1);
}
void thread_create_and_join_std_thread(benchmark::State& state) {
  for (auto _ : state) std::thread([] {}).join();
  bench::report_per_item(state, 1);
}
BENCHMARK(thread_create_and_join)->UseRealTime();
BENCHMARK(thread_create_and_join_std_thread)->UseRealTime();

}  // namespace
