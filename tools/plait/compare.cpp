// SPDX-License-Identifier: BSL-1.0
#include "compare.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>

#include "cores.hpp"
#include "interrupt.hpp"
#include "page.hpp"
#include "parts.hpp"
#include "reasons.hpp"
#include "report.hpp"
#include "runner.hpp"

namespace plait::tool {
namespace {

constexpr int kRounds = 3;

int usage_error(const std::string& name, int error) {
  fmt::print(stderr, "plait: {}: {}\n", printable(name), reason_text(error));
  return 2;
}

// An output that can't be written is said before minutes of measuring, not after.
int writable_error(const std::string& file) {
  if (file.empty()) return 0;
  const std::ofstream probe(file, std::ios::app);
  return probe ? 0 : errno;
}

int write_file(const std::string& file, const std::string& content) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << content;
  out.flush();
  return out ? 0 : usage_error(file, errno);
}

int write_out(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return 0;
  return usage_error("standard output", errno);
}

Figures measure(Runner& runner, const Tree& tree) {
  std::map<std::pair<Work, Way>, std::vector<Sample>> samples;
  for (const Step& step : plan_of_comparison()) {
    const Sample sample = runner.run_next();
    if (step.round > 0) samples[{step.work, step.way}].push_back(sample);
  }
  Figures figures{.cores = usable_cores(),
                  .files = tree.files.size(),
                  .bytes = tree.bytes,
                  .requests = kRequests,
                  .request_s = kRequestMilliseconds / 1e3,
                  .in_flight = kInFlight,
                  .cpu_bound = {},
                  .io_bound = {}};
  for (Work work : {Work::kCpuBound, Work::kIoBound}) {
    Block& block = work == Work::kCpuBound ? figures.cpu_bound : figures.io_bound;
    for (Way way : ways_of(work)) block.ways.push_back(summarise(way, samples.at({work, way})));
  }
  return figures;
}

int print_digests(const Runner& runner, const Tree& tree) {
  std::string lines;
  for (std::size_t i = 0; i < tree.files.size(); ++i) {
    const FileResult& result = runner.results()[i];
    if (result.reason == kRead) lines += sha256sum_line(to_hex(result.digest), tree.files[i]);
  }
  return write_out(lines);
}

// Enough to hold the ways against each other.
std::vector<Step> plan_without_measuring() {
  std::vector<Step> plan;
  for (Way way : ways_of(Work::kCpuBound)) plan.push_back({.work = Work::kCpuBound, .way = way, .round = 0});
  return plan;
}

int measure_and_report(const CompareOptions& options, Runner& runner, const Tree& tree) {
  Report report;
  report.directory = options.directory;
  report.figures = measure(runner, tree);
  report.experiment = runner.run_experiment();
  report.advice = advise(report.figures);
  report.unread = runner.unread();
  report.disagreements = runner.disagreements();
  int failed = options.print ? 0 : write_out(text_report(report, terminal_columns(STDOUT_FILENO, 80)));
  if (!options.html.empty()) {
    failed |= write_file(options.html, html_page(options.directory, report.figures, report.experiment, report.advice));
  }
  if (!options.json.empty()) failed |= write_file(options.json, json_report(report));
  return failed;
}

}  // namespace

std::vector<Step> plan_of_comparison() {
  std::vector<Step> plan;
  for (Work work : {Work::kCpuBound, Work::kIoBound}) {
    const std::span<const Way> ways = ways_of(work);
    plan.push_back({.work = work, .way = Way::kThreads, .round = 0});
    for (int round = 1; round <= kRounds; ++round) {
      for (std::size_t i = 0; i < ways.size(); ++i) {
        const Way way = ways[(i + static_cast<std::size_t>(round) - 1) % ways.size()];
        plan.push_back({.work = work, .way = way, .round = round});
      }
    }
  }
  return plan;
}

int compare(const CompareOptions& options) {
  end_cleanly_on_interrupt();
  std::optional<Tree> tree;
  try {
    tree = walk(options.directory);
  } catch (const std::system_error& error) {
    return usage_error(options.directory, error.code().value());
  }
  for (const std::string& file : {options.html, options.json}) {
    if (const int error = writable_error(file); error != 0) return usage_error(file, error);
  }
  const bool measured = !options.print || !options.html.empty() || !options.json.empty();
  Runner runner(*tree, measured ? plan_of_comparison() : plan_without_measuring());
  int failed = 0;
  if (measured) {
    failed = measure_and_report(options, runner, *tree);
  } else {
    for (std::size_t i = 0; i < ways_of(Work::kCpuBound).size(); ++i) runner.run_next();
  }
  if (options.print) failed |= print_digests(runner, *tree);
  if (failed != 0) return failed;
  return runner.unread().empty() && runner.disagreements() == 0 ? 0 : 1;
}

}  // namespace plait::tool
