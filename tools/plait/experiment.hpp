// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vector>

#include "lanes.hpp"

namespace plait::tool {

/// Runs the course's experiment, two functions of five steps of 50 ms, in each way that the course shows: synchronous,
/// two threads, a thread for each step, tasks; and gives what its strands recorded.
std::vector<LaneGroup> run_experiment();

}  // namespace plait::tool
