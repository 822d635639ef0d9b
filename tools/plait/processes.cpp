// SPDX-License-Identifier: BSL-1.0
// getrusage() knows of other processes only when they have ended and their parent has waited for them, and the parent
// of a pool's workers is the process server. So who lives is asked for in /proc, and how long it computed, of its
// clock.
#include "processes.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <plait/os/process_list.hpp>
#include <string>
#include <system_error>
#include <vector>

namespace plait::tool {
namespace {

namespace fs = std::filesystem;

std::string directory_of(pid_t pid) { return "/proc/" + std::to_string(pid); }

void read_status(pid_t pid, Used& used) {
  std::ifstream status(directory_of(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    auto number = [&line](const char* field) -> std::uint64_t {
      const std::string name(field);
      return line.starts_with(name) ? std::stoull(line.substr(name.size())) : 0;
    };
    // Not ru_maxrss: that one remembers the parent's memory across exec.
    used.peak_memory += number("VmHWM:") * 1024;
    used.threads += number("Threads:");
    used.context_switches += number("voluntary_ctxt_switches:") + number("nonvoluntary_ctxt_switches:");
  }
}

double cpu_seconds(pid_t pid) {
  clockid_t clock{};
  timespec t{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &t) != 0) return 0;
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> found;
  std::error_code gone;
  for (const fs::directory_entry& thread : fs::directory_iterator(directory_of(pid) + "/task", gone)) {
    std::ifstream children(thread.path() / "children");
    if (!children) {
      // The thread has just ended, or the kernel was built without these files: a look at every process takes longer.
      found.clear();
      for (const os::ProcessEntry& each : os::list_processes()) {
        if (each.parent == pid) found.push_back(each.pid);
      }
      break;
    }
    for (pid_t child = 0; children >> child;) found.push_back(child);
  }
  return found;
}

void add_below(pid_t pid, Used& used) {
  for (const pid_t child : children_of(pid)) {
    used.cpu_s += cpu_seconds(child);
    read_status(child, used);
    add_below(child, used);
  }
}

}  // namespace

Used used_by_this_process() {
  rusage now{};
  ::getrusage(RUSAGE_SELF, &now);
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  Used used;
  read_status(::getpid(), used);
  used.cpu_s = seconds(now.ru_utime) + seconds(now.ru_stime);
  used.context_switches = static_cast<std::uint64_t>(now.ru_nvcsw + now.ru_nivcsw);
  return used;
}

Used used_by_processes_below() {
  Used used;
  add_below(::getpid(), used);
  return used;
}

}  // namespace plait::tool
