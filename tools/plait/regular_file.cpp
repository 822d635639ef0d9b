// SPDX-License-Identifier: BSL-1.0
#include "regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "reasons.hpp"

namespace plait::tool {

RegularFile::RegularFile(const char* name) : fd_(::open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
  struct stat now{};
  if (fd_ < 0 || ::fstat(fd_, &now) != 0) {
    reason_ = errno;
  } else {
    reason_ = unread_for_mode(now.st_mode);
    announced_ = static_cast<std::uint64_t>(now.st_size);
  }
}

RegularFile::~RegularFile() {
  if (fd_ >= 0) ::close(fd_);
}

std::size_t RegularFile::read(std::span<std::byte> into) {
  if (reason_ != 0) return 0;
  ssize_t got = 0;
  do {
    got = ::read(fd_, into.data(), into.size());
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    got_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }
  struct stat now{};
  if (got < 0) {
    reason_ = errno;
  } else if (got_ < announced_ && ::fstat(fd_, &now) == 0 && static_cast<std::uint64_t>(now.st_size) < announced_) {
    // Fewer bytes than announced are not enough: files of /sys announce a page and hold a line.
    reason_ = kShrank;
  }
  return 0;
}

}  // namespace plait::tool
