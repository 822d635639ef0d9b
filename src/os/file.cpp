// SPDX-License-Identifier: BSL-1.0
#include "plait/os/file.hpp"

#include <unistd.h>

#include <cerrno>

namespace plait::os {
namespace {

template <class Call>
std::int64_t retried(Call call) noexcept {
  while (true) {
    const std::int64_t n = call();
    if (n >= 0) return n;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace

std::int64_t read_file(int fd, void* buffer, std::size_t length, std::int64_t offset) noexcept {
  return retried([&] { return offset < 0 ? ::read(fd, buffer, length) : ::pread(fd, buffer, length, offset); });
}

std::int64_t write_file(int fd, const void* buffer, std::size_t length, std::int64_t offset) noexcept {
  return retried([&] { return offset < 0 ? ::write(fd, buffer, length) : ::pwrite(fd, buffer, length, offset); });
}

}  // namespace plait::os
