// SPDX-License-Identifier: BSL-1.0
// The limit for tasks: coroutine frames from operator new, a ring of handles, nothing else. No cancellation, no names,
// no other threads, no growth.
#include <coroutine>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

#include "../measure.hpp"
#include "raw_call.hpp"

namespace {

struct ReadyRing {
  static constexpr std::uint32_t capacity = 1 << 12;
  std::vector<std::coroutine_handle<>> slots = std::vector<std::coroutine_handle<>>(capacity);
  std::uint32_t head = 0;
  std::uint32_t tail = 0;

  void put(std::coroutine_handle<> handle) { slots[tail++ & (capacity - 1)] = handle; }
  void run() {
    while (head != tail) slots[head++ & (capacity - 1)].resume();
  }
} ring;

struct Started {
  struct promise_type {
    std::coroutine_handle<> waiter;
    bool done = false;

    struct Finish {
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        self.promise().done = true;
        if (self.promise().waiter) ring.put(self.promise().waiter);
      }
      void await_resume() noexcept {}
    };
    Started get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Finish final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;

  bool await_ready() { return handle.promise().done; }
  void await_suspend(std::coroutine_handle<> waiter) { handle.promise().waiter = waiter; }
  void await_resume() { handle.destroy(); }
};

struct Yield {
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> handle) { ring.put(handle); }
  void await_resume() {}
};

Started start(Started task) {
  ring.put(task.handle);
  return task;
}

void run_to_end(Started task) {
  ring.put(task.handle);
  ring.run();
  task.handle.destroy();
}

[[gnu::noinline]] Started increment(std::uint64_t& count) {
  ++count;
  co_return;
}

Started spawn_and_join(std::uint64_t& count, int times) {
  for (int i = 0; i < times; ++i) co_await start(increment(count));
}

Started yield_often(int times) {
  for (int i = 0; i < times; ++i) co_await Yield{};
}

void spawn_join(benchmark::State& state) {
  std::uint64_t count = 0;
  for (auto _ : state) run_to_end(spawn_and_join(count, bench::batch));
  benchmark::DoNotOptimize(count);
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(spawn_join)->MeasureProcessCPUTime();

void suspend_resume(benchmark::State& state) {
  std::vector<Started> tasks;
  for (auto _ : state) {
    for (int i = 0; i < 1000; ++i) tasks.push_back(start(yield_often(1000)));
    ring.run();
    for (auto& task : tasks) task.handle.destroy();
    tasks.clear();
  }
  bench::report_per_item(state, 1000 * 1000);
}
BENCHMARK(suspend_resume)->MeasureProcessCPUTime();

// The frame of a nested call comes from a list of used ones; malloc would double the figure.
class FrameList {
 public:
  void* take(std::size_t size) {
    if (size > frame_size) return ::operator new(size);
    if (!first_) return ::operator new(frame_size);
    return std::exchange(first_, *static_cast<void**>(first_));
  }
  void give_back(void* frame, std::size_t size) {
    if (size > frame_size) return ::operator delete(frame);
    *static_cast<void**>(frame) = std::exchange(first_, frame);
  }

 private:
  static constexpr std::size_t frame_size = 128;
  void* first_ = nullptr;
} frames;

struct FromList {
  static void* operator new(std::size_t size) { return frames.take(size); }
  static void operator delete(void* frame, std::size_t size) { frames.give_back(frame, size); }
};
using ListedCall = Call<FromList>;

[[gnu::noinline]] ListedCall successor(std::uint64_t value) { co_return value + 1; }

ListedCall call_often(int times) {
  std::uint64_t value = 0;
  for (int i = 0; i < times; ++i) value = co_await successor(value);
  co_return value;
}

void call_return(benchmark::State& state) {
  for (auto _ : state) {
    ListedCall root = call_often(bench::batch);
    root.handle.promise().caller = std::noop_coroutine();
    root.handle.resume();
    benchmark::DoNotOptimize(root.handle.promise().value);
  }
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(call_return)->MeasureProcessCPUTime();

}  // namespace
