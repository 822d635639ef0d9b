// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plait/os/fd.hpp"

namespace plait::os {

// For the single-threaded server of processes and the children that it forks.

/// fork(2): 0 in the child, the child's id in the parent, or minus an errno.
int fork_process() noexcept;
/// The id of the parent (getppid(2)): another one once that is dead.
int parent_process_id() noexcept;
/// How many threads this process has, whoever started them; 0 if the system does not say.
int thread_count() noexcept;

/// When the thread that made this process ends, it is killed. False if `parent` is gone already.
bool die_with_parent(int parent) noexcept;
/// Processes below this one whose parents die become its own children, instead of those of init.
void adopt_orphans() noexcept;
/// All children of the calling thread.
std::vector<int> child_processes();
/// Leaves the terminal's foreground: signals of its keyboard do not come here.
void leave_process_group() noexcept;
/// Nothing is to be read from the standard input any more.
void read_nothing() noexcept;
/// Opens /dev/null in the place of each standard stream that is closed, so that nothing else gets its number.
void fill_standard_streams() noexcept;
/// Another descriptor of the standard output (1) or error (2); none if that is closed.
Fd standard_stream(int number) noexcept;
/// Makes `stream` that one; none closes it.
void set_standard_stream(int number, Fd stream) noexcept;
/// Closes all descriptors but the standard ones and `keep`.
void close_all_but(std::span<const int> keep) noexcept;

/// The end of a process.
struct ProcessEnd {
  int process;  ///< which one: its id
  int code;     ///< its exit code, or minus the signal that killed it
};
/// Takes note of the end of a child (waitid(2)), any of them, without waiting; nothing if none has ended.
std::optional<ProcessEnd> reap_any() noexcept;
/// Waits until a child has ended, if there is one, and takes no note of it.
void wait_for_child() noexcept;
/// kill(2): 0 or minus an errno.
int send_signal_to(int process, int signal) noexcept;
/// Ends the process without a word to anybody (_exit(2)).
[[noreturn]] void exit_at_once(int code) noexcept;

/// The working directory, as a descriptor that stays valid whatever it is called. Throws std::system_error.
Fd working_directory();
/// Makes it the working directory: 0 or minus an errno.
int change_directory(const Fd& directory) noexcept;
/// The environment: NAME=VALUE, each ended by a zero.
std::string environment();
/// Replaces it by such a text, which must live as long as the process.
void set_environment(std::string_view text);

}  // namespace plait::os
