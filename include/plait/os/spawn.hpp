// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plait/os/fd.hpp"

namespace plait::os {

/// One descriptor of a new process: its `number` is a duplicate of the parent's `from`, or closed (-1).
struct SpawnDescriptor {
  int number;  ///< in the new process
  int from;    ///< in this one
};

/// A limit of a new process (setrlimit(2)).
struct ResourceLimit {
  int resource;        ///< an RLIMIT_… of the system
  std::uint64_t soft;  ///< what counts
  std::uint64_t hard;  ///< how far it may be raised
};

/// What a new process is to be.
struct SpawnPlan {
  /// A path if it has a slash, else looked for in the PATH that the new process gets. Empty: the first argument.
  std::string program;
  /// With argv[0].
  std::vector<std::string> arguments;
  /// "NAME=value" each; nothing: the parent's.
  std::optional<std::vector<std::string>> environment;
  /// Variables that are set in addition, in the place of those of the same name.
  std::vector<std::string> variables;
  /// Numbers that are not named here: 0, 1 and 2 are the parent's, all others are closed. Any order, also crosswise.
  std::vector<SpawnDescriptor> descriptors;
  /// Descriptors that keep their number.
  std::vector<int> keep;
  /// Where it starts; empty: where the parent is. A relative path of the program is seen from there.
  std::string directory;
  /// It leads a session of its own (setsid(2)).
  bool new_session = false;
  /// The number, in the new process, of the terminal that its session is at (TIOCSCTTY); -1: none.
  int terminal = -1;
  /// 0: a process group of its own; above: that group; -1: the parent's.
  int process_group = -1;
  /// The mask for new files; -1: the parent's.
  int umask = -1;
  /// Its user; -1: the parent's. This and the next two take privileges.
  std::int64_t user = -1;
  /// Its group; -1: the parent's.
  std::int64_t group = -1;
  /// Its supplementary groups; nothing: the parent's.
  std::optional<std::vector<std::uint32_t>> groups;
  /// Besides the parent's.
  std::vector<ResourceLimit> limits;
  /// The signal that it gets when the *thread* that starts it ends; 0: none.
  int death_signal = 0;
};

/// A process that has begun its program.
struct SpawnedProcess {
  int pid = -1;  ///< its number
  /// Close-on-exec; readable when the process has ended. See os/pidfd.hpp.
  Fd pidfd;
};

/// Starts a program (vfork and exec in one). It returns when the program has begun, takes as long whatever the size of
/// this process, and copies none of it. The new process has no handlers, no blocked signals, SIGPIPE and SIGXFSZ at
/// their defaults, and no descriptor but those of the plan, whatever other threads open meanwhile. Throws
/// std::system_error in a sentence that says which step failed: command not found, not executable, bad interpreter, bad
/// working directory; then nothing is left. Any thread; blocks only for the kernel.
SpawnedProcess spawn(const SpawnPlan& plan);

}  // namespace plait::os
