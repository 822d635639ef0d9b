// SPDX-License-Identifier: BSL-1.0
#include "advice.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "quantities.hpp"

namespace plait::tool {
namespace {

// Above this share of CPU in the sequential wall time, the work computes more than it waits.
constexpr double kComputes = 0.6;
// Above this share of the sequential wall time without a core, others have decided the figures.
constexpr double kBusy = 0.25;
// A way that is this close to the best one is as good, and its other qualities decide.
constexpr double kAsGood = 1.10;
// What a way must win to be worth changing a program for.
constexpr double kWorthIt = 1.10;

/// One block seen from its sequential way.
struct View {
  const Figures& figures;
  const Block& block;
  Work work;
  const WayFigures& sequential;
  const WayFigures& best;

  [[nodiscard]] double speed_up(const WayFigures& way) const {
    return sequential.median.wall_s / std::max(way.median.wall_s, 1e-9);
  }
  // Of the time in which it could compute: waiting for a core is not waiting for an answer.
  [[nodiscard]] double cpu_share() const {
    return std::min(1.0,
                    sequential.median.cpu_s / std::max(sequential.median.wall_s - sequential.median.no_core_s, 1e-9));
  }
  [[nodiscard]] double no_core_share() const {
    return sequential.median.no_core_s / std::max(sequential.median.wall_s, 1e-9);
  }
  [[nodiscard]] bool computes() const { return cpu_share() >= kComputes; }
  [[nodiscard]] bool busy() const { return no_core_share() >= kBusy; }
  [[nodiscard]] bool as_good(const WayFigures& way) const { return way.median.wall_s <= best.median.wall_s * kAsGood; }
};

std::string wall(const WayFigures& way) {
  return fmt::format("wall({}) = {} ±{:.0f}%", way_name(way.way), show_seconds(way.median.wall_s), way.spread * 100);
}

std::string threads(const WayFigures& way) {
  return fmt::format("threads({}) = {}", way_name(way.way), way.median.threads);
}

std::string stall(const WayFigures& way) {
  return fmt::format("longest stall({}) = {}", way_name(way.way), show_seconds(way.median.longest_stall_s));
}

std::string memory(const WayFigures& way) {
  return fmt::format("peak memory({}) = {}", way_name(way.way),
                     show_bytes(static_cast<double>(way.median.peak_memory)));
}

std::string cpu_share(const View& view) {
  return fmt::format("CPU share(sequential) = {:.0f}%", view.cpu_share() * 100);
}

std::string cores(const View& view) { return fmt::format("cores = {}", view.figures.cores); }

// The cores were shared with others, and who got how much of them is not a property of the ways.
Recommendation measure_again(const View& view) {
  Recommendation r{.work = view.work, .choose = Way::kSequential, .text = {}, .used = {}, .changed_by = {}};
  r.text = fmt::format(
      "Stay as you are, and measure again: other programs kept the cores from the sequential way for {:.0f}% of its "
      "time, so "
      "these figures say more about them than about the ways.",
      view.no_core_share() * 100);
  r.used = {wall(view.sequential),
            fmt::format("without a core(sequential) = {}", show_seconds(view.sequential.median.no_core_s))};
  r.changed_by = "a quiet machine.";
  return r;
}

Recommendation stay_synchronous(const View& view) {
  Recommendation r{.work = view.work, .choose = Way::kSequential, .text = {}, .used = {}, .changed_by = {}};
  r.text = fmt::format(
      "Stay synchronous: the best other way ({}) is {:.2f} times as fast, which is not worth changing a program for.",
      way_name(view.best.way), view.speed_up(view.best));
  r.used = {wall(view.sequential), wall(view.best), cpu_share(view), cores(view)};
  if (view.computes() && view.figures.cores == 1) {
    r.text += " The work computes, and there is one core to compute on: threads take turns on it.";
    r.changed_by =
        "a second core; or a main program that has to answer meanwhile: then choose threads for their short stall.";
  } else if (view.computes()) {
    r.text += " The work computes, yet it does not divide: one item, or one lock, or the memory holds up the rest.";
    r.changed_by = "more items of about equal size; or a main program that has to answer meanwhile.";
  } else {
    r.text += " The work waits, and for something that serves one at a time.";
    r.changed_by = "a source that serves several requests at once; or a main program that has to answer meanwhile.";
  }
  return r;
}

Recommendation for_computing(const View& view) {
  const WayFigures* by_threads = view.block.find(Way::kThreads);
  const WayFigures* by_coroutines = view.block.find(Way::kCoroutines);
  const WayFigures* by_both = view.block.find(Way::kCoroutinesAndThreads);
  const WayFigures* by_processes = view.block.find(Way::kProcesses);
  // What is as good and asks for less comes first.
  const WayFigures* candidates[] = {by_threads, by_both, &view.best};
  const WayFigures& chosen = **std::find_if(std::begin(candidates), std::end(candidates), [&](const WayFigures* way) {
    return way != nullptr && view.as_good(*way);
  });
  Recommendation r{.work = view.work, .choose = chosen.way, .text = {}, .used = {}, .changed_by = {}};
  r.text = fmt::format("Choose {}: {:.2f} times as fast on {} cores, for the work computes.", way_name(chosen.way),
                       view.speed_up(chosen), view.figures.cores);
  r.used = {wall(view.sequential), wall(chosen), cpu_share(view), cores(view)};
  if (by_coroutines != nullptr && &chosen != by_coroutines) {
    r.text += fmt::format(" Coroutines alone reach {:.2f}: one loop is one thread.", view.speed_up(*by_coroutines));
    r.used.push_back(wall(*by_coroutines));
  }
  if (by_both != nullptr && &chosen != by_both) {
    r.text += fmt::format(" In a program that lives on a loop, to_thread() round the call that computes gives {:.2f}.",
                          view.speed_up(*by_both));
    r.used.push_back(wall(*by_both));
  }
  if (by_processes == nullptr) {
    r.text += " Threads of C++ are parallel; processes would buy isolation from crashes, not speed.";
  } else if (&chosen == by_processes) {
    r.text += fmt::format(
        " Threads{} hold each other up here, by a lock, the allocator or something else of which each process has its "
        "own.",
        by_threads == nullptr ? "" : fmt::format(" ({:.2f})", view.speed_up(*by_threads)));
    if (by_threads != nullptr) r.used.insert(r.used.end(), {wall(*by_threads), memory(*by_threads)});
    r.used.push_back(memory(chosen));
  } else {
    r.text += fmt::format(
        " Threads of C++ are parallel: processes reach {:.2f} with {} of memory in place of {}, and buy isolation from "
        "crashes, not speed.",
        view.speed_up(*by_processes), show_bytes(static_cast<double>(by_processes->median.peak_memory)),
        show_bytes(static_cast<double>(chosen.median.peak_memory)));
    r.used.insert(r.used.end(), {wall(*by_processes), memory(*by_processes), memory(chosen)});
  }
  r.changed_by = fmt::format(
      "one core (then stay synchronous), or work that waits more than it computes (a CPU share below {:.0f}%: then "
      "coroutines).",
      kComputes * 100);
  return r;
}

Recommendation for_waiting(const View& view) {
  const WayFigures* by_threads = view.block.find(Way::kThreads);
  const WayFigures* by_coroutines = view.block.find(Way::kCoroutines);
  const bool one_loop = by_coroutines != nullptr && view.as_good(*by_coroutines);
  const WayFigures& chosen = one_loop ? *by_coroutines : view.best;
  Recommendation r{.work = view.work, .choose = chosen.way, .text = {}, .used = {}, .changed_by = {}};
  r.text =
      fmt::format("Choose {}: {:.1f} times as fast, for the work waits.", way_name(chosen.way), view.speed_up(chosen));
  r.used = {wall(view.sequential), wall(chosen), cpu_share(view), stall(chosen)};
  if (by_threads != nullptr && &chosen != by_threads) {
    const bool alike = by_threads->median.wall_s <= chosen.median.wall_s * kAsGood;
    r.text += fmt::format(
        " Threads are {} ({:.1f}) and take {} threads where {} take {}:", alike ? "as fast here" : "slower",
        view.speed_up(*by_threads), by_threads->median.threads, way_name(chosen.way), chosen.median.threads);
    r.text += " choose them for code that blocks where it can't be awaited.";
    r.used.insert(r.used.end(),
                  {wall(*by_threads), threads(*by_threads), threads(chosen), memory(*by_threads), memory(chosen)});
  }
  r.changed_by = fmt::format(
      "answers that cost computing: one loop is full at one core, and it used {:.0f}% of one here; then send that part "
      "to threads.",
      100 * chosen.median.cpu_s / std::max(chosen.median.wall_s, 1e-9));
  return r;
}

Recommendation recommend(const Figures& figures, Work work) {
  const Block& block = work == Work::kCpuBound ? figures.cpu_bound : figures.io_bound;
  const WayFigures& sequential = *block.find(Way::kSequential);
  const WayFigures* best = nullptr;
  for (const WayFigures& way : block.ways) {
    if (way.way == Way::kSequential) continue;
    if (best == nullptr || way.median.wall_s < best->median.wall_s) best = &way;
  }
  if (best == nullptr) best = &sequential;
  const View view{figures, block, work, sequential, *best};
  // Half the distance between the extremes may be chance, on both sides.
  const double chance = sequential.spread + best->spread;
  if (view.computes() && view.busy()) return measure_again(view);
  if (view.speed_up(*best) < kWorthIt + chance) return stay_synchronous(view);
  return view.computes() ? for_computing(view) : for_waiting(view);
}

}  // namespace

Advice advise(const Figures& figures) {
  Advice advice;
  const WayFigures* sequential = figures.cpu_bound.find(Way::kSequential);
  const double work = sequential == nullptr ? 0 : sequential->median.wall_s;
  if (work < kLeastWork_s) {
    advice.silence = fmt::format(
        "No advice: wall(sequential) = {} is less than {:.0f} s of work, and start-up and chance are most of the rest "
        "of such "
        "figures. A larger directory would change that.",
        show_seconds(work), kLeastWork_s);
    return advice;
  }
  for (Work kind : {Work::kCpuBound, Work::kIoBound}) {
    const Block& block = kind == Work::kCpuBound ? figures.cpu_bound : figures.io_bound;
    if (block.find(Way::kSequential) != nullptr) advice.recommendations.push_back(recommend(figures, kind));
  }
  return advice;
}

std::string text_advice(const Advice& advice, int columns) {
  if (!advice.silence.empty()) return wrap(advice.silence, columns, 0);
  std::string text;
  for (const Recommendation& r : advice.recommendations) {
    text += wrap(fmt::format("{}: {}", r.work == Work::kCpuBound ? "CPU-bound" : "IO-bound", r.text), columns, 2);
    std::string used;
    for (const std::string& figure : r.used) used += (used.empty() ? "" : ", ") + figure;
    text += "  " + wrap("From: " + used + ".", columns - 2, 4);
    text += "  " + wrap("Changed by: " + r.changed_by, columns - 2, 4);
  }
  return text;
}

}  // namespace plait::tool
