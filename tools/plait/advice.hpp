// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <vector>

#include "figures.hpp"

namespace plait::tool {

/// What to choose for one kind of work, and why.
struct Recommendation {
  Work work = Work::kCpuBound;
  Way choose = Way::kSequential;
  std::string text;
  std::vector<std::string> used;  ///< the figures it rests on, each with its name and value
  std::string changed_by;         ///< what would change it
};

/// What the figures advise. When they are too small to say anything, there are no recommendations, and `silence` says
/// why.
struct Advice {
  std::string silence;
  std::vector<Recommendation> recommendations;
};

/// Below this much work of one strand, start-up and noise are what is measured.
inline constexpr double kLeastWork_s = 1.0;

/// A pure function of the figures. Both blocks need their sequential way.
Advice advise(const Figures& figures);

std::string text_advice(const Advice& advice, int columns);

}  // namespace plait::tool
