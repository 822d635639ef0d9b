// SPDX-License-Identifier: BSL-1.0
#include "counter.hpp"

using namespace std::chrono_literals;

constexpr int kN = 5;
constexpr auto kDelay = 500ms;

plait::Task<> func1(int n) {
  for (int i = 0; i < n; ++i) {
    co_await plait::sleep(kDelay);
    std::printf("--- line #%d from %d is completed\n", i, n);
  }
}

plait::Task<> func2(int n) {
  for (int i = 0; i < n; ++i) {
    co_await plait::sleep(kDelay);
    std::printf("=== line #%d from %d is completed\n", i, n);
  }
}

plait::Task<> script() {
  std::puts("All functions completed");
  co_return;
}

plait::Task<> amain() {
  auto task0 = plait::spawn(async_time_counter(script));
  auto task1 = plait::spawn(func1(kN));
  auto task2 = plait::spawn(func2(kN));
  co_await task0;
  co_await task1;
  co_await task2;
}

int main() { plait::run(amain()); }
