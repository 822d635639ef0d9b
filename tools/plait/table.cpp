// SPDX-License-Identifier: BSL-1.0
#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "quantities.hpp"

namespace plait::tool {
namespace {

using Row = std::vector<std::string>;

std::string pad(const std::string& text, int width, bool left) {
  const std::string blanks(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ');
  return left ? text + blanks : blanks + text;
}

std::vector<Row> rows_of(const Block& block) {
  std::vector<Row> rows;
  for (const WayFigures& way : block.ways) {
    Row row = row_of(way, block);
    row.insert(row.begin(), std::string(way_name(way.way)));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string line_of(const Row& row, const std::vector<int>& widths, int gap) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line.append(static_cast<std::size_t>(gap), ' ');
    line += pad(row[i], widths[i], i == 0);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

// The two lines of the heads.
std::pair<Row, Row> split_heads() {
  Row upper{""}, lower{""};
  for (const std::string& head : column_heads()) {
    const std::size_t newline = head.find('\n');
    upper.push_back(head.substr(0, newline));
    lower.push_back(newline == std::string::npos ? "" : head.substr(newline + 1));
  }
  return {upper, lower};
}

std::string paragraphs(const std::vector<Row>& rows, int columns) {
  static constexpr const char* kWords[] = {"wall {}",    "{} speed-up",         "CPU {}",          "peak memory {}",
                                           "{} threads", "{} context switches", "longest stall {}"};
  std::string text;
  for (const Row& row : rows) {
    std::string way = row[0] + ":";
    for (std::size_t i = 1; i < row.size(); ++i)
      way += (i > 1 ? ", " : " ") + fmt::format(fmt::runtime(kWords[i - 1]), row[i]);
    text += "  " + wrap(way, columns - 2, 4);
  }
  return text;
}

}  // namespace

std::vector<std::string> column_heads() {
  return {"wall", "speed-\nup", "CPU", "peak\nmemory", "threads", "context\nswitches", "longest\nstall"};
}

std::vector<std::string> row_of(const WayFigures& way, const Block& block) {
  const WayFigures* sequential = block.find(Way::kSequential);
  const double speed_up =
      sequential != nullptr && way.median.wall_s > 0 ? sequential->median.wall_s / way.median.wall_s : 1;
  return {fmt::format("{} ±{:.0f}%", show_seconds(way.median.wall_s), way.spread * 100),
          fmt::format("{:.2f}×", speed_up),
          show_seconds(way.median.cpu_s),
          show_bytes(static_cast<double>(way.median.peak_memory)),
          show_count(way.median.threads),
          show_count(way.median.context_switches),
          show_seconds(way.median.longest_stall_s)};
}

std::string block_title(const Figures& figures, Work work) {
  if (work == Work::kCpuBound) {
    return fmt::format("CPU-bound: {} file{}, {}, read and hashed on {} core{}", show_count(figures.files),
                       figures.files == 1 ? "" : "s", show_bytes(static_cast<double>(figures.bytes)), figures.cores,
                       figures.cores == 1 ? "" : "s");
  }
  return fmt::format("IO-bound: {} requests of {}, at most {} in flight", show_count(figures.requests),
                     show_seconds(figures.request_s), figures.in_flight);
}

std::string text_table(const Figures& figures, int columns) {
  const auto [upper, lower] = split_heads();
  const std::vector<Row> blocks[] = {rows_of(figures.cpu_bound), rows_of(figures.io_bound)};
  std::vector<int> widths(upper.size());
  auto fit = [&](const Row& row) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  };
  for (const Row* head : {&upper, &lower}) fit(*head);
  for (const auto& rows : blocks) std::for_each(rows.begin(), rows.end(), fit);
  const int cells = std::accumulate(widths.begin(), widths.end(), 0);
  const int gaps = static_cast<int>(widths.size()) - 1;
  const int gap = cells + 2 * gaps <= columns ? 2 : 1;
  const bool narrow = cells + gap * gaps > columns;
  std::string table = narrow ? "" : line_of(upper, widths, gap) + line_of(lower, widths, gap);
  for (Work work : {Work::kCpuBound, Work::kIoBound}) {
    table += wrap(block_title(figures, work), columns, 2);
    const auto& rows = blocks[work == Work::kCpuBound ? 0 : 1];
    if (narrow) table += paragraphs(rows, columns);
    for (const Row& row : rows) {
      if (!narrow) table += line_of(row, widths, gap);
    }
  }
  return table;
}

}  // namespace plait::tool
