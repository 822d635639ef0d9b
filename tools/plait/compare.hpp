// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vector>

#include "options.hpp"
#include "progress.hpp"

namespace plait::tool {

/// Does `plait compare`, and gives its exit code: 0 all files read, 1 some unread (or the ways disagree), 2 usage.
int compare(const CompareOptions& options);

/// One pass of each kind that warms up, then three rounds, each beginning with another way.
std::vector<Step> plan_of_comparison();

}  // namespace plait::tool
