// SPDX-License-Identifier: BSL-1.0
#include "figures_json.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace plait::tool {
namespace {

Way way_from(const std::string& name) {
  for (Way way : kWays) {
    if (way_name(way) == name) return way;
  }
  throw std::invalid_argument("no way is called " + name);
}

}  // namespace

void to_json(nlohmann::json& out, const Sample& sample) {
  out = {{"wall_s", sample.wall_s},
         {"cpu_s", sample.cpu_s},
         {"no_core_s", sample.no_core_s},
         {"longest_stall_s", sample.longest_stall_s},
         {"peak_memory_bytes", sample.peak_memory},
         {"threads", sample.threads},
         {"context_switches", sample.context_switches}};
}

void from_json(const nlohmann::json& in, Sample& sample) {
  in.at("wall_s").get_to(sample.wall_s);
  in.at("cpu_s").get_to(sample.cpu_s);
  in.at("no_core_s").get_to(sample.no_core_s);
  in.at("longest_stall_s").get_to(sample.longest_stall_s);
  in.at("peak_memory_bytes").get_to(sample.peak_memory);
  in.at("threads").get_to(sample.threads);
  in.at("context_switches").get_to(sample.context_switches);
}

void to_json(nlohmann::json& out, const Block& block) {
  out = nlohmann::json::array();
  for (const WayFigures& figures : block.ways) {
    out.push_back({{"way", way_name(figures.way)},
                   {"median", figures.median},
                   {"spread", figures.spread},
                   {"rounds", figures.rounds}});
  }
}

void from_json(const nlohmann::json& in, Block& block) {
  block.ways.clear();
  for (const nlohmann::json& way : in) {
    block.ways.push_back(summarise(way_from(way.at("way")), way.at("rounds").get<std::vector<Sample>>()));
  }
}

void to_json(nlohmann::json& out, const Figures& figures) {
  out = {{"cores", figures.cores},         {"files", figures.files},         {"bytes", figures.bytes},
         {"requests", figures.requests},   {"request_s", figures.request_s}, {"in_flight", figures.in_flight},
         {"cpu_bound", figures.cpu_bound}, {"io_bound", figures.io_bound}};
}

void from_json(const nlohmann::json& in, Figures& figures) {
  in.at("cores").get_to(figures.cores);
  in.at("files").get_to(figures.files);
  in.at("bytes").get_to(figures.bytes);
  in.at("requests").get_to(figures.requests);
  in.at("request_s").get_to(figures.request_s);
  in.at("in_flight").get_to(figures.in_flight);
  in.at("cpu_bound").get_to(figures.cpu_bound);
  in.at("io_bound").get_to(figures.io_bound);
}

}  // namespace plait::tool
