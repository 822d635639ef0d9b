// SPDX-License-Identifier: BSL-1.0
// A bounded queue of 64-bit numbers between two tasks of one loop and between two threads, each on a core of its own,
// beside what one writes by hand: std::mutex, std::condition_variable and std::deque.
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <plait/plait.hpp>
#include <thread>

#include "measure.hpp"

namespace {

constexpr std::size_t capacity = 1024;
constexpr int items = 1'000'000;

struct HandWritten {
  explicit HandWritten(std::size_t bound) : bound(bound) {}
  void put(std::uint64_t item) {
    std::unique_lock lock(mutex);
    room.wait(lock, [&] { return queue.size() < bound; });
    queue.push_back(item);
    lock.unlock();
    there.notify_one();
  }
  std::uint64_t get() {
    std::unique_lock lock(mutex);
    there.wait(lock, [&] { return !queue.empty(); });
    const std::uint64_t item = queue.front();
    queue.pop_front();
    lock.unlock();
    room.notify_one();
    return item;
  }

  const std::size_t bound;
  std::mutex mutex;
  std::condition_variable there, room;
  std::deque<std::uint64_t> queue;
};

struct Ours {
  explicit Ours(std::size_t bound) : queue(bound) {}
  void put(std::uint64_t item) { plait::sync_wait(queue.put(item)); }
  std::uint64_t get() { return plait::sync_wait(queue.get()); }

  plait::Queue<std::uint64_t> queue;
};

/// One pass: a thread puts `items` numbers and this one gets them.
template <class Q>
void between_threads(benchmark::State& state) {
  bench::pin_to(0);
  for (auto _ : state) {
    Q queue(capacity);
    std::thread producer([&] {
      bench::pin_to(1);
      for (int i = 0; i < items; ++i) queue.put(i);
    });
    std::uint64_t sum = 0;
    for (int i = 0; i < items; ++i) sum += queue.get();
    producer.join();
    if (sum != std::uint64_t{items} * (items - 1) / 2) state.SkipWithError("an item was lost or doubled");
  }
  bench::report_per_item(state, items);
}

void queue_threads(benchmark::State& state) { between_threads<Ours>(state); }
BENCHMARK(queue_threads)->UseRealTime();
void queue_threads_by_hand(benchmark::State& state) { between_threads<HandWritten>(state); }
BENCHMARK(queue_threads_by_hand)->UseRealTime();

plait::Task<> put_all(plait::Queue<std::uint64_t>& queue) {
  for (int i = 0; i < items; ++i) co_await queue.put(i);
}

/// The argument is the capacity: with 1 every item is a change of tasks.
void queue_tasks(benchmark::State& state) {
  plait::run([&]() -> plait::Task<> {
    for (auto _ : state) {
      plait::Queue<std::uint64_t> queue(static_cast<std::size_t>(state.range(0)));
      auto producer = plait::spawn(put_all(queue));
      std::uint64_t sum = 0;
      for (int i = 0; i < items; ++i) sum += co_await queue.get();
      co_await producer;
      if (sum != std::uint64_t{items} * (items - 1) / 2) state.SkipWithError("an item was lost or doubled");
    }
  });
  bench::report_per_item(state, items);
}
BENCHMARK(queue_tasks)->Arg(capacity)->Arg(16)->Arg(1)->MeasureProcessCPUTime();

/// The same without another strand: what a put and a get cost that need not wait.
void queue_put_get(benchmark::State& state) {
  plait::Queue<std::uint64_t> queue(capacity);
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (int i = 0; i < bench::batch; ++i) {
      plait::sync_wait(queue.put(i));
      sum += plait::sync_wait(queue.get());
    }
  }
  benchmark::DoNotOptimize(sum);
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(queue_put_get);

}  // namespace
