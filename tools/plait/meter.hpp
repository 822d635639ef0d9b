// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "figures.hpp"

namespace plait::tool {

/// Measures one way from inside its process. The main program beats every 10 ms as well as it can while the work goes
/// on; how late the latest beat came is its longest stall. A way whose main program does the work itself never beats,
/// and stalls from begin to end. CPU time, memory, threads and context switches are those of the process and of all
/// that descend from it and still live at `stop`. Threads: `beat` and `stop` from the main program; `count_threads`
/// from any strand.
class Meter {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kBeat{10};

  /// Starts the clocks.
  Meter();
  void beat();
  /// How long until the next beat is due; not less than nothing.
  [[nodiscard]] Clock::duration until_beat() const;
  /// Looks how many threads live at this moment, in all these processes, and keeps the largest number.
  void count_threads();
  /// Ends the measurement; what the process does later is not in the sample.
  Sample stop();

 private:
  void keep_most(std::uint64_t threads);

  Clock::time_point begin_;
  Clock::time_point last_beat_;
  Clock::duration longest_stall_{};
  std::atomic<std::uint64_t> threads_{1};
  double cpu_before_;
  double no_core_before_;
  std::uint64_t switches_before_;
};

}  // namespace plait::tool
