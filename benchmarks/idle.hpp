// SPDX-License-Identifier: BSL-1.0
// What the row `pool_idle` measures.
#pragma once

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace bench {

/// How often the threads of this process, but for the calling one, have gone to sleep so far.
inline long sleeps_of_others() {
  long sum = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    if (thread.path().filename() == std::to_string(gettid())) continue;
    std::ifstream status(thread.path() / "status");
    const std::string key = "voluntary_ctxt_switches:";
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(key)) sum += std::stol(line.substr(key.size()));
    }
  }
  return sum;
}

/// How often the others are woken within a second, a moment after they had something to do.
inline double wake_ups_of_others_a_second() {
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const long before = sleeps_of_others();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  return static_cast<double>(sleeps_of_others() - before);
}

}  // namespace bench
