// SPDX-License-Identifier: BSL-1.0
#include "counter.hpp"

using namespace std::chrono_literals;

constexpr int kN = 5;
constexpr auto kDelay = 500ms;

void func1(int n) {
  for (int i = 0; i < n; ++i) {
    plait::sleep_for(kDelay);
    std::printf("--- line #%d from %d is completed\n", i, n);
  }
}

void func2(int n) {
  for (int i = 0; i < n; ++i) {
    plait::sleep_for(kDelay);
    std::printf("=== line #%d from %d is completed\n", i, n);
  }
}

void script() {
  func1(kN);
  func2(kN);
  std::puts("All functions completed");
}

int main() { time_counter(script); }
