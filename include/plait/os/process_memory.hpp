// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plait/os/elf_image.hpp"
#include "plait/os/fd.hpp"

namespace plait::os {

/// How another process is read. `live`: its memory, by /proc/PID/mem, which Yama may forbid. `files`: only the
/// constants of its program and shared objects, from their files, which needs no more than the same user.
enum class MemoryAccess : std::uint8_t { live, files };

/// Reads another process of the same user, running, stopped or hung, without its help (proc(5)). Nothing is written.
class ProcessMemory {
 public:
  /// Falls back to files when live access is refused. Throws std::system_error if there is no such process.
  ProcessMemory(int process, MemoryAccess access);

  MemoryAccess access() const noexcept { return live_.valid() ? MemoryAccess::live : MemoryAccess::files; }
  /// Copies up to `size` bytes at `address`; how many could be read, from the first on.
  std::size_t read(std::uint64_t address, void* to, std::size_t size);
  /// A string that ends within `most` bytes, or nothing.
  std::optional<std::string> read_string(std::uint64_t address, std::size_t most);

  /// Descriptors for reading of all memory files (memfd_create(2)) of that name that the process has open. Throws
  /// std::system_error if the process may not be looked into.
  std::vector<Fd> open_memory_files(std::string_view name) const;
  /// Where the process has mapped memory files of that name, from their first byte on.
  std::vector<std::uint64_t> memory_file_addresses(std::string_view name) const;
  /// The id of the process in its own pid namespace, as its getpid() gives it.
  int id_as_it_sees_it() const;

 private:
  struct Mapping {
    std::uint64_t start, end, offset, inode;
    unsigned device_major, device_minor;
    std::string path;
  };

  std::string proc(std::string_view name) const;
  std::vector<Mapping> mappings() const;
  const ElfImage* image_of(const Mapping& mapping);
  std::size_t read_files(std::uint64_t address, void* to, std::size_t size);

  int process_;
  Fd live_;
  /// For `files` only.
  std::vector<Mapping> mappings_;
  std::map<std::string, std::optional<ElfImage>> images_;
};

/// Copies up to `size` bytes at `offset` of a file (pread(2)); how many there were.
std::size_t read_at(const Fd& file, std::uint64_t offset, void* to, std::size_t size) noexcept;

}  // namespace plait::os
