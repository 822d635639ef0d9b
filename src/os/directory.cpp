// SPDX-License-Identifier: BSL-1.0
#include "plait/os/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "retried.hpp"

namespace plait::os {
namespace {

FileType type_of_mode(mode_t mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileType::file;
    case S_IFDIR:
      return FileType::directory;
    case S_IFLNK:
      return FileType::link;
    case S_IFIFO:
      return FileType::fifo;
    case S_IFSOCK:
      return FileType::socket;
    case S_IFCHR:
      return FileType::character_device;
    case S_IFBLK:
      return FileType::block_device;
    default:
      return FileType::unknown;
  }
}

}  // namespace

int Directory::open(const std::string& path) noexcept {
  const std::int64_t fd = retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return static_cast<int>(-fd);
  fd_.reset(static_cast<int>(fd));
  return 0;
}

int Directory::read(std::vector<NameInDirectory>& into, bool& end) {
  alignas(dirent64) std::array<char, std::size_t{32} << 10> bytes;
  const std::int64_t n = retried([&] { return ::getdents64(fd_.get(), bytes.data(), bytes.size()); });
  end = n <= 0;
  if (n < 0) return static_cast<int>(-n);
  for (std::size_t at = 0; at < static_cast<std::size_t>(n);) {
    const auto* entry = reinterpret_cast<const dirent64*>(bytes.data() + at);
    at += entry->d_reclen;
    const char* name = entry->d_name;
    if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
    FileType type = type_of_mode(DTTOIF(entry->d_type));
    struct stat what;
    if (type == FileType::unknown && ::fstatat(fd_.get(), name, &what, AT_SYMLINK_NOFOLLOW) == 0) {
      type = type_of_mode(what.st_mode);  // some file systems don't tell
    }
    into.push_back({name, type});
  }
  return 0;
}

int Directory::identity(FileIdentity& which) const noexcept {
  struct stat what;
  if (::fstat(fd_.get(), &what) != 0) return errno;
  which = {what.st_dev, what.st_ino};
  return 0;
}

int look_at(const std::string& path, bool follow, FileType& type, FileIdentity& which) noexcept {
  struct stat what;
  if (::fstatat(AT_FDCWD, path.c_str(), &what, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) return errno;
  type = type_of_mode(what.st_mode);
  which = {what.st_dev, what.st_ino};
  return 0;
}

int make_directory(const std::string& path, unsigned permissions) noexcept {
  return static_cast<int>(retried([&] { return ::mkdir(path.c_str(), permissions); }));
}

int rename_file(const std::string& from, const std::string& to, bool replace) noexcept {
  return static_cast<int>(retried([&] {
    return replace ? ::rename(from.c_str(), to.c_str())
                   : ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  }));
}

int remove_file(const std::string& path) noexcept {
  return static_cast<int>(retried([&] { return ::unlink(path.c_str()); }));
}

int remove_directory(const std::string& path) noexcept {
  return static_cast<int>(retried([&] { return ::rmdir(path.c_str()); }));
}

}  // namespace plait::os
