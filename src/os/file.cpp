// SPDX-License-Identifier: BSL-1.0
#include "plait/os/file.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "retried.hpp"

namespace plait::os {

int open_flags(const FileAccess& access) noexcept {
  int flags = O_CLOEXEC | (access.read && access.write ? O_RDWR : access.write ? O_WRONLY : O_RDONLY);
  if (access.append) flags |= O_APPEND;
  if (access.create) flags |= O_CREAT;
  if (access.truncate) flags |= O_TRUNC;
  if (access.exclusive) flags |= O_EXCL;
  if (access.unnamed) flags |= O_TMPFILE;
  return flags;
}

OpenedFile open_file(const std::string& path, int flags, unsigned permissions) noexcept {
  const std::int64_t fd = retried([&] { return ::open(path.c_str(), flags, permissions); });
  if (fd < 0) return {static_cast<int>(-fd), Fd(), false};
  return look_at_opened(Fd(static_cast<int>(fd)));
}

OpenedFile open_at_once(const std::string& path, int flags, unsigned permissions) noexcept {
  OpenedFile opened = open_file(path, flags | O_NONBLOCK, permissions);
  // A file keeps no such flag, which io_uring(7) would take at its word.
  if (opened.error == 0 && !opened.waits) ::fcntl(opened.fd.get(), F_SETFL, flags);
  return opened;
}

OpenedFile open_cached(const std::string& path, int flags) noexcept {
  const auto open = [&](int how_to) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(how_to);
    how.resolve = RESOLVE_CACHED;
    return retried([&] { return ::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how); });
  };
  const auto refused = [](std::int64_t fd) {
    const bool unknown = fd == -ENOSYS || fd == -EINVAL || fd == -EPERM;
    return OpenedFile(unknown ? EAGAIN : static_cast<int>(-fd), Fd(), false);
  };
  // To open a FIFO is more than to look: it lets its writer go on. O_PATH only looks.
  const std::int64_t seen = open(O_PATH | O_CLOEXEC);
  if (seen < 0) return refused(seen);
  struct stat what;
  const int failed = ::fstat(static_cast<int>(seen), &what);
  close_fd(static_cast<int>(seen));
  if (failed != 0 || (!S_ISREG(what.st_mode) && !S_ISDIR(what.st_mode))) return {EAGAIN, Fd(), false};
  const std::int64_t fd = open(flags | O_NONBLOCK);
  if (fd < 0) return refused(fd);
  OpenedFile opened = look_at_opened(Fd(static_cast<int>(fd)));
  if (opened.error == 0 && !opened.waits) ::fcntl(opened.fd.get(), F_SETFL, flags);
  return opened;
}

void let_inherit(int fd) noexcept { ::fcntl(fd, F_SETFD, 0); }

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

std::int64_t read_cached(int fd, void* buffer, std::size_t length, std::int64_t offset) noexcept {
  const iovec piece{buffer, length};
  const std::int64_t n = retried([&] { return ::preadv2(fd, &piece, 1, offset, RWF_NOWAIT); });
  return n == -ENOSYS ? -EOPNOTSUPP : n;
}

std::int64_t write_cached(int fd, const void* buffer, std::size_t length, std::int64_t offset) noexcept {
  const iovec piece{const_cast<void*>(buffer), length};
  const std::int64_t n = retried([&] { return ::pwritev2(fd, &piece, 1, offset, RWF_NOWAIT); });
  return n == -ENOSYS ? -EOPNOTSUPP : n;
}

Written write_whole(int fd, const void* buffer, std::size_t length, std::int64_t offset) noexcept {
  Written result{0, 0};
  while (result.done < length) {
    const std::int64_t at = offset < 0 ? offset : offset + static_cast<std::int64_t>(result.done);
    const std::int64_t n = write_file(fd, static_cast<const char*>(buffer) + result.done, length - result.done, at);
    if (n <= 0) {
      result.error = n < 0 ? static_cast<int>(-n) : EIO;
      break;
    }
    result.done += static_cast<std::size_t>(n);
  }
  return result;
}

int sync_file(int fd, bool data_only) noexcept {
  return static_cast<int>(retried([&] { return data_only ? ::fdatasync(fd) : ::fsync(fd); }));
}

int truncate_file(int fd, std::uint64_t size) noexcept {
  return static_cast<int>(retried([&] { return ::ftruncate(fd, static_cast<off_t>(size)); }));
}

std::int64_t file_size(int fd) noexcept {
  struct stat what;
  return ::fstat(fd, &what) == 0 ? what.st_size : -errno;
}

std::int64_t file_position(int fd) noexcept {
  const off_t position = ::lseek(fd, 0, SEEK_CUR);
  return position >= 0 ? position : -errno;
}

}  // namespace plait::os
