// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <plait/version.hpp>

#include "figures_json.hpp"
#include "picture.hpp"
#include "quantities.hpp"
#include "reasons.hpp"
#include "table.hpp"

namespace plait::tool {
namespace {

std::string agreement(const Report& report) {
  if (report.disagreements > 0) return "The ways do NOT agree: see above.";
  return fmt::format("All ways agree on {} digest{} and {} answers.", show_count(report.figures.files),
                     report.figures.files == 1 ? "" : "s", show_count(report.figures.requests));
}

}  // namespace

std::string text_report(const Report& report, int columns) {
  std::string text = text_table(report.figures, columns) + '\n';
  text +=
      wrap(agreement(report) +
               " Medians of three rounds, each in a process of its own; ± is half the distance from the shortest "
               "to the longest. Longest stall: how late a beat of every 10 ms came in the main program. CPU, memory, "
               "threads and context switches of processes are those of all of them, added up: the main program, "
               "the server that starts the workers, and the workers; memory that they share counts in each.",
           columns, 0);
  text += "\nWhat each way asks of your code\n";
  for (Way way : kWays) {
    const std::string name =
        columns < 60 ? fmt::format("  {}: ", way_name(way)) : fmt::format("  {:<20}", way_name(way));
    const int begin = display_width(name);
    text += name + wrap(std::string(way_asks(way)), columns, columns < 60 ? 4 : begin, begin);
  }
  text += '\n' + wrap(
                     "The course's experiment, two functions of five steps of 50 ms: one lane a strand, █ running, · "
                     "waiting",
                     columns, 0);
  text += text_picture(report.experiment, columns) + "\nAdvice\n" + text_advice(report.advice, columns);
  return text;
}

std::string json_report(const Report& report) {
  auto unread = nlohmann::json::array();
  for (const UnreadName& name : report.unread) {
    unread.push_back({{"name", name.name}, {"reason", reason_text(name.reason)}});
  }
  auto recommendations = nlohmann::json::array();
  for (const Recommendation& r : report.advice.recommendations) {
    recommendations.push_back({{"work", r.work == Work::kCpuBound ? "cpu_bound" : "io_bound"},
                               {"choose", way_name(r.choose)},
                               {"text", r.text},
                               {"used", r.used},
                               {"changed_by", r.changed_by}});
  }
  const nlohmann::json json = {{"plait", PLAIT_VERSION},
                               {"directory", report.directory},
                               {"ways_agree", report.disagreements == 0},
                               {"figures", report.figures},
                               {"unread", unread},
                               {"experiment", report.experiment},
                               {"advice", {{"silence", report.advice.silence}, {"recommendations", recommendations}}}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace plait::tool
