// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <vector>

#include "advice.hpp"
#include "figures.hpp"
#include "lanes.hpp"
#include "tree.hpp"

namespace plait::tool {

/// All that one comparison found out.
struct Report {
  std::string directory;
  Figures figures;
  std::vector<LaneGroup> experiment;
  Advice advice;
  std::vector<UnreadName> unread;
  std::size_t disagreements = 0;
};

/// What is printed: the table, what each way asks of the user's code, the picture, the advice.
std::string text_report(const Report& report, int columns);

/// Everything, the single rounds included, as one JSON object; bytes that are not UTF-8 become U+FFFD.
std::string json_report(const Report& report);

}  // namespace plait::tool
