// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plait::os {

/// A process as /proc/PID/stat has it. `pid` and `start` together name it for ever.
struct ProcessEntry {
  int pid = 0;              ///< its number
  int parent = 0;           ///< its parent's
  std::uint64_t start = 0;  ///< when it began, in ticks since the system did
  bool zombie = false;      ///< it has ended and waits to be reaped
};

/// All processes that /proc shows. Empty if there is no /proc.
std::vector<ProcessEntry> list_processes();
/// The time as `ProcessEntry::start` has it: what begins from now on has no lower one.
std::uint64_t process_clock() noexcept;
/// One of them; nothing if it is gone.
std::optional<ProcessEntry> look_at_process(int pid);
/// Whether `text` is in the environment that the process began its program with. False if it may not be looked into.
bool environment_contains(int pid, std::string_view text);

/// 128 random bits in hexadecimal figures.
std::string random_token();

}  // namespace plait::os
