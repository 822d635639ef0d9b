// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/os/fd.hpp"

namespace plait::os {

/// Whether the descriptor is a terminal (isatty(3)).
bool is_terminal(int fd) noexcept;

/// How many characters a terminal shows.
struct TerminalSize {
  int columns = 0;  ///< in a line; 0 where it does not say
  int rows = 0;     ///< lines; 0 where it does not say
};
/// The size at this moment (TIOCGWINSZ); zeros for what is no terminal.
TerminalSize terminal_size(int fd) noexcept;

/// A new pseudo-terminal (pty(7)), close-on-exec and blocking.
struct TerminalEnds {
  Fd screen;   ///< what a terminal emulator has: reads what is written to the terminal, and types
  Fd program;  ///< what a program has as its terminal
};
/// Of that size, or the system's default. Throws std::system_error.
TerminalEnds open_terminal(TerminalSize size = {});
/// Says that the screen has another size now, which the programs at it are told by SIGWINCH. Throws std::system_error.
void resize_terminal(int fd, TerminalSize size);

/// Whether the environment says that text is UTF-8 (LC_ALL, LC_CTYPE, LANG; the first that is set decides).
bool terminal_takes_utf8() noexcept;
/// Whether the terminal can move its cursor, as all do but those that TERM calls dumb.
bool terminal_moves_cursor() noexcept;

/// How many columns a character of Unicode takes: 0 (it combines with the one before), 1 or 2; -1 for one that can't
/// be shown (wcwidth(3) in C.UTF-8, whatever the program's locale is).
int character_width(char32_t character) noexcept;

}  // namespace plait::os
