// SPDX-License-Identifier: BSL-1.0
#include "plait/os/fd.hpp"

#include <unistd.h>

#include <string>
#include <system_error>

namespace plait::os {

void close_fd(int fd) noexcept { ::close(fd); }

void throw_error(int error, std::string_view what) {
  throw std::system_error(error, std::generic_category(), std::string(what));
}

}  // namespace plait::os
