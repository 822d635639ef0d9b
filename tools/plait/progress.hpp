// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "figures.hpp"

namespace plait::tool {

/// One run of one way, as the plan of the whole comparison lists it.
struct Step {
  Work work = Work::kCpuBound;
  Way way = Way::kSequential;
  int round = 0;  ///< 0 is the pass that warms up
};

/// How long the rest of the plan takes, judged by the steps that are done.
class TimeLeft {
 public:
  explicit TimeLeft(std::vector<Step> plan) : plan_(std::move(plan)) {}

  /// What a way is taken to need until it has been seen.
  void expect(Work work, Way way, double seconds) { seen_.insert({{work, way}, seconds}); }
  void done(double seconds);
  /// Seconds left, `share` of the step at hand being done after `elapsed` seconds.
  [[nodiscard]] double left(double share, double elapsed) const;
  [[nodiscard]] std::size_t steps_done() const { return done_; }
  [[nodiscard]] const std::vector<Step>& plan() const { return plan_; }

 private:
  std::vector<Step> plan_;
  std::size_t done_ = 0;
  std::map<std::pair<Work, Way>, double> seen_;
};

/// The line of the bar, at most `columns` - 1 wide: what runs, a bar, the rate, the time left of it all.
std::string bar_line(const std::string& what, double share, const std::string& rate, double left_s, int columns);

/// The bar on the terminal behind standard error; on anything else it draws nothing.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar() { clear(); }
  void draw(const std::string& what, double share, const std::string& rate, double left_s);
  /// Takes the bar off, so that other text can be written.
  void clear();

 private:
  bool on_terminal_;
  bool shown_ = false;
};

/// Columns of the terminal behind a descriptor; when it is none, what COLUMNS in the environment says, or `otherwise`.
int terminal_columns(int fd, int otherwise);

}  // namespace plait::tool
