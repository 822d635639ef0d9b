// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <vector>

#include "lanes.hpp"

namespace plait::tool {

/// The end of the time axis for these lanes: the longest life, rounded up to a number that is easy to read.
double axis_end(const std::vector<LaneGroup>& groups);

/// Draws one lane a strand, all on one time axis, at most `columns` wide: `█` in each cell in which the strand ran at
/// some moment, `·` where it only waited, nothing where it did not live.
std::string text_picture(const std::vector<LaneGroup>& groups, int columns);

}  // namespace plait::tool
