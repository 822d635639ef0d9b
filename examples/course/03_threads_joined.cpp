// SPDX-License-Identifier: BSL-1.0
#include <plait/thread.hpp>

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
  plait::Thread thread1(func1, kN);
  plait::Thread thread2(func2, kN);
  thread1.start();
  thread2.start();
  thread1.join();
  thread2.join();
  std::puts("All functions completed");
}

int main() { time_counter(script); }
