// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace plait::tool {

/// What processes have used since each of them began.
struct Used {
  double cpu_s = 0;                    ///< user and system time
  std::uint64_t context_switches = 0;  ///< voluntary and not
  std::uint64_t peak_memory = 0;       ///< bytes resident
  std::uint64_t threads = 0;           ///< that live now
};

/// The calling process alone.
Used used_by_this_process();

/// All that descend from the calling process and live, one added to the other: peaks that came at different times, and
/// memory that they share as often as it is mapped. Of the context switches those of each one's first thread, which is
/// all that a worker of a ProcessPool has.
Used used_by_processes_below();

}  // namespace plait::tool
