// SPDX-License-Identifier: BSL-1.0
#include "meter.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace plait::tool {
namespace {

rusage usage() {
  rusage now{};
  ::getrusage(RUSAGE_SELF, &now);
  return now;
}

double cpu_seconds(const rusage& r) {
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(r.ru_utime) + seconds(r.ru_stime);
}

std::uint64_t switches(const rusage& r) { return static_cast<std::uint64_t>(r.ru_nvcsw + r.ru_nivcsw); }

std::uint64_t status_number(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stoull(line.substr(field.size()));
  }
  return 0;
}

// The second number of schedstat: nanoseconds on the run queue. It is that of the calling process's first thread.
double seconds_without_core() {
  std::ifstream schedstat("/proc/self/schedstat");
  double running = 0, waiting = 0;
  schedstat >> running >> waiting;
  return waiting / 1e9;
}

}  // namespace

Meter::Meter() : begin_(Clock::now()), last_beat_(begin_) {
  const rusage now = usage();
  cpu_before_ = cpu_seconds(now);
  switches_before_ = switches(now);
  no_core_before_ = seconds_without_core();
}

void Meter::beat() {
  const auto now = Clock::now();
  longest_stall_ = std::max(longest_stall_, now - last_beat_ - Clock::duration(kBeat));
  last_beat_ = now;
}

Meter::Clock::duration Meter::until_beat() const {
  return std::max(last_beat_ + kBeat - Clock::now(), Clock::duration::zero());
}

void Meter::count_threads() {
  const std::uint64_t now = status_number("Threads:");
  std::uint64_t most = threads_.load(std::memory_order_relaxed);
  while (most < now && !threads_.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
}

Sample Meter::stop() {
  beat();
  const rusage now = usage();
  count_threads();
  return {.wall_s = std::chrono::duration<double>(last_beat_ - begin_).count(),
          .cpu_s = cpu_seconds(now) - cpu_before_,
          .no_core_s = seconds_without_core() - no_core_before_,
          .longest_stall_s = std::chrono::duration<double>(longest_stall_).count(),
          // Not ru_maxrss: that one remembers the parent's memory across exec.
          .peak_memory = status_number("VmHWM:") * 1024,
          .threads = threads_.load(std::memory_order_relaxed),
          .context_switches = switches(now) - switches_before_};
}

}  // namespace plait::tool
