// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/types.h>

namespace plait::tool {

/// From here on Ctrl-C and SIGTERM end the children, take the progress bar off the terminal, and end the command with
/// exit code 130 (143 for SIGTERM).
void end_cleanly_on_interrupt();

/// A child that has to end with the command (at most eight at a time).
void watch_child(pid_t pid);
void forget_child(pid_t pid);

/// Says whether a progress bar stands on the terminal behind standard error.
void bar_is_shown(bool shown);

}  // namespace plait::tool
