// SPDX-License-Identifier: BSL-1.0
#include "meter.hpp"

#include <algorithm>
#include <fstream>

#include "processes.hpp"

namespace plait::tool {
namespace {

Used used_by_all() {
  Used all = used_by_this_process();
  const Used below = used_by_processes_below();
  all.cpu_s += below.cpu_s;
  all.context_switches += below.context_switches;
  all.peak_memory += below.peak_memory;
  all.threads += below.threads;
  return all;
}

// The second number of schedstat: nanoseconds on the run queue. It is that of the calling process's first thread.
double seconds_without_core() {
  std::ifstream schedstat("/proc/self/schedstat");
  double running = 0, waiting = 0;
  schedstat >> running >> waiting;
  return waiting / 1e9;
}

}  // namespace

Meter::Meter() {
  const Used now = used_by_all();
  cpu_before_ = now.cpu_s;
  switches_before_ = now.context_switches;
  no_core_before_ = seconds_without_core();
  begin_ = last_beat_ = Clock::now();
}

void Meter::beat() {
  const auto now = Clock::now();
  longest_stall_ = std::max(longest_stall_, now - last_beat_ - Clock::duration(kBeat));
  last_beat_ = now;
}

Meter::Clock::duration Meter::until_beat() const {
  return std::max(last_beat_ + kBeat - Clock::now(), Clock::duration::zero());
}

void Meter::count_threads() { keep_most(used_by_all().threads); }

void Meter::keep_most(std::uint64_t now) {
  std::uint64_t most = threads_.load(std::memory_order_relaxed);
  while (most < now && !threads_.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
}

Sample Meter::stop() {
  beat();
  const Used now = used_by_all();
  keep_most(now.threads);
  return {.wall_s = std::chrono::duration<double>(last_beat_ - begin_).count(),
          .cpu_s = now.cpu_s - cpu_before_,
          .no_core_s = seconds_without_core() - no_core_before_,
          .longest_stall_s = std::chrono::duration<double>(longest_stall_).count(),
          .peak_memory = now.peak_memory,
          .threads = threads_.load(std::memory_order_relaxed),
          .context_switches = now.context_switches - switches_before_};
}

}  // namespace plait::tool
