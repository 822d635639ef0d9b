// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plait::tool {

/// The ways to do many things that wait or compute, in the order of the table.
enum class Way { kSequential, kThreads, kCoroutines, kCoroutinesAndThreads, kProcesses };
inline constexpr Way kWays[] = {Way::kSequential, Way::kThreads, Way::kCoroutines, Way::kCoroutinesAndThreads,
                                Way::kProcesses};

/// The two kinds of work that are compared.
enum class Work { kCpuBound, kIoBound };

/// The ways that are compared for a kind of work: all, but who waits needs no processes for it.
constexpr std::span<const Way> ways_of(Work work) {
  return work == Work::kCpuBound ? std::span(kWays) : std::span(kWays).first(std::size(kWays) - 1);
}

/// The name of a way on the screen and in JSON ("coroutines+threads").
std::string_view way_name(Way way);
/// What the way asks of the user's code, in one line.
std::string_view way_asks(Way way);

/// What one run of one way cost, measured inside a process of its own, the processes that it started included.
struct Sample {
  double wall_s = 0;
  double cpu_s = 0;                    ///< user and system time
  double no_core_s = 0;                ///< how long the main program could have run and had no core
  double longest_stall_s = 0;          ///< how late the latest beat of a 10 ms heartbeat in the main program came
  std::uint64_t peak_memory = 0;       ///< bytes resident; of several processes, their peaks added up
  std::uint64_t threads = 0;           ///< the most that lived at once, in all processes
  std::uint64_t context_switches = 0;  ///< voluntary and not
};

/// The rounds of one way. `median` is the median of each figure by itself.
struct WayFigures {
  Way way = Way::kSequential;
  std::vector<Sample> rounds;
  Sample median;
  double spread = 0;  ///< half the distance from the shortest to the longest wall time, as a share of the median
};

/// Makes the median and the spread from the rounds (at least one).
WayFigures summarise(Way way, std::vector<Sample> rounds);

/// One block of the table.
struct Block {
  std::vector<WayFigures> ways;
  /// The figures of a way, or nullptr when it was not run.
  [[nodiscard]] const WayFigures* find(Way way) const;
};

/// Everything that advice is drawn from.
struct Figures {
  unsigned cores = 1;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t requests = 0;
  double request_s = 0;
  unsigned in_flight = 0;  ///< the limit of requests in flight
  Block cpu_bound;
  Block io_bound;
};

}  // namespace plait::tool
