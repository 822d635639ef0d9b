// SPDX-License-Identifier: BSL-1.0
// Asio's callbacks: posting, handing over between two io_contexts, timers.
#include <asio.hpp>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <semaphore>
#include <thread>
#include <vector>

#include "../measure.hpp"

namespace {

void post_same_thread(benchmark::State& state) {
  asio::io_context context(1);
  std::uint64_t count = 0;
  auto increment = [&count] {
    ++count;
    benchmark::ClobberMemory();
  };
  for (auto _ : state) {
    // The burst is posted from a handler, where Asio recycles its memory.
    asio::post(context, [&] {
      for (int i = 0; i < bench::batch; ++i) asio::post(context, increment);
    });
    context.run();
    context.restart();
  }
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(post_same_thread)->MeasureProcessCPUTime();

void post_other_thread(benchmark::State& state) {
  asio::io_context context(1);
  auto work = asio::make_work_guard(context);
  int count = 0;
  std::binary_semaphore go{0};
  std::atomic<bool> stop{false};
  bench::pin_to(0);
  std::thread poster([&] {
    bench::pin_to(1);
    for (;;) {
      go.acquire();
      if (stop) return;
      for (int i = 0; i < bench::posts; ++i)
        asio::post(context, [&] {
          if (++count == bench::posts) context.stop();
        });
    }
  });
  for (auto _ : state) {
    count = 0;
    go.release();
    context.run();
    context.restart();
  }
  stop = true;
  go.release();
  poster.join();
  bench::report_per_item(state, bench::posts);
}
BENCHMARK(post_other_thread)->UseRealTime();

struct PingPong {
  asio::io_context here{1};
  asio::io_context there{1};
  asio::executor_work_guard<asio::io_context::executor_type> here_works{here.get_executor()};
  asio::executor_work_guard<asio::io_context::executor_type> there_works{there.get_executor()};
  int left = 0;

  void ping() {
    if (left-- == 0)
      here.stop();
    else
      asio::post(there, [this] { asio::post(here, [this] { ping(); }); });
  }
};

void hand_over(benchmark::State& state) {
  PingPong game;
  bench::pin_to(0);
  std::thread partner([&] {
    bench::pin_to(1);
    game.there.run();
  });
  for (auto _ : state) {
    game.left = 1000;
    asio::post(game.here, [&] { game.ping(); });
    game.here.run();
    game.here.restart();
  }
  game.there.stop();
  partner.join();
  bench::report_per_item(state, 1000);
}
BENCHMARK(hand_over)->UseRealTime();

void timer_arm_cancel(benchmark::State& state) {
  auto delays = bench::random_delays(bench::live_timers);
  asio::io_context context(1);
  std::vector<asio::steady_timer> timers;
  timers.reserve(bench::live_timers);
  for (int i = 0; i < bench::live_timers; ++i) timers.emplace_back(context);
  for (auto _ : state) {
    for (std::size_t i = 0; i < timers.size(); ++i) {
      timers[i].expires_after(std::chrono::microseconds(10'000'000 + delays[i] * 500));
      timers[i].async_wait([](auto) {});
    }
    for (auto& timer : timers) timer.cancel();
    context.run();
    context.restart();
  }
  bench::report_per_item(state, bench::live_timers);
}
BENCHMARK(timer_arm_cancel)->MeasureProcessCPUTime();

void sleepers(benchmark::State& state) {
  auto delays = bench::random_delays(bench::sleepers);
  for (auto _ : state) {
    asio::io_context context(1);
    std::vector<asio::steady_timer> timers;
    timers.reserve(bench::sleepers);
    int fired = 0;
    for (auto delay : delays)
      timers.emplace_back(context, std::chrono::microseconds(delay)).async_wait([&](auto error) {
        if (!error) ++fired;
      });
    context.run();
    if (fired != bench::sleepers) std::abort();
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(sleepers)->Name("sleepers/callbacks")->MeasureProcessCPUTime();

}  // namespace
