// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "plait/os/memory_file.hpp"

namespace plait::detail {

/// Blocks of a memory file for messages that are too long for their slot. One process allocates, another one reads and
/// releases, by one store; a block is used again, with its pages, as soon as that is seen. Not for several threads.
class Arena {
 public:
  static constexpr std::size_t kReserve = std::size_t{1} << 36;

  static Arena create() { return Arena(os::MemoryFile::create("plait-messages", 0, kReserve)); }
  /// One that the other process created for this one to allocate in.
  static Arena open(os::Fd file) { return Arena(os::MemoryFile::open(std::move(file), kReserve)); }
  os::Fd duplicate() const { return file_.duplicate(); }

  /// A block of `size` bytes: where it begins in the file. Throws std::system_error for want of memory.
  std::uint64_t allocate(std::size_t size);
  std::byte* at(std::uint64_t offset) const noexcept { return file_.data() + offset; }

  /// In the file of another process's arena: the block is not needed any more.
  static void release(const os::MemoryFile& file, std::uint64_t offset) noexcept;
  void release(std::uint64_t offset) const noexcept { release(file_, offset); }

 private:
  explicit Arena(os::MemoryFile file) noexcept : file_(std::move(file)) {}

  os::MemoryFile file_;
  std::uint64_t end_ = 0;
  /// Blocks that were given away, oldest first, by the power of two that is their size.
  std::vector<std::deque<std::uint64_t>> given_ = std::vector<std::deque<std::uint64_t>>(64);
};

}  // namespace plait::detail
