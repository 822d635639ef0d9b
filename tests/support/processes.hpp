// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "plait/os/process_list.hpp"

namespace plait::test {

/// Children of this process, zombies included.
inline std::vector<os::ProcessEntry> own_children() {
  std::vector<os::ProcessEntry> children;
  for (const os::ProcessEntry& each : os::list_processes()) {
    if (each.parent == ::getpid()) children.push_back(each);
  }
  return children;
}

/// Whether the process is there and no zombie.
inline bool lives(int pid) {
  const auto process = os::look_at_process(pid);
  return process && !process->zombie;
}

/// A folder of its own, for the time of a test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = "/tmp/plait-test-XXXXXX";
    if (::mkdtemp(name.data())) path_ = name;
  }
  ~TemporaryFolder() {
    const std::string command = "rm -rf '" + path_ + "'";
    if (!path_.empty() && std::system(command.c_str()) != 0) std::abort();
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace plait::test
