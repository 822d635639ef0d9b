// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "plait/os/fd.hpp"
#include "plait/os/file_identity.hpp"

namespace plait::os {

/// A mapped memory file (memfd_create(2)) that other processes map as well, once they have its descriptor. It has no
/// name, needs no /dev/shm, and is gone with its last user, however that ends. It never shrinks. Move-only.
class MemoryFile {
 public:
  /// Which file it is, whatever descriptor it came by.
  using Identity = FileIdentity;

  MemoryFile() noexcept = default;
  MemoryFile(MemoryFile&& other) noexcept { swap(other); }
  MemoryFile& operator=(MemoryFile&& other) noexcept {
    MemoryFile taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~MemoryFile();

  /// A new file of `size` zeroes, which has pages only where it was touched. With `reserve` it may grow up to that, and
  /// has the addresses for it from the beginning; else its size is sealed. Throws std::system_error.
  static MemoryFile create(const char* name, std::size_t size, std::size_t reserve = 0);
  /// Maps a file that came from another process; `reserve` as it was created with. Throws std::system_error, also for
  /// what is no memory file that can't shrink.
  static MemoryFile open(Fd file, std::size_t reserve = 0);
  /// Which file `file` is. Throws std::system_error.
  static Identity identity_of(const Fd& file);

  std::byte* data() const noexcept { return data_; }
  /// Bytes that it had when it was mapped or last grown here. Others may have grown it since.
  std::size_t size() const noexcept { return size_; }
  const Identity& identity() const noexcept { return identity_; }
  /// A descriptor to pass on. Throws std::system_error.
  Fd duplicate() const;
  /// Grows to `size` bytes at least; several may do that at a time. Throws std::system_error.
  void grow(std::size_t size);
  /// Gives the pages of a part back, which reads as zeroes from now on.
  void discard(std::size_t offset, std::size_t size) noexcept;

 private:
  void map(std::size_t reserve);
  void swap(MemoryFile& other) noexcept;

  Fd file_;
  Identity identity_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t mapped_ = 0;
};

}  // namespace plait::os
