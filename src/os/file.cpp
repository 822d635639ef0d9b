// SPDX-License-Identifier: BSL-1.0
#include "plait/os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "retried.hpp"

namespace plait::os {
OpenedFile open_to_read(const std::string& path) noexcept {
  const std::int64_t fd = retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
  if (fd < 0) return {static_cast<int>(-fd), Fd(), false};
  return look_at_opened(Fd(static_cast<int>(fd)));
}

OpenedFile look_at_opened(Fd fd) noexcept {
  struct stat what;
  if (::fstat(fd.get(), &what) != 0) return {errno, Fd(), false};
  const bool waits = !S_ISREG(what.st_mode) && !S_ISDIR(what.st_mode) && !S_ISBLK(what.st_mode);
  if (waits) ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return {0, std::move(fd), waits};
}

Fd open_path(const std::string& path, FileUse use) {
  constexpr int kFlags[] = {O_RDONLY, O_WRONLY | O_CREAT | O_TRUNC, O_WRONLY | O_CREAT | O_APPEND, O_RDWR};
  const int flags = kFlags[static_cast<int>(use)] | O_CLOEXEC;
  const std::int64_t fd = retried([&] { return ::open(path.c_str(), flags, 0666); });
  if (fd < 0) throw_error(static_cast<int>(-fd), "open \"" + path + "\"");
  return Fd(static_cast<int>(fd));
}

std::int64_t read_file(int fd, void* buffer, std::size_t length, std::int64_t offset) noexcept {
  return retried([&] { return offset < 0 ? ::read(fd, buffer, length) : ::pread(fd, buffer, length, offset); });
}

std::int64_t write_file(int fd, const void* buffer, std::size_t length, std::int64_t offset) noexcept {
  return retried([&] { return offset < 0 ? ::write(fd, buffer, length) : ::pwrite(fd, buffer, length, offset); });
}

}  // namespace plait::os
