// SPDX-License-Identifier: BSL-1.0
#include <plait/thread.hpp>

#include "counter.hpp"

void show_time(int delay) {
  for (int d = 1; d <= delay; ++d) {
    plait::sleep_for(std::chrono::seconds(1));
    std::printf("Current time: %s, %d; delay %d sec.\n", time_of_day().c_str(), d, delay);
  }
}

plait::Thread thread1({.daemon = true}, show_time, 2);
plait::Thread thread2({.daemon = true}, show_time, 3);

int main() {
  const auto start = plait::now();
  std::printf("Time start: %s\n", time_of_day().c_str());
  thread1.start();
  thread2.start();
  std::printf("Time end: %s\n", time_of_day().c_str());
  std::printf("======== Total time: %.2f ========\n", seconds_since(start));
}
