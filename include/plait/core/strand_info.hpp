// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "plait/core/strand_state.hpp"

namespace plait {

/// A line of source code.
struct SourceLine {
  /// As the compiler was given it; empty if the line is not known.
  std::string file;
  /// Counted from 1; 0 if it is not known.
  std::uint32_t line = 0;

  bool operator==(const SourceLine&) const = default;
};

/// A strand as it is seen from outside at one moment (asyncio.Task's repr, threading.enumerate). While its strand runs
/// on, single fields may be from a moment later than others.
struct StrandInfo {
  /// Unique in its process, never used twice.
  std::uint64_t id = 0;
  /// The strand that started it; 0: none.
  std::uint64_t parent = 0;
  StrandKind kind = StrandKind::task;      ///< What runs.
  StrandState state = StrandState::ready;  ///< What it does.
  /// The kernel's id of a thread; 0 for tasks.
  std::int32_t thread_id = 0;
  /// Empty if it has none; cut to 64 bytes.
  std::string name = {};
  /// Where it was spawned, and the innermost `co_await` that it is in, or came from last.
  SourceLine spawned_at = {}, awaits_at = {};
  /// What it waits for, or waited for last.
  WaitKind wait = WaitKind::none;
  /// The address of the primitive that it waits for, in its own process; 0: none.
  std::uint64_t object = 0;
  /// The strand that it waits for; 0: none, or several.
  std::uint64_t awaited = 0;
};

/// Writes strands as a tree, each below its parent: name, state, what it waits for and where, and where it was spawned.
/// Many of the same kind (same name, state and lines, no children) are counted instead of listed. Strands whose parent
/// is not among them are roots.
void print_strands(std::ostream& out, const std::vector<StrandInfo>& strands);

}  // namespace plait
