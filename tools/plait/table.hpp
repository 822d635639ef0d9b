// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <vector>

#include "figures.hpp"

namespace plait::tool {

/// The cells of one way's row, as text: wall with spread, speed-up, CPU, peak memory, threads, context switches,
/// longest stall.
std::vector<std::string> row_of(const WayFigures& way, const Block& block);
/// The heads of those columns; a newline parts the two lines of a head.
std::vector<std::string> column_heads();
/// What the block holds, in one line.
std::string block_title(const Figures& figures, Work work);

/// The table: two blocks, the same ways in both but for processes. Where `columns` are too few for it, each way is a
/// paragraph instead.
std::string text_table(const Figures& figures, int columns);

}  // namespace plait::tool
