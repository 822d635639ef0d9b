// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <source_location>

#include "plait/core/task.hpp"
#include "plait/process/child.hpp"
#include "plait/process/command.hpp"
#include "plait/process/completed.hpp"
#include "plait/process/subprocess_options.hpp"

/// Other programs (Python's subprocess).
namespace plait::subprocess {

/// Runs a program to its end (subprocess.run):
///
///     Completed done = co_await run({"git", "status"}, {.capture_output = true, .check = true});
///
/// Writes `.input` and collects the output at the same time, so that no pipe fills up; it has ended when the pipes
/// have, and the program. That the program does not read its input is no error. Throws std::system_error, in a sentence
/// that names what is wrong, if it can't be started: command not found, not executable, bad interpreter, bad working
/// directory; CalledProcessError and TimeoutExpired if the options ask for them. On cancel: the program and all its
/// descendants are stopped as by `Child::stop`, within the grace of the options, and then Cancelled passes on; so
/// `timeout(5s, run(…))` leaves nothing behind.
[[nodiscard]] Task<Completed> run(Command command, Options options = {},
                                  std::source_location at = std::source_location::current());

/// The same for `Command("a") | Command("b")`: `in` and `input` are the first one's, `out` the last one's, `err` and
/// all other options are for each of them. `returncode` is the last one's; `check` looks at all.
[[nodiscard]] Task<Completed> run(const Pipeline& pipeline, Options options = {},
                                  std::source_location at = std::source_location::current());

/// Starts a program and gives the handle (Popen). Throws as `run` does. On cancel: nothing was started.
[[nodiscard]] Task<Child> spawn(Command command, Options options = {});

}  // namespace plait::subprocess
