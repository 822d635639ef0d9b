// SPDX-License-Identifier: BSL-1.0
// The limit for unwinding: the exception of a suspended coroutine through three frames, and nothing else. The frames
// come from malloc; making them is not measured.
#include <time.h>

#include <coroutine>
#include <exception>
#include <utility>
#include <vector>

#include "../measure.hpp"

namespace {

struct Stop {};
std::vector<std::coroutine_handle<>> parked;

struct Call {
  struct promise_type {
    std::coroutine_handle<> caller;
    std::exception_ptr error;

    struct Finish {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        return self.promise().caller ? self.promise().caller : std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };
    Call get_return_object() { return Call{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Finish final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { error = std::current_exception(); }
  };
  std::coroutine_handle<promise_type> handle;

  explicit Call(std::coroutine_handle<promise_type> handle) : handle(handle) {}
  Call(Call&& other) noexcept : handle(std::exchange(other.handle, {})) {}
  ~Call() {
    if (handle) handle.destroy();
  }
  bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
    handle.promise().caller = caller;
    return handle;
  }
  void await_resume() {
    if (handle.promise().error) std::rethrow_exception(handle.promise().error);
  }
};

struct Park {
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> handle) { parked.push_back(handle); }
  void await_resume() { throw Stop{}; }
};

[[gnu::noinline]] Call innermost() { co_await Park{}; }
[[gnu::noinline]] Call middle() { co_await innermost(); }
[[gnu::noinline]] Call outermost() { co_await middle(); }

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void cancel_unwind(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<Call> chains;
    chains.reserve(bench::sleepers);
    parked.reserve(bench::sleepers);
    for (int i = 0; i < bench::sleepers; ++i) chains.push_back(outermost());
    for (Call& chain : chains) chain.handle.resume();
    const double begin = cpu_seconds();
    for (const auto handle : parked) handle.resume();
    chains.clear();
    state.SetIterationTime(cpu_seconds() - begin);
    parked.clear();
  }
  bench::report_per_item(state, bench::sleepers);
}
BENCHMARK(cancel_unwind)->UseManualTime();

}  // namespace
