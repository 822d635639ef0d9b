// SPDX-License-Identifier: BSL-1.0
//
// Idea. A file that may grow is mapped once, as far as it may ever grow: addresses beyond its end cost nothing and
// become memory when any of its users grows it, so that nobody ever maps again. Its size is changed by fallocate and
// not by ftruncate, which could make it smaller when two grow it at a time.
#include "plait/os/memory_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

// Younger than the headers of some systems that Plait is built on; the kernel answers EINVAL where it is older.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace plait::os {
namespace {

struct stat status_of(const Fd& file) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) throw_error(errno, "fstat of a memory file");
  return status;
}

}  // namespace

MemoryFile::~MemoryFile() {
  if (data_) ::munmap(data_, mapped_);
}

void MemoryFile::swap(MemoryFile& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(identity_, other.identity_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
}

MemoryFile MemoryFile::create(const char* name, std::size_t size, std::size_t reserve) {
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = ::memfd_create(name, flags | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create(name, flags);
  if (fd < 0) throw_error(errno, "memfd_create");
  MemoryFile made;
  made.file_ = above_standard_streams(Fd(fd));
  fd = made.file_.get();
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0) throw_error(errno, "ftruncate of a memory file");
  const int seals = F_SEAL_SHRINK | (reserve == 0 ? F_SEAL_GROW | F_SEAL_SEAL : 0);
  if (::fcntl(fd, F_ADD_SEALS, seals) != 0) throw_error(errno, "fcntl(F_ADD_SEALS)");
  made.map(reserve);
  return made;
}

MemoryFile MemoryFile::open(Fd file, std::size_t reserve) {
  const int seals = ::fcntl(file.get(), F_GET_SEALS);
  if (seals < 0 || !(seals & F_SEAL_SHRINK)) throw_error(seals < 0 ? errno : EINVAL, "opening a shared memory file");
  MemoryFile opened;
  opened.file_ = std::move(file);
  opened.map(reserve);
  return opened;
}

void MemoryFile::map(std::size_t reserve) {
  const struct stat status = status_of(file_);
  identity_ = {status.st_dev, status.st_ino};
  size_ = static_cast<std::size_t>(status.st_size);
  mapped_ = std::max(size_, reserve);
  void* start = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_.get(), 0);
  if (start == MAP_FAILED) throw_error(errno, "mmap of a memory file");
  data_ = static_cast<std::byte*>(start);
}

MemoryFile::Identity MemoryFile::identity_of(const Fd& file) {
  const struct stat status = status_of(file);
  return {status.st_dev, status.st_ino};
}

Fd MemoryFile::duplicate() const {
  const int fd = ::fcntl(file_.get(), F_DUPFD_CLOEXEC, 3);
  if (fd < 0) throw_error(errno, "fcntl(F_DUPFD_CLOEXEC)");
  return Fd(fd);
}

void MemoryFile::grow(std::size_t size) {
  if (size > mapped_) throw_error(ENOMEM, "growing a shared memory file beyond its limit");
  if (size <= size_) return;
  // One byte at the new end: the size becomes the larger of both.
  if (::fallocate(file_.get(), 0, static_cast<off_t>(size) - 1, 1) != 0) throw_error(errno, "growing a memory file");
  size_ = size;
}

void MemoryFile::discard(std::size_t offset, std::size_t size) noexcept {
  ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
              static_cast<off_t>(size));
}

}  // namespace plait::os
