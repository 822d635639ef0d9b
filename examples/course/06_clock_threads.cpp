// SPDX-License-Identifier: BSL-1.0
#include <plait/thread.hpp>

#include "counter.hpp"

void show_time(int delay) {
  plait::sleep_for(std::chrono::seconds(delay));
  std::printf("Current time: %s, delay %d sec.\n", time_of_day().c_str(), delay);
}

plait::Thread thread1(show_time, 2);
plait::Thread thread2(show_time, 3);

int main() {
  const auto start = plait::now();
  std::printf("Time start: %s\n", time_of_day().c_str());
  thread1.start();
  thread2.start();
  std::printf("Time end: %s\n", time_of_day().c_str());
  std::printf("======== Total time: %.2f ========\n", seconds_since(start));
}
