// SPDX-License-Identifier: BSL-1.0
#include "plait/os/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace plait::os {

void close_fd(int fd) noexcept { ::close(fd); }

void throw_error(int error, std::string_view what) {
  throw std::system_error(error, std::generic_category(), std::string(what));
}

Fd above_standard_streams(Fd fd) noexcept {
  if (!fd.valid() || fd.get() > STDERR_FILENO) return fd;
  Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  return copy.valid() ? std::move(copy) : std::move(fd);
}

Fd duplicate(int fd) {
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) throw_error(errno, "duplicate a descriptor");
  return copy;
}

}  // namespace plait::os
