// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <mutex>
#include <plait/plait.hpp>
#include <thread>
#include <vector>

#include "measure.hpp"

namespace {

/// Lock and unlock by one thread, or by two on two cores, with a section of one addition.
template <class Mutex>
void uncontended(benchmark::State& state) {
  Mutex mutex;
  std::uint64_t count = 0;
  for (auto _ : state) {
    std::scoped_lock guard(mutex);
    benchmark::DoNotOptimize(++count);
  }
  bench::report_per_item(state, 1);
}
void lock_uncontended(benchmark::State& state) { uncontended<plait::Lock>(state); }
void lock_uncontended_std_mutex(benchmark::State& state) { uncontended<std::mutex>(state); }
BENCHMARK(lock_uncontended);
BENCHMARK(lock_uncontended_std_mutex);

/// Program-wide, as in the baseline: a std::mutex of a program that has started a thread before is not elided.
template <class Mutex>
void contended(benchmark::State& state) {
  constexpr int kTimes = 1'000'000;
  double longest = 0;
  for (auto _ : state) {
    alignas(64) Mutex mutex;
    alignas(64) std::uint64_t count = 0;
    std::atomic<int> ready{0};
    std::atomic<double> worst{0};
    const auto work = [&](int core) {
      bench::pin_to(core);
      ++ready;
      while (ready < 2) plait::detail::cpu_relax();
      double longest_here = 0;
      for (int i = 0; i < kTimes; ++i) {
        if (i % 64 == 0) {
          const auto start = std::chrono::steady_clock::now();
          {
            std::scoped_lock guard(mutex);
            benchmark::DoNotOptimize(++count);
          }
          longest_here =
              std::max(longest_here, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
          continue;
        }
        std::scoped_lock guard(mutex);
        benchmark::DoNotOptimize(++count);
      }
      double seen = worst;
      while (longest_here > seen && !worst.compare_exchange_weak(seen, longest_here)) {
      }
    };
    std::thread other(work, 1);
    std::thread here(work, 0);
    here.join();
    other.join();
    longest = std::max(longest, worst.load());
  }
  state.counters["longest_wait"] = longest;
  bench::report_per_item(state, 2 * kTimes);
}
void lock_contended(benchmark::State& state) { contended<plait::Lock>(state); }
void lock_contended_std_mutex(benchmark::State& state) { contended<std::mutex>(state); }
BENCHMARK(lock_contended)->UseRealTime();
BENCHMARK(lock_contended_std_mutex)->UseRealTime();

plait::Task<> pass_on(plait::Lock& lock, int times) {
  for (int i = 0; i < times; ++i) {
    auto guard = co_await lock.guard();
    co_await plait::yield_now();
  }
}
plait::Task<> yield_only(int times) {
  for (int i = 0; i < times; ++i) co_await plait::yield_now();
}

/// Ten tasks of one loop, each of which finds it taken: a hand-over, and the yield that makes it one.
plait::Task<> hand_round(benchmark::State& state, bool with_lock) {
  constexpr int kTasks = 10;
  plait::Lock lock;
  for (auto _ : state) {
    std::vector<plait::Task<>> tasks;
    for (int i = 0; i < kTasks; ++i) {
      tasks.push_back(with_lock ? pass_on(lock, bench::batch) : yield_only(bench::batch));
    }
    co_await plait::gather(std::move(tasks));
  }
  bench::report_per_item(state, kTasks * bench::batch);
}
void lock_hand_over(benchmark::State& state) { plait::run(hand_round(state, true)); }
void lock_hand_over_yield_alone(benchmark::State& state) { plait::run(hand_round(state, false)); }
BENCHMARK(lock_hand_over);
BENCHMARK(lock_hand_over_yield_alone);

plait::Task<> take_often(benchmark::State& state) {
  plait::Lock lock;
  for (auto _ : state) {
    for (int i = 0; i < bench::batch; ++i) auto guard = co_await lock.guard();
  }
  bench::report_per_item(state, bench::batch);
}
void lock_uncontended_task(benchmark::State& state) { plait::run(take_often(state)); }
BENCHMARK(lock_uncontended_task);

plait::Task<> take_permits(benchmark::State& state) {
  plait::Semaphore semaphore(2);
  for (auto _ : state) {
    for (int i = 0; i < bench::batch; ++i) auto guard = co_await semaphore.guard();
  }
  bench::report_per_item(state, bench::batch);
}
void semaphore_uncontended_task(benchmark::State& state) { plait::run(take_permits(state)); }
BENCHMARK(semaphore_uncontended_task);

}  // namespace
