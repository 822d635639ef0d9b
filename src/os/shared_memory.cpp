// SPDX-License-Identifier: BSL-1.0
#include "plait/os/shared_memory.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

// Younger than the headers of some systems that Plait is built on; the kernel answers EINVAL where it is older.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace plait::os {
namespace {

int create_memory_file(const char* name) noexcept {
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int fd = ::memfd_create(name, flags | MFD_NOEXEC_SEAL);
  return fd < 0 && errno == EINVAL ? ::memfd_create(name, flags) : fd;
}

/// ftruncate beyond the limit of file sizes would raise SIGXFSZ.
bool size_is_allowed(std::size_t size) noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && (limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur);
}

}  // namespace

void* map_memory_file(const char* name, std::size_t size) noexcept {
  if (!size_is_allowed(size)) return nullptr;
  const int fd = create_memory_file(name);
  if (fd < 0) return nullptr;
  void* start = MAP_FAILED;
  if (::ftruncate(fd, static_cast<off_t>(size)) == 0) {
    start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  }
  if (start == MAP_FAILED) {
    ::close(fd);
    return nullptr;
  }
  // Guards against accidents only, so a refusal does no harm. The descriptor stays open: it is how readers get in.
  ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
  return start;
}

Fd memory_file_of(std::span<const std::byte> bytes) {
  Fd file(create_memory_file("plait-message"));
  if (!file.valid()) throw_error(errno, "memfd_create");
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) throw_error(errno, "write to a memory file");
    if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return file;
}

void* map_private_memory(std::size_t size) noexcept {
  void* start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return start == MAP_FAILED ? nullptr : start;
}

bool back_with_memory(void* start, std::size_t size) noexcept {
  return ::madvise(start, size, MADV_POPULATE_WRITE) == 0 || errno == EINVAL;
}

void replace_by_private_memory(void* start, std::size_t size) noexcept {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  if (::mmap(start, size, PROT_READ | PROT_WRITE, kFlags, -1, 0) == MAP_FAILED) std::abort();
}

void in_each_forked_child(void (*f)()) noexcept { ::pthread_atfork(nullptr, nullptr, f); }

int process_id() noexcept { return static_cast<int>(::getpid()); }

}  // namespace plait::os
