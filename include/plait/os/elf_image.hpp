// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plait/os/fd.hpp"

namespace plait::os {

/// A program or shared object on disk (ELF, 64 bit), read as the loader lays it out: how the constants of a process
/// are read whose memory may not be. Nothing in the file is trusted.
class ElfImage {
 public:
  /// No image if the file is not one.
  static std::optional<ElfImage> open(Fd file);

  /// Where the byte at `offset` of the file lies before the load bias is added, if it is loaded at all.
  std::optional<std::uint64_t> address_of_offset(std::uint64_t offset) const noexcept;
  /// Copies initialised data at `address` (without bias) with its pointers as they are at load bias `bias`. False if
  /// not all of it is in one segment of the file.
  bool read(std::uint64_t address, std::uint64_t bias, void* to, std::size_t size) const noexcept;
  /// As `read`, but up to the end of the segment: how many bytes there were.
  std::size_t read_some(std::uint64_t address, std::uint64_t bias, void* to, std::size_t size) const noexcept;

 private:
  struct Segment {
    std::uint64_t offset, address, size;
  };
  /// A pointer that the loader writes: `bias` plus the addend, which stands in the place itself for `in_place`.
  struct Relocation {
    std::uint64_t address;
    std::uint64_t addend;
    bool in_place;
  };

  explicit ElfImage(Fd file) noexcept : file_(std::move(file)) {}
  bool parse();
  void read_dynamic(std::uint64_t offset, std::uint64_t size);
  void read_relative(std::uint64_t address, std::uint64_t size);
  void read_packed(std::uint64_t address, std::uint64_t size);

  Fd file_;
  std::vector<Segment> segments_;
  std::vector<Relocation> relocations_;
};

}  // namespace plait::os
