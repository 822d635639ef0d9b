// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace plait::tool {

/// What one strand did, in seconds since the experiment's way began: it lived from `begin` to `end`, ran in the
/// intervals of `running`, and waited in between.
struct Lane {
  struct Interval {
    double begin;
    double end;
  };
  std::string name;
  double begin = 0;
  double end = 0;
  std::vector<Interval> running;
};

/// The strands of one way to do the experiment.
struct LaneGroup {
  std::string way;
  double wall_s = 0;
  std::vector<Lane> lanes;
};

/// Records one lane from inside the strand it belongs to.
/// Threads: the strand's own; the lane is read after the strand has ended.
class LaneRecorder {
 public:
  using Clock = std::chrono::steady_clock;

  /// The strand lives and runs from now on; `epoch` is the zero of the time axis.
  LaneRecorder(Lane& lane, Clock::time_point epoch);
  void waits();
  void resumes();
  void ends();

 private:
  [[nodiscard]] double now() const { return std::chrono::duration<double>(Clock::now() - epoch_).count(); }

  Lane& lane_;
  Clock::time_point epoch_;
  double running_since_;
};

void to_json(nlohmann::json& out, const LaneGroup& group);
void from_json(const nlohmann::json& in, LaneGroup& group);

}  // namespace plait::tool
