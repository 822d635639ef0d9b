// SPDX-License-Identifier: BSL-1.0
#include "picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace plait::tool {
namespace {

constexpr const char* kRan = "█";
constexpr const char* kWaited = "·";

struct Axis {
  double end;
  int cells;
  [[nodiscard]] int cell(double t) const { return std::clamp(static_cast<int>(t / end * cells), 0, cells - 1); }
};

std::string draw(const Lane& lane, const Axis& axis) {
  std::vector<const char*> cells(static_cast<std::size_t>(axis.cells), " ");
  auto fill = [&](double begin, double end, const char* mark) {
    std::fill(cells.begin() + axis.cell(begin), cells.begin() + axis.cell(end) + 1, mark);
  };
  fill(lane.begin, lane.end, kWaited);
  for (auto [begin, end] : lane.running) fill(begin, end, kRan);
  while (!cells.empty() && *cells.back() == ' ') cells.pop_back();
  std::string line;
  for (const char* cell : cells) line += cell;
  return line;
}

std::string ruler(const Axis& axis, int label_width) {
  const int marks = axis.cells >= 40 ? 5 : 2;
  std::string line(static_cast<std::size_t>(label_width + axis.cells + 8), ' ');
  for (int i = 0; i <= marks; ++i) {
    const std::string text = fmt::format("{:.0f}", axis.end * i / marks * 1000);
    // The last number ends where the axis ends; the others begin at their cell.
    const int at = label_width + (i == marks ? axis.cells - static_cast<int>(text.size()) : axis.cells * i / marks);
    line.replace(static_cast<std::size_t>(at), text.size(), text);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + " ms\n";
}

}  // namespace

double axis_end(const std::vector<LaneGroup>& groups) {
  double longest = 0.001;
  for (const LaneGroup& group : groups) {
    for (const Lane& lane : group.lanes) longest = std::max(longest, lane.end);
  }
  const double step = std::pow(10, std::floor(std::log10(longest)));
  for (double factor : {1., 1.2, 1.5, 2., 3., 4., 5., 6., 8.}) {
    if (step * factor >= longest * 0.98) return step * factor;  // the rest is drawn in the last cell
  }
  return step * 10;
}

std::string text_picture(const std::vector<LaneGroup>& groups, int columns) {
  std::size_t longest_name = 0;
  for (const LaneGroup& group : groups) {
    for (const Lane& lane : group.lanes) longest_name = std::max(longest_name, lane.name.size());
  }
  const int label_width = static_cast<int>(longest_name) + 4;
  const Axis axis{axis_end(groups), std::clamp(columns - label_width - 4, 10, 100)};
  std::string picture = ruler(axis, label_width);
  for (const LaneGroup& group : groups) {
    picture += fmt::format("{} ({:.2f} s)\n", group.way, group.wall_s);
    for (const Lane& lane : group.lanes) {
      picture += fmt::format("  {:<{}}{}\n", lane.name, label_width - 2, draw(lane, axis));
    }
  }
  return picture;
}

}  // namespace plait::tool
