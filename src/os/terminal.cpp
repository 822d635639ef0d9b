// SPDX-License-Identifier: BSL-1.0
#include "plait/os/terminal.hpp"

#include <fcntl.h>
#include <locale.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace plait::os {

bool is_terminal(int fd) noexcept { return ::isatty(fd) == 1; }

TerminalSize terminal_size(int fd) noexcept {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_col, size.ws_row};
}

TerminalEnds open_terminal(TerminalSize size) {
  TerminalEnds ends;
  ends.screen = Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!ends.screen.valid()) throw_error(errno, "open a pseudo-terminal");
  if (::unlockpt(ends.screen.get()) != 0) throw_error(errno, "unlock a pseudo-terminal");
  // By the screen and not by its name, which may lie in a /dev/pts of another namespace.
  ends.program = Fd(::ioctl(ends.screen.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!ends.program.valid()) throw_error(errno, "open the other end of a pseudo-terminal");
  if (size.columns != 0 || size.rows != 0) resize_terminal(ends.screen.get(), size);
  return ends;
}

void resize_terminal(int fd, TerminalSize size) {
  const winsize wanted{static_cast<unsigned short>(size.rows), static_cast<unsigned short>(size.columns), 0, 0};
  if (::ioctl(fd, TIOCSWINSZ, &wanted) != 0) throw_error(errno, "resize a terminal");
}

bool terminal_takes_utf8() noexcept {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    for (; *value != '\0'; ++value) {
      if (::strncasecmp(value, "utf-8", 5) == 0 || ::strncasecmp(value, "utf8", 4) == 0) return true;
    }
    return false;
  }
  return false;
}

bool terminal_moves_cursor() noexcept {
  const char* term = std::getenv("TERM");
  return term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

int character_width(char32_t character) noexcept {
  if (character < 0x20) return -1;
  if (character < 0x7f) return 1;
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (utf8 == nullptr) return -1;
  const locale_t before = ::uselocale(utf8);
  const int width = ::wcwidth(static_cast<wchar_t>(character));
  ::uselocale(before);
  return width;
}

}  // namespace plait::os
