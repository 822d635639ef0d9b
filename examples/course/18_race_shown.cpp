// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <plait/thread.hpp>
#include <vector>

#include "counter.hpp"

using namespace std::chrono_literals;

constexpr int kCount = 100;
constexpr int kThreads = 100;
std::atomic<int> val{0};  // a plain int would be undefined behaviour; load and store apart keep the race

void increase() {
  for (int i = 0; i < kCount; ++i) {
    const int new_val = val.load(std::memory_order_relaxed) + 1;
    plait::sleep_for(1ms);
    val.store(new_val, std::memory_order_relaxed);
  }
}

void script() {
  std::vector<plait::Thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(increase);
  for (auto& thread : threads) thread.start();
  for (auto& thread : threads) thread.join();
  std::printf("diff = %d\n", val - kCount * kThreads);
}

int main() { time_counter(script); }
