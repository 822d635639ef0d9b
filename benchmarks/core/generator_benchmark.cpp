// SPDX-License-Identifier: BSL-1.0
//
// One step of a generator, alone and below five levels of delegation, beside the least a coroutine can do: a
// hand-written generator without exceptions, sent values or delegation, nested by loops.
#include <benchmark/benchmark.h>

#include <coroutine>
#include <exception>
#include <utility>

#include <plait/generator.hpp>

namespace {

template <class T>
class BareGenerator {
 public:
  struct promise_type {
    const T* value = nullptr;
    BareGenerator get_return_object() {
      return BareGenerator{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(const T& x) noexcept {
      value = &x;
      return {};
    }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  struct End {};
  struct Iterator {
    std::coroutine_handle<promise_type> handle;
    Iterator& operator++() {
      handle.resume();
      return *this;
    }
    const T& operator*() const { return *handle.promise().value; }
    bool operator==(End) const { return handle.done(); }
  };

  BareGenerator(BareGenerator&& other) noexcept : handle_{std::exchange(other.handle_, {})} {}
  ~BareGenerator() {
    if (handle_) handle_.destroy();
  }
  Iterator begin() {
    handle_.resume();
    return {handle_};
  }
  End end() { return {}; }

 private:
  explicit BareGenerator(std::coroutine_handle<promise_type> handle) : handle_{handle} {}
  std::coroutine_handle<promise_type> handle_;
};

[[gnu::noinline]] BareGenerator<long> bare_count(long n) {
  for (long i = 0; i < n; ++i) co_yield i;
}
[[gnu::noinline]] BareGenerator<long> bare_nested(long depth, long n) {
  if (depth == 0) {
    for (long i = 0; i < n; ++i) co_yield i;
  } else {
    for (long i : bare_nested(depth - 1, n)) co_yield i;
  }
}

[[gnu::noinline]] plait::Generator<long> count(long n) {
  for (long i = 0; i < n; ++i) co_yield i;
}
[[gnu::noinline]] plait::Generator<const long&> count_references(long n) {
  for (long i = 0; i < n; ++i) co_yield i;
}
[[gnu::noinline]] plait::Generator<long> nested(long depth, long n) {
  if (depth == 0) {
    for (long i = 0; i < n; ++i) co_yield i;
  } else {
    co_yield plait::elements_of(nested(depth - 1, n));
  }
}
[[gnu::noinline]] plait::Generator<long, long> echo() {
  long sent = 0;
  for (;;) sent = co_yield sent;
}

constexpr long batch = 1'000'000;

template <class Make>
void step_through(benchmark::State& state, Make make) {
  for (auto _ : state) {
    long sum = 0;
    for (long i : make()) {
      sum += i;
      benchmark::DoNotOptimize(sum);
    }
  }
  state.SetItemsProcessed(state.iterations() * batch);
}

void step_bare(benchmark::State& state) {
  step_through(state, [] { return bare_count(batch); });
}
void step(benchmark::State& state) {
  step_through(state, [] { return count(batch); });
}
void step_references(benchmark::State& state) {
  step_through(state, [] { return count_references(batch); });
}
void step_nested_bare(benchmark::State& state) {
  step_through(state, [&] { return bare_nested(state.range(0), batch); });
}
void step_nested(benchmark::State& state) {
  step_through(state, [&] { return nested(state.range(0), batch); });
}
void next_step(benchmark::State& state) {
  for (auto _ : state) {
    auto generator = count(batch);
    while (auto i = generator.next()) benchmark::DoNotOptimize(*i);
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
void send_step(benchmark::State& state) {
  auto generator = echo();
  generator.next();
  for (auto _ : state) benchmark::DoNotOptimize(generator.send(1));
  state.SetItemsProcessed(state.iterations());
}
void create_bare(benchmark::State& state) {
  for (auto _ : state) {
    for (long i : bare_count(1)) benchmark::DoNotOptimize(i);
  }
}
void create(benchmark::State& state) {
  for (auto _ : state) {
    for (long i : count(1)) benchmark::DoNotOptimize(i);
  }
}

BENCHMARK(step_bare);
BENCHMARK(step);
BENCHMARK(step_references);
BENCHMARK(step_nested_bare)->Arg(5);
BENCHMARK(step_nested)->Arg(5)->Arg(50);
BENCHMARK(next_step);
BENCHMARK(send_step);
BENCHMARK(create_bare);
BENCHMARK(create);

}  // namespace
