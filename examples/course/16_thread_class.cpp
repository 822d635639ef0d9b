// SPDX-License-Identifier: BSL-1.0
#include <plait/thread.hpp>

#include "counter.hpp"

class ClockThread : public plait::Thread {
 public:
  explicit ClockThread(int delay) : delay_(delay) { daemon(true); }

  void run() override {
    plait::sleep_for(std::chrono::seconds(delay_));
    std::printf("Current time: %s, delay %d sec.\n", time_of_day().c_str(), delay_);
  }

 private:
  int delay_;
};

ClockThread thread1(2);
ClockThread thread2(3);

int main() {
  const auto start = plait::now();
  std::printf("Time start: %s\n", time_of_day().c_str());
  thread1.start();
  thread2.start();
  thread2.join();
  std::printf("Time end: %s\n", time_of_day().c_str());
  std::printf("======== Total time: %.2f ========\n", seconds_since(start));
}
