// SPDX-License-Identifier: BSL-1.0
// libuv. It has no call to post a function: the usual list under a mutex with a uv_async_t is used.
#include <uv.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <semaphore>
#include <thread>
#include <vector>

#include "../measure.hpp"

namespace {

struct Call {
  Call* next;
  void (*function)(void*);
  void* argument;
};

class Inbox {
 public:
  explicit Inbox(uv_loop_t* loop) {
    uv_mutex_init(&mutex_);
    async_.data = this;
    uv_async_init(loop, &async_, [](uv_async_t* async) { static_cast<Inbox*>(async->data)->run(); });
  }
  ~Inbox() { uv_mutex_destroy(&mutex_); }
  /// To be called once, on the loop's thread, before the loop runs for the last time.
  void close() { uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr); }

  void post(void (*function)(void*), void* argument) {
    auto* call = static_cast<Call*>(std::malloc(sizeof(Call)));
    *call = {nullptr, function, argument};
    uv_mutex_lock(&mutex_);
    *last_ = call;
    last_ = &call->next;
    uv_mutex_unlock(&mutex_);
    uv_async_send(&async_);
  }

 private:
  void run() {
    uv_mutex_lock(&mutex_);
    Call* call = first_;
    first_ = nullptr;
    last_ = &first_;
    uv_mutex_unlock(&mutex_);
    while (call) {
      Call* next = call->next;
      call->function(call->argument);
      std::free(call);
      call = next;
    }
  }

  uv_async_t async_;
  uv_mutex_t mutex_;
  Call* first_ = nullptr;
  Call** last_ = &first_;
};

/// A loop with an inbox, closed in the order libuv asks for.
struct Loop {
  uv_loop_t loop;
  Inbox inbox;

  Loop() : inbox((uv_loop_init(&loop), &loop)) {}
  ~Loop() {
    inbox.close();
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }
  void run() { uv_run(&loop, UV_RUN_DEFAULT); }
  void stop() { uv_stop(&loop); }
};

void post_same_thread(benchmark::State& state) {
  Loop loop;
  std::uint64_t count = 0;
  auto increment = [](void* count) {
    ++*static_cast<std::uint64_t*>(count);
    benchmark::ClobberMemory();
  };
  for (auto _ : state) {
    for (int i = 0; i < bench::batch; ++i) loop.inbox.post(increment, &count);
    loop.inbox.post([](void* loop) { static_cast<Loop*>(loop)->stop(); }, &loop);
    loop.run();
  }
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(post_same_thread)->MeasureProcessCPUTime();

void post_other_thread(benchmark::State& state) {
  struct Counter {
    Loop loop;
    int count = 0;
  } counter;
  std::binary_semaphore go{0};
  std::atomic<bool> stop{false};
  bench::pin_to(0);
  std::thread poster([&] {
    bench::pin_to(1);
    for (;;) {
      go.acquire();
      if (stop) return;
      for (int i = 0; i < bench::posts; ++i)
        counter.loop.inbox.post(
            [](void* argument) {
              auto* counter = static_cast<Counter*>(argument);
              if (++counter->count == bench::posts) counter->loop.stop();
            },
            &counter);
    }
  });
  for (auto _ : state) {
    counter.count = 0;
    go.release();
    counter.loop.run();
  }
  stop = true;
  go.release();
  poster.join();
  bench::report_per_item(state, bench::posts);
}
BENCHMARK(post_other_thread)->UseRealTime();

struct PingPong {
  Loop here;
  Loop there;
  int left = 0;

  static void ping(void* argument) {
    auto* game = static_cast<PingPong*>(argument);
    if (game->left-- == 0)
      game->here.stop();
    else
      game->there.inbox.post(pong, game);
  }
  static void pong(void* argument) { static_cast<PingPong*>(argument)->here.inbox.post(ping, argument); }
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
    game.here.inbox.post(PingPong::ping, &game);
    game.here.run();
  }
  game.there.inbox.post([](void* argument) { static_cast<PingPong*>(argument)->there.stop(); }, &game);
  partner.join();
  bench::report_per_item(state, 1000);
}
BENCHMARK(hand_over)->UseRealTime();

void timer_arm_cancel(benchmark::State& state) {
  auto delays = bench::random_delays(bench::live_timers);
  uv_loop_t loop;
  uv_loop_init(&loop);
  std::vector<uv_timer_t> timers(bench::live_timers);
  for (auto& timer : timers) uv_timer_init(&loop, &timer);
  for (auto _ : state) {
    for (std::size_t i = 0; i < timers.size(); ++i)
      uv_timer_start(&timers[i], [](uv_timer_t*) {}, 10'000 + delays[i] / 2, 0);
    for (auto& timer : timers) uv_timer_stop(&timer);
  }
  for (auto& timer : timers) uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  bench::report_per_item(state, bench::live_timers);
}
BENCHMARK(timer_arm_cancel)->MeasureProcessCPUTime();

void sleepers(benchmark::State& state) {
  auto delays = bench::random_delays(bench::sleepers);
  for (auto _ : state) {
    uv_loop_t loop;
    uv_loop_init(&loop);
    int fired = 0;
    loop.data = &fired;
    std::vector<uv_timer_t> timers(bench::sleepers);
    for (std::size_t i = 0; i < timers.size(); ++i) {
      uv_timer_init(&loop, &timers[i]);
      auto count = [](uv_timer_t* timer) { ++*static_cast<int*>(timer->loop->data); };
      uv_timer_start(&timers[i], count, (delays[i] + 999) / 1000, 0);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    if (fired != bench::sleepers) std::abort();
    for (auto& timer : timers) uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }
  bench::report_per_item(state, 1);
}
BENCHMARK(sleepers)->Name("sleepers/callbacks")->MeasureProcessCPUTime();

}  // namespace
