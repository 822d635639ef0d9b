// SPDX-License-Identifier: BSL-1.0
#include "lanes.hpp"

#include <nlohmann/json.hpp>

namespace plait::tool {

LaneRecorder::LaneRecorder(Lane& lane, Clock::time_point epoch) : lane_(lane), epoch_(epoch), running_since_(now()) {
  lane_.begin = running_since_;
}

void LaneRecorder::waits() { lane_.running.push_back({running_since_, now()}); }

void LaneRecorder::resumes() { running_since_ = now(); }

void LaneRecorder::ends() {
  waits();
  lane_.end = lane_.running.back().end;
}

void to_json(nlohmann::json& out, const LaneGroup& group) {
  auto lanes = nlohmann::json::array();
  for (const Lane& lane : group.lanes) {
    auto running = nlohmann::json::array();
    for (auto [begin, end] : lane.running) running.push_back({begin, end});
    lanes.push_back({{"name", lane.name}, {"begin_s", lane.begin}, {"end_s", lane.end}, {"running_s", running}});
  }
  out = {{"way", group.way}, {"wall_s", group.wall_s}, {"lanes", lanes}};
}

void from_json(const nlohmann::json& in, LaneGroup& group) {
  in.at("way").get_to(group.way);
  in.at("wall_s").get_to(group.wall_s);
  group.lanes.clear();
  for (const nlohmann::json& lane : in.at("lanes")) {
    Lane& read = group.lanes.emplace_back();
    lane.at("name").get_to(read.name);
    lane.at("begin_s").get_to(read.begin);
    lane.at("end_s").get_to(read.end);
    for (const nlohmann::json& interval : lane.at("running_s")) {
      read.running.push_back({interval.at(0).get<double>(), interval.at(1).get<double>()});
    }
  }
}

}  // namespace plait::tool
