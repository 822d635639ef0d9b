// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <string>

#include "plait/os/fd.hpp"

namespace plait::os {

/// What an open(2) gave.
struct OpenedFile {
  OpenedFile(int error, Fd fd, bool waits) noexcept : error(error), fd(std::move(fd)), waits(waits) {}
  int error;  ///< an errno, or 0
  Fd fd;      ///< none after an error
  /// It is a pipe, terminal or the like, with readiness, and has been made non-blocking.
  bool waits;
};

/// Opens a file for reading, close-on-exec. Blocks, for ever if it is a FIFO without a writer.
OpenedFile open_to_read(const std::string& path) noexcept;
/// The second half of it: takes a descriptor over, and looks what it is.
OpenedFile look_at_opened(Fd fd) noexcept;

/// For what a file is opened that another program reads or writes.
enum class FileUse : std::uint8_t {
  read,
  write,       ///< made, or emptied
  append,      ///< made, and written at its end
  read_write,  ///< as it is
};
/// Opens a file, close-on-exec. Throws std::system_error that names the path. Blocks as open(2) does.
Fd open_path(const std::string& path, FileUse use);

// These return minus an errno for an error, and go on after EINTR.

/// read(2), or pread(2) if `offset` is not negative.
std::int64_t read_file(int fd, void* buffer, std::size_t length, std::int64_t offset) noexcept;
/// write(2), or pwrite(2) if `offset` is not negative. Without a guard against SIGPIPE.
std::int64_t write_file(int fd, const void* buffer, std::size_t length, std::int64_t offset) noexcept;

}  // namespace plait::os
