// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>
#include <utility>

namespace plait::os {

/// Closes `fd`; EINTR counts as closed, as on Linux it is.
void close_fd(int fd) noexcept;

/// Throws std::system_error with `error` (an errno) for the system call or operation named `what`.
[[noreturn]] void throw_error(int error, std::string_view what);

/// Owns a descriptor, or none (-1). Move-only.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~Fd() { reset(); }

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }
  /// Gives the descriptor up without closing it; the caller closes it.
  int release() noexcept { return std::exchange(fd_, -1); }
  /// Closes the descriptor, if there is one, and takes `fd` over.
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) close_fd(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

/// The same open file under a number that is not that of a standard stream, which a child would take for its own where
/// this process has closed it; as it is, if there is none. Close-on-exec.
Fd above_standard_streams(Fd fd) noexcept;

/// Another descriptor for the same open file, close-on-exec (fcntl(2), F_DUPFD_CLOEXEC). Throws std::system_error.
Fd duplicate(int fd);

}  // namespace plait::os
