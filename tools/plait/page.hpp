// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <vector>

#include "advice.hpp"
#include "figures.hpp"
#include "lanes.hpp"

namespace plait::tool {

/// The table, the picture and the advice as one HTML page that needs nothing from anywhere else, not even a script.
/// In the picture each lane is an SVG group of class `lane`, each interval a rectangle of class `ran` or `waited`.
std::string html_page(const std::string& directory, const Figures& figures, const std::vector<LaneGroup>& groups,
                      const Advice& advice);

/// The picture alone, as one `<svg>` element.
std::string svg_picture(const std::vector<LaneGroup>& groups);

/// Text as the content of an element or of a quoted attribute.
std::string html_escaped(const std::string& text);

}  // namespace plait::tool
