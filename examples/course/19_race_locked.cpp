// SPDX-License-Identifier: BSL-1.0
#include <plait/thread.hpp>
#include <vector>

#include "counter.hpp"

using namespace std::chrono_literals;

constexpr int kCount = 100;
constexpr int kThreads = 100;
int val = 0;
plait::Lock val_lock;

void increase() {
  for (int i = 0; i < kCount; ++i) {
    plait::sync_wait(val_lock.acquire());
    const int new_val = val + 1;
    plait::sleep_for(1ms);
    val = new_val;
    val_lock.release();
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
