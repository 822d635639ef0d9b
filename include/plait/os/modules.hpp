// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace plait::os {

/// Which build of a program or shared object: its build-id note (`ld --build-id`), the first 16 bytes; of one that has
/// none, a hash of its code.
struct ModuleId {
  std::uint64_t words[2];  ///< its first 16 bytes
  bool operator==(const ModuleId&) const = default;
};

/// In hexadecimal digits, as `file` and `readelf -n` print it.
std::string id_text(const ModuleId& id);

/// The program or a shared object, as it is loaded in this process. What these functions give is never destroyed.
class Module {
 public:
  /// A part that is mapped from its file, with what the loader made of it.
  struct Segment {
    std::uintptr_t first;  ///< its address
    std::uintptr_t size;   ///< in bytes
    bool code;             ///< functions, and not data
  };

  const ModuleId& id() const noexcept { return id_; }
  /// From here its own addresses count.
  std::uintptr_t base() const noexcept { return base_; }
  bool is_program() const noexcept { return program_; }
  /// The path of its file, as it was loaded.
  const std::string& path() const noexcept { return path_; }

  /// Whether those bytes are among its code, or among its data and constants.
  bool holds(std::uintptr_t address, std::size_t size, bool code) const noexcept {
    for (const Segment& segment : segments_) {
      const std::uintptr_t at = address - segment.first;
      if (at < segment.size) return segment.code == code && size <= segment.size - at;
    }
    return false;
  }

 private:
  friend class ModuleTable;
  ModuleId id_{};
  std::uintptr_t base_ = 0;
  bool program_ = false;
  std::string path_;
  std::vector<Segment> segments_;
};

/// The program itself.
const Module& program_module();
/// What holds the address; null if it is no code and no constant. Looks again if something was loaded since.
const Module* module_of(const void* address);
/// What is loaded of that build; null if nothing is. Looks again if something was loaded or unloaded since.
const Module* find_module(const ModuleId& id);

/// The name of the function at exactly that address, demangled, from the symbols of its file; empty if it has none.
/// Slow the first time: reads the file.
std::string function_name(const void* code);
/// The same of the function that the address lies in.
std::string function_around(const void* code);
/// A name of the linker as C++ has it; itself, if it is none.
std::string demangled(const char* name);

/// The index of the first of some words that is the address of memory of this process: of its stack, its heap, a
/// mapping; `count` if none is. What is below 4 GiB counts only if it lies in the heap, as numbers are common there.
/// Slow: reads /proc/self/maps.
std::size_t first_address(const std::uintptr_t* words, std::size_t count);

}  // namespace plait::os
