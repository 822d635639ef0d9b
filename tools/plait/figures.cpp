// SPDX-License-Identifier: BSL-1.0
#include "figures.hpp"

#include <algorithm>

namespace plait::tool {
namespace {

template <class Member>
Member median_of(const std::vector<Sample>& rounds, Member Sample::* figure) {
  std::vector<Member> values;
  values.reserve(rounds.size());
  for (const Sample& round : rounds) values.push_back(round.*figure);
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

std::string_view way_name(Way way) {
  switch (way) {
    case Way::kSequential:
      return "sequential";
    case Way::kThreads:
      return "threads";
    case Way::kCoroutines:
      return "coroutines";
    case Way::kCoroutinesAndThreads:
      return "coroutines+threads";
    case Way::kProcesses:
      return "processes";
  }
  return "";
}

std::string_view way_asks(Way way) {
  switch (way) {
    case Way::kSequential:
      return "nothing: plain calls, and everything else waits until they are done";
    case Way::kThreads:
      return "plain calls in a thread each; what threads share needs a Lock or an atomic";
    case Way::kCoroutines:
      return "Task<> and co_await down to every wait; long computing holds up the loop";
    case Way::kCoroutinesAndThreads:
      return "Task<> and co_await, and to_thread(f) round each call that computes";
    case Way::kProcesses:
      return "functions whose arguments and results are copied across; nothing is shared but shared::…";
  }
  return "";
}

WayFigures summarise(Way way, std::vector<Sample> rounds) {
  WayFigures figures;
  figures.way = way;
  figures.median = {.wall_s = median_of(rounds, &Sample::wall_s),
                    .cpu_s = median_of(rounds, &Sample::cpu_s),
                    .no_core_s = median_of(rounds, &Sample::no_core_s),
                    .longest_stall_s = median_of(rounds, &Sample::longest_stall_s),
                    .peak_memory = median_of(rounds, &Sample::peak_memory),
                    .threads = median_of(rounds, &Sample::threads),
                    .context_switches = median_of(rounds, &Sample::context_switches)};
  auto [shortest, longest] = std::minmax_element(rounds.begin(), rounds.end(),
                                                 [](const Sample& a, const Sample& b) { return a.wall_s < b.wall_s; });
  if (figures.median.wall_s > 0) {
    figures.spread = (longest->wall_s - shortest->wall_s) / 2 / figures.median.wall_s;
  }
  figures.rounds = std::move(rounds);
  return figures;
}

const WayFigures* Block::find(Way way) const {
  for (const WayFigures& figures : ways) {
    if (figures.way == way) return &figures;
  }
  return nullptr;
}

}  // namespace plait::tool
