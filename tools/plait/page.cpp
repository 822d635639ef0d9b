// SPDX-License-Identifier: BSL-1.0
#include "page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "picture.hpp"
#include "table.hpp"

namespace plait::tool {
namespace {

constexpr double kLabelWidth = 110;
constexpr double kAxisWidth = 640;
constexpr double kLaneHeight = 18;
constexpr double kLeastWidth = 2;  // a moment of running is shorter than a pixel, and must be seen

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ran: #1769aa; --waited: #9dbbd3; }
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .15em .6em; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
td.block { text-align: left; font-weight: bold; padding-top: .8em; }
svg { width: 100%; height: auto; }
svg text { font: 11px sans-serif; fill: currentColor; }
svg text.way { font-weight: bold; }
svg line { stroke: #8886; }
.ran { fill: var(--ran); } .waited { fill: var(--waited); }
.used { font-size: 90%; opacity: .8; })";

std::string rectangle(const char* kind, double x, double width, double y, double height) {
  return fmt::format("<rect class=\"{}\" x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\"/>", kind, x, y,
                     width, height);
}

std::string lane(const Lane& lane, double end, double y) {
  auto x = [end](double t) { return kLabelWidth + std::min(t / end, 1.0) * kAxisWidth; };
  std::string svg = fmt::format("<g class=\"lane\"><title>{}: from {:.1f} to {:.1f} ms</title>",
                                html_escaped(lane.name), lane.begin * 1e3, lane.end * 1e3);
  svg += fmt::format("<text x=\"12\" y=\"{:.1f}\">{}</text>", y + 13, html_escaped(lane.name));
  svg += rectangle("waited", x(lane.begin), std::max(x(lane.end) - x(lane.begin), kLeastWidth), y + 7, 4);
  for (auto [from, to] : lane.running) {
    const double width = std::max(x(to) - x(from), kLeastWidth);
    svg += rectangle("ran", std::min(x(from), kLabelWidth + kAxisWidth - width), width, y + 3, 12);
  }
  return svg + "</g>\n";
}

std::string table(const Figures& figures) {
  std::string html = "<table><thead><tr><th></th>";
  for (const std::string& head : column_heads()) html += "<th>" + head + "</th>";
  html += "</tr></thead>\n<tbody>";
  for (Work work : {Work::kCpuBound, Work::kIoBound}) {
    const Block& block = work == Work::kCpuBound ? figures.cpu_bound : figures.io_bound;
    html +=
        fmt::format("<tr><td class=\"block\" colspan=\"8\">{}</td></tr>\n", html_escaped(block_title(figures, work)));
    for (const WayFigures& way : block.ways) {
      html += fmt::format("<tr><td>{}</td>", way_name(way.way));
      for (const std::string& cell : row_of(way, block)) html += "<td>" + cell + "</td>";
      html += "</tr>\n";
    }
  }
  return html + "</tbody></table>\n";
}

std::string advice_html(const Advice& advice) {
  if (!advice.silence.empty()) return fmt::format("<p>{}</p>\n", html_escaped(advice.silence));
  std::string html;
  for (const Recommendation& r : advice.recommendations) {
    html += fmt::format("<p><b>{}:</b> {}</p>\n<p class=\"used\">From:",
                        r.work == Work::kCpuBound ? "CPU-bound" : "IO-bound", html_escaped(r.text));
    for (const std::string& figure : r.used) html += fmt::format(" {};", html_escaped(figure));
    html += fmt::format(" changed by: {}</p>\n", html_escaped(r.changed_by));
  }
  return html;
}

}  // namespace

std::string html_escaped(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string svg_picture(const std::vector<LaneGroup>& groups) {
  const double end = axis_end(groups);
  double y = 24;
  std::string body;
  for (const LaneGroup& group : groups) {
    body += fmt::format("<text class=\"way\" x=\"0\" y=\"{:.1f}\">{} ({:.2f} s)</text>\n", y + 13,
                        html_escaped(group.way), group.wall_s);
    y += kLaneHeight;
    for (const Lane& strand : group.lanes) {
      body += lane(strand, end, y);
      y += kLaneHeight;
    }
    y += kLaneHeight / 3;
  }
  std::string axis;
  for (int i = 0; i <= 5; ++i) {
    const double x = kLabelWidth + kAxisWidth * i / 5;
    axis += fmt::format("<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"18\" y2=\"{1:.1f}\"/>", x, y);
    axis += fmt::format("<text x=\"{:.1f}\" y=\"12\" text-anchor=\"middle\">{:.0f} ms</text>\n", x, end * i / 5 * 1e3);
  }
  return fmt::format(
      "<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"one lane a strand on one time "
      "axis\">\n{}{}</svg>\n",
      kLabelWidth + kAxisWidth + 30, y + 4, axis, body);
}

std::string html_page(const std::string& directory, const Figures& figures, const std::vector<LaneGroup>& groups,
                      const Advice& advice) {
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  page += "<meta name=\"viewport\" content=\"width=device-width\">\n";
  page += fmt::format("<title>plait compare {}</title>\n<style>{}</style></head>\n<body>\n", html_escaped(directory),
                      kStyle);
  page += fmt::format("<h1>plait compare {}</h1>\n", html_escaped(directory));
  page += table(figures) + "<h2>The course's experiment: two functions, five steps of 50 ms each</h2>\n";
  page += "<p>One lane a strand; dark where it ran, light where it waited.</p>\n" + svg_picture(groups);
  page += "<h2>Advice</h2>\n" + advice_html(advice) + "<ul>\n";
  for (Way way : kWays)
    page += fmt::format("<li><b>{}</b> asks: {}</li>\n", way_name(way), html_escaped(std::string(way_asks(way))));
  return page + "</ul>\n</body></html>\n";
}

}  // namespace plait::tool
