// SPDX-License-Identifier: BSL-1.0
#include "regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "reasons.hpp"

namespace plait::tool {

int Extent::reason_at_end(int fd) const {
  // Fewer bytes than announced are not enough: files of /sys announce a page and hold a line.
  struct stat now{};
  if (got_ >= announced_ || ::fstat(fd, &now) != 0) return kRead;
  return static_cast<std::uint64_t>(now.st_size) < announced_ ? kShrank : kRead;
}

RegularFile::RegularFile(const char* name) : fd_(::open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
  struct stat now{};
  if (fd_ < 0 || ::fstat(fd_, &now) != 0) {
    reason_ = errno;
  } else {
    reason_ = unread_for_mode(now.st_mode);
    extent_ = Extent(static_cast<std::uint64_t>(now.st_size));
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
  if (got <= 0) {
    reason_ = got < 0 ? errno : extent_.reason_at_end(fd_);
    return 0;
  }
  extent_.add(static_cast<std::size_t>(got));
  return static_cast<std::size_t>(got);
}

}  // namespace plait::tool
