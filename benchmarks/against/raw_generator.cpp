// SPDX-License-Identifier: BSL-1.0
// The limit for generators: the least promise that works, and the two ways to nest it by hand.
#include <coroutine>
#include <cstdint>
#include <exception>
#include <utility>

#include "../measure.hpp"

namespace {

struct Steps {
  struct promise_type {
    std::uint64_t value = 0;
    promise_type* leaf = this;       // in the outermost frame: the frame that runs
    promise_type* root = this;       // the outermost frame
    promise_type* parent = nullptr;  // who delegated to this frame

    struct Finish {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        auto& promise = self.promise();
        if (!promise.parent) return std::noop_coroutine();
        promise.root->leaf = promise.parent;
        return std::coroutine_handle<promise_type>::from_promise(*promise.parent);
      }
      void await_resume() noexcept {}
    };
    struct Delegate;
    Steps get_return_object() { return Steps{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Finish final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(std::uint64_t next) noexcept {
      root->value = next;
      return {};
    }
    Delegate yield_value(Steps inner) noexcept;
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;

  explicit Steps(std::coroutine_handle<promise_type> handle) : handle(handle) {}
  Steps(Steps&& other) noexcept : handle(std::exchange(other.handle, {})) {}
  ~Steps() {
    if (handle) handle.destroy();
  }
  bool next() {
    std::coroutine_handle<promise_type>::from_promise(*handle.promise().leaf).resume();
    return !handle.done();
  }
  std::uint64_t value() const { return handle.promise().value; }
};

struct Steps::promise_type::Delegate {
  Steps inner;

  explicit Delegate(Steps inner) : inner(std::move(inner)) {}
  bool await_ready() noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> outer) noexcept {
    auto& promise = inner.handle.promise();
    promise.parent = &outer.promise();
    promise.root = outer.promise().root;
    promise.root->leaf = &promise;
    return inner.handle;
  }
  void await_resume() noexcept {}
};

inline auto Steps::promise_type::yield_value(Steps inner) noexcept -> Delegate { return Delegate(std::move(inner)); }

[[gnu::noinline]] Steps count_to(std::uint64_t end) {
  for (std::uint64_t i = 0; i < end; ++i) co_yield i;
}

[[gnu::noinline]] Steps delegate(int depth, std::uint64_t end) {
  if (depth == 0) {
    for (std::uint64_t i = 0; i < end; ++i) co_yield i;
  } else {
    co_yield delegate(depth - 1, end);
  }
}

[[gnu::noinline]] Steps repeat(int depth, std::uint64_t end) {
  if (depth == 0) {
    for (std::uint64_t i = 0; i < end; ++i) co_yield i;
  } else {
    for (Steps inner = repeat(depth - 1, end); inner.next();) co_yield inner.value();
  }
}

constexpr std::uint64_t steps = 100'000;

void drain(benchmark::State& state, auto make) {
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (Steps generator = make(); generator.next();) {
      sum += generator.value();
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

void generator_nested_by_loops(benchmark::State& state) {
  drain(state, [] { return repeat(4, steps); });
}
BENCHMARK(generator_nested_by_loops)->Name("generator_nested/loops-in-loops")->MeasureProcessCPUTime();

}  // namespace
