// SPDX-License-Identifier: BSL-1.0
#include <plait/thread.hpp>
#include <vector>

#include "counter.hpp"

using namespace std::chrono_literals;

constexpr int kN = 5;
constexpr auto kDelay = 500ms;

void func1(int i, int n) {
  plait::sleep_for(kDelay);
  std::printf("--- line #%d from %d is completed\n", i, n);
}

void func2(int i, int n) {
  plait::sleep_for(kDelay);
  std::printf("=== line #%d from %d is completed\n", i, n);
}

void script() {
  std::vector<plait::Thread> threads;
  for (int i = 0; i < kN; ++i) threads.emplace_back(func1, i, kN);
  for (int i = 0; i < kN; ++i) threads.emplace_back(func2, i, kN);
  for (auto& thread : threads) thread.start();
  for (auto& thread : threads) thread.join();
  std::puts("All functions completed");
}

int main() { time_counter(script); }
