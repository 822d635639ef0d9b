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

/// What to open a file for. Trivially destructible.
struct FileAccess {
  bool read = false;       ///< to read
  bool write = false;      ///< to write
  bool append = false;     ///< what is written goes to the end
  bool create = false;     ///< made if it is not there
  bool truncate = false;   ///< emptied
  bool exclusive = false;  ///< with `create`: must not be there
  bool unnamed = false;    ///< the path is that of a directory, in which the file has no name (O_TMPFILE)
};
/// open(2)'s flags for it, with O_CLOEXEC.
int open_flags(const FileAccess& access) noexcept;

/// Opens a file, with permissions for one that is made. Blocks, for ever if it is a FIFO without a writer.
OpenedFile open_file(const std::string& path, int flags, unsigned permissions) noexcept;
/// The same without waiting for other processes: of a FIFO that nobody reads, ENXIO to write to it; EAGAIN for what is
/// leased.
OpenedFile open_at_once(const std::string& path, int flags, unsigned permissions) noexcept;
/// The same if the path and the file are known to the kernel, so that no disk is waited for (openat2(2),
/// RESOLVE_CACHED), and it is a file or a directory; else EAGAIN, also where the kernel can't do that. Not for flags
/// that make or empty a file.
OpenedFile open_cached(const std::string& path, int flags) noexcept;
/// The second half of an open: takes a descriptor over, and looks what it is.
OpenedFile look_at_opened(Fd fd) noexcept;
/// Lets programs that this process starts have `fd`.
void let_inherit(int fd) noexcept;

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
/// pread(2) and pwrite(2), or read(2) and write(2), of what is in memory (RWF_NOWAIT): maybe less than asked for;
/// -EAGAIN if a disk would have to be waited for, -EOPNOTSUPP if this file, or the kernel, does not know that.
std::int64_t read_cached(int fd, void* buffer, std::size_t length, std::int64_t offset) noexcept;
/// The same for writing.
std::int64_t write_cached(int fd, const void* buffer, std::size_t length, std::int64_t offset) noexcept;

/// What became of a write of many bytes.
struct Written {
  std::size_t done;  ///< how many went out
  int error;         ///< an errno, or 0: all
};
/// Writes all of it, as `write_file`, going on after short writes.
Written write_whole(int fd, const void* buffer, std::size_t length, std::int64_t offset) noexcept;

/// fsync(2), or fdatasync(2): 0 or minus an errno, as the next ones.
int sync_file(int fd, bool data_only) noexcept;
/// ftruncate(2).
int truncate_file(int fd, std::uint64_t size) noexcept;
/// The size in bytes (fstat(2)).
std::int64_t file_size(int fd) noexcept;
/// The position of `read_file` without an offset (lseek(2)).
std::int64_t file_position(int fd) noexcept;

}  // namespace plait::os
