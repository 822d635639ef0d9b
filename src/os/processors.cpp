// SPDX-License-Identifier: BSL-1.0
#include "plait/os/processors.hpp"

#include <algorithm>
#include <charconv>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "plait/os/futex.hpp"

namespace plait::os {
namespace {

std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The smaller of two limits, of which 0 is none.
int smaller(int a, int b) noexcept { return a == 0 || (b != 0 && b < a) ? b : a; }

/// The limits of `group` and of all around it, below the mount point `root`.
template <class Limit>
int limit_of_path(const std::string& root, std::string group, Limit limit) {
  int least = 0;
  for (;;) {
    least = smaller(least, limit(root + group));
    if (group.empty() || group == "/") return least;
    group.resize(group.find_last_of('/'));
  }
}

int cgroup_limit() {
  std::ifstream groups("/proc/self/cgroup");
  int least = 0;
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") {
      least = smaller(least, limit_of_path("/sys/fs/cgroup", group, [](const std::string& folder) {
                        return processors_of_limit(read_line(folder + "/cpu.max"));
                      }));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      least = smaller(least, limit_of_path("/sys/fs/cgroup/cpu", group, [](const std::string& folder) {
                        return processors_of_limit(read_line(folder + "/cpu.cfs_quota_us") + " " +
                                                   read_line(folder + "/cpu.cfs_period_us"));
                      }));
    }
  }
  return least;
}

}  // namespace

int processors_of_limit(std::string_view text) noexcept {
  long quota = 0, period = 0;
  const char* begin = std::to_address(text.begin());
  const char* end = begin + text.size();
  const auto first = std::from_chars(begin, end, quota);
  if (first.ec != std::errc() || quota <= 0 || first.ptr == end) return 0;
  const auto second = std::from_chars(first.ptr + 1, end, period);
  if (second.ec != std::errc() || period <= 0) return 0;
  return static_cast<int>(std::min<long>((quota - 1) / period + 1, 1 << 20));
}

int usable_processors() noexcept {
  int limit = 0;
  try {
    limit = cgroup_limit();
  } catch (const std::exception&) {
    limit = 0;  // no memory for the question
  }
  return std::max(1, smaller(processor_count(), limit));
}

}  // namespace plait::os
