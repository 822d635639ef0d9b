// SPDX-License-Identifier: BSL-1.0
#include "shared_memory.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace plait::tool {
namespace {

[[noreturn]] void refuse(const char* operation) { throw std::system_error(errno, std::generic_category(), operation); }

int make(std::size_t size) {
  int fd = ::memfd_create("plait-compare", 0);
  if (fd < 0) refuse("memfd_create");
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0) refuse("ftruncate");
  return fd;
}

}  // namespace

SharedMemory::SharedMemory(int fd, std::size_t size) : fd_(fd), size_(size) {
  data_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (data_ == MAP_FAILED) refuse("mmap");
}

SharedMemory::SharedMemory(std::size_t size)
    : SharedMemory(make(std::max<std::size_t>(size, 1)), std::max<std::size_t>(size, 1)) {}

SharedMemory::SharedMemory(std::string_view bytes) : SharedMemory(bytes.size()) {
  std::memcpy(data_, bytes.data(), bytes.size());
}

SharedMemory SharedMemory::inherited(int fd) {
  struct stat self{};
  if (::fstat(fd, &self) != 0) refuse("fstat");
  return SharedMemory(fd, static_cast<std::size_t>(self.st_size));
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(other.size_), data_(std::exchange(other.data_, nullptr)) {}

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace plait::tool
