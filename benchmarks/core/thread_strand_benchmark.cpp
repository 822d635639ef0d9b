// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <plait/core/thread_strand.hpp>
#include <thread>

#include "measure.hpp"

namespace {

/// What every wait of a thread in a primitive is made of: a word that says for what, and the thread's parker.
struct Flag {
  std::atomic<bool> up{false};
  plait::detail::Parker* waiter = nullptr;

  void raise() {
    plait::detail::Parker& parker = *waiter;
    up.store(true, std::memory_order_release);
    parker.unpark();
  }
  void wait() {
    while (!up.load(std::memory_order_acquire)) waiter->park(plait::detail::kNever);
    up.store(false, std::memory_order_relaxed);
  }
};

void hand_over(benchmark::State& state) {
  Flag there;
  Flag back;
  std::atomic<bool> ready{false};
  std::atomic<bool> stop{false};
  back.waiter = &plait::detail::this_thread_strand().parker;
  bench::pin_to(0);
  std::thread partner([&] {
    bench::pin_to(1);
    there.waiter = &plait::detail::this_thread_strand().parker;
    ready = true;
    for (;;) {
      there.wait();
      if (stop) return;
      back.raise();
    }
  });
  while (!ready) std::this_thread::yield();
  for (auto _ : state) {
    there.raise();
    back.wait();
  }
  stop = true;
  there.raise();
  partner.join();
  bench::report_per_item(state, 1);
}
BENCHMARK(hand_over)->UseRealTime();

}  // namespace
