// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "plait/os/modules.hpp"
#include "plait/process/encoder.hpp"

namespace plait {

/// A call that came from another process can't be made here: this is another build, or lacks a shared object. It says
/// what to do.
class UnknownCall : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// The place of a constant or a function: the id of a build, and an offset into that module.
struct CodePlace {
  static constexpr std::size_t kHeadSize = sizeof(os::ModuleId) + sizeof(std::uint64_t) + sizeof(std::uint16_t);

  /// As it is written: id, offset, and the length of the path.
  std::byte head[kHeadSize];
  bool has_path;
  const os::Module* home;
};

/// Throws std::logic_error if `address` is in no module.
CodePlace place_of(const void* address);
/// Writes the path of a module that is not the program.
void write_path(Encoder& out, const os::Module& home);
inline void write_place(Encoder& out, const CodePlace& place) {
  std::memcpy(out.place(sizeof place.head), place.head, sizeof place.head);
  if (place.has_path) [[unlikely]]
    write_path(out, *place.home);
}
/// A function of the call's own module, most likely.
void write_function(Encoder& out, const void* function, const os::Module& home);
/// Throws DecodeError and UnknownCall.
const void* read_function(Decoder& in, const os::Module& home);
/// How a constant begins that may be named in a message: nothing else in a module looks like it.
struct Magic {
  std::uint64_t words[2];
};
/// A constant that was found, and its module.
struct FoundConstant {
  const void* address;
  const os::Module* home;
};
/// A constant of `size` bytes that begins with the magic. Throws DecodeError and UnknownCall.
FoundConstant read_constant(Decoder& in, std::size_t size, const Magic& magic);

}  // namespace detail
}  // namespace plait
