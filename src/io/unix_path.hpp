// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <string>
#include <string_view>

#include "plait/os/unix_socket.hpp"

namespace plait::detail {

/// The address of `path`; throws std::system_error if it can't be one.
inline os::UnixAddress checked_path(std::string_view path, std::string_view verb) {
  if (const auto address = os::UnixAddress::from_path(path)) return *address;
  const int error = path.size() > 107 ? ENAMETOOLONG : EINVAL;
  os::throw_error(error, std::string(verb) + " the Unix socket \"" + std::string(path) + "\"");
}

}  // namespace plait::detail
