// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <cstdint>
#include <plait/plait.hpp>
#include <semaphore>
#include <thread>
#include <vector>

#include "measure.hpp"

namespace {

using plait::detail::Scheduler;
using plait::detail::Work;

struct Increment : Work {
  std::uint64_t* count = nullptr;

  explicit Increment(std::uint64_t& count) : count(&count) {
    run = [](Work& work) {
      ++*static_cast<Increment&>(work).count;
      benchmark::ClobberMemory();
    };
  }
};

plait::Task<> post_to_itself(benchmark::State& state) {
  Scheduler& loop = *Scheduler::current();
  std::uint64_t count = 0;
  std::vector<Increment> calls(bench::batch, Increment(count));
  for (auto _ : state) {
    for (auto& call : calls) loop.schedule(call);
    co_await plait::yield_now();  // to the end of the ready list, behind all of them
  }
}

/// Work is what every callback and every wake-up is posted as; a callback that owns captures allocates besides.
void post_same_thread(benchmark::State& state) {
  plait::run(post_to_itself(state));
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(post_same_thread)->MeasureProcessCPUTime();

struct Burst {
  Scheduler* loop = nullptr;
  std::binary_semaphore go{0};
  std::atomic<bool> stop{false};
  plait::Promise<void>* all_ran = nullptr;
  int left = 0;
};

struct CountDown : Work {
  Burst* burst = nullptr;

  explicit CountDown(Burst& burst) : burst(&burst) {
    run = [](Work& work) {
      Burst& burst = *static_cast<CountDown&>(work).burst;
      if (--burst.left == 0) burst.all_ran->set_value();
    };
  }
};

plait::Task<> take_bursts(benchmark::State& state, Burst& burst) {
  burst.loop = Scheduler::current();
  for (auto _ : state) {
    burst.left = bench::posts;
    plait::Promise<void> all_ran;
    burst.all_ran = &all_ran;
    auto done = all_ran.future();
    burst.go.release();
    co_await done;
  }
}

void post_other_thread(benchmark::State& state) {
  Burst burst;
  std::vector<CountDown> calls(bench::posts, CountDown(burst));
  bench::pin_to(0);
  std::thread poster([&] {
    bench::pin_to(1);
    for (;;) {
      burst.go.acquire();
      if (burst.stop) return;
      for (auto& call : calls) burst.loop->post(call);
    }
  });
  plait::run(take_bursts(state, burst));
  burst.stop = true;
  burst.go.release();
  poster.join();
  bench::report_per_item(state, bench::posts);
}
BENCHMARK(post_other_thread)->UseRealTime();

/// Two loops on two threads; each turn is posted to the other.
struct PingPong {
  struct Turn : Work {
    PingPong* game = nullptr;
  };
  Turn ping;
  Turn pong;
  Scheduler* here = nullptr;
  std::atomic<Scheduler*> there{nullptr};
  plait::Promise<void>* over = nullptr;
  plait::Promise<void> closed;
  int left = 0;

  PingPong() {
    ping.game = pong.game = this;
    pong.run = [](Work& work) {
      PingPong& game = *static_cast<Turn&>(work).game;
      game.here->post(game.ping);
    };
    ping.run = [](Work& work) {
      PingPong& game = *static_cast<Turn&>(work).game;
      if (game.left-- == 0) return game.over->set_value();
      game.there.load(std::memory_order_relaxed)->post(game.pong);
    };
  }
};

plait::Task<> play(benchmark::State& state, PingPong& game) {
  game.here = Scheduler::current();
  for (auto _ : state) {
    plait::Promise<void> over;
    game.over = &over;
    game.left = bench::batch;
    auto done = over.future();
    game.here->schedule(game.ping);
    co_await done;
  }
}

plait::Task<> answer(PingPong& game) {
  auto closed = game.closed.future();
  game.there = Scheduler::current();
  co_await closed;
}

void hand_over_loops(benchmark::State& state) {
  PingPong game;
  bench::pin_to(0);
  std::thread partner([&] {
    bench::pin_to(1);
    plait::run(answer(game));
  });
  while (!game.there) std::this_thread::yield();
  plait::run(play(state, game));
  game.closed.set_value();
  partner.join();
  bench::report_per_item(state, bench::batch);
}
BENCHMARK(hand_over_loops)->Name("hand_over/loops")->UseRealTime();

}  // namespace
