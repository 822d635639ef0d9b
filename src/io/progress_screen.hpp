// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plait/base/time.hpp"
#include "plait/io/progress_bar.hpp"

namespace plait::detail {

/// What bars are drawn on: the terminal behind stderr, or a test's.
class ProgressTarget {
 public:
  /// What it is like at this moment.
  struct Look {
    int columns = 80;
    int rows = 24;
    bool utf8 = true;
    /// It understands ECMA-48's ED, EL, CUU, CUF. One that does not shows one bar at a time.
    bool moves_cursor = true;
  };
  virtual ~ProgressTarget() = default;
  /// Nothing is drawn for bars that are made while it is not.
  virtual bool is_terminal() noexcept = 0;
  virtual Look look() noexcept = 0;
  virtual void write(std::string_view text) noexcept = 0;
};

class ProgressScreen;

/// One bar.
class ProgressRow {
 public:
  ProgressRow(const ProgressOptions& options, std::optional<std::int64_t> total, ProgressScreen* screen);

  /// By one strand at a time, which `looking_…` and below belong to.
  std::int64_t look(std::int64_t done);
  void finish(std::int64_t done);
  void rename(std::string_view title);

 private:
  friend ProgressScreen;

  /// What is known at `at`; the rate is taken from what was done since the last time.
  void sample(std::int64_t done, TimePoint at) noexcept;
  void end(std::int64_t done, TimePoint at) noexcept;
  ProgressStatus status(TimePoint at) const noexcept;
  void tell(TimePoint at) const;
  TimePoint show(std::int64_t done, TimePoint at);

  /// Null: `on_update_` is told.
  ProgressScreen* const screen_;
  void (*const on_update_)(const ProgressStatus&);
  const std::optional<std::int64_t> total_;
  const std::string unit_;
  const int unit_scale_;
  const bool leave_;
  const TimePoint start_;

  TimePoint looked_at_ = start_;
  std::int64_t looked_done_ = 0;
  std::int64_t step_ = 1;
  /// When it is to be drawn.
  TimePoint due_ = start_;

  // Guarded by the screen's mutex, or without a screen by this one.
  std::mutex mutex_;
  std::string title_;
  std::int64_t done_ = 0;
  TimePoint sampled_at_ = start_;
  std::int64_t sampled_done_ = 0;
  double recent_items_ = 0;
  double recent_seconds_ = 0;
  bool finished_ = false;
  bool drawn_ = false;
};

/// The rows of all bars on one terminal.
class ProgressScreen {
 public:
  explicit ProgressScreen(ProgressTarget& target) noexcept : target_(target) {}

  /// The one that new bars go to: stderr's, or a test's.
  static ProgressScreen& current();
  /// For tests: what `current` gives from now on; null for stderr's. Gives what was set before.
  static ProgressScreen* replace(ProgressScreen* screen) noexcept;

  ProgressTarget& target() noexcept { return target_; }
  void add(ProgressRow& row, TimePoint at);
  /// Draws if it is time to and nobody else draws. Gives the time at which to come again.
  TimePoint update(ProgressRow& row, std::int64_t done, TimePoint at);
  void remove(ProgressRow& row, std::int64_t done, TimePoint at);
  void rename(ProgressRow& row, std::string_view title);

 private:
  void draw(const ProgressRow* leaving, TimePoint at);
  void put_lines(const ProgressRow* leaving, TimePoint at, const ProgressTarget::Look& look);
  void put_one_line(const ProgressRow* leaving, TimePoint at, const ProgressTarget::Look& look);

  ProgressTarget& target_;
  std::mutex mutex_;
  std::vector<ProgressRow*> rows_;
  TimePoint next_draw_ = TimePoint::min();
  /// The text of one refresh, kept for its memory.
  std::string out_;
  /// On a terminal that can't move its cursor: how much there is to overwrite.
  int last_width_ = 0;
};

}  // namespace plait::detail
