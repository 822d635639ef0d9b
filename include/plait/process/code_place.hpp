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

/// The place of a constant or a function: a module of some build, and an offset into it.
struct CodePlace {
  os::ModuleId module;
  std::uint64_t offset;
  const os::Module* home;
};

/// Throws std::logic_error if `address` is in no module.
CodePlace place_of(const void* address);
void write_place(Encoder& out, const CodePlace& place);
/// A function of the call's own module, most likely.
void write_function(Encoder& out, const void* function, const os::Module& home);
/// Throws DecodeError and UnknownCall.
const void* read_function(Decoder& in, const os::Module& home);
/// A constant of `size` bytes, aligned as a word. Throws DecodeError and UnknownCall.
struct FoundConstant {
  const void* address;
  const os::Module* home;
};
FoundConstant read_constant(Decoder& in, std::size_t size);
/// For a constant that is not what it should be: throws UnknownCall.
[[noreturn]] void refuse_constant(const FoundConstant& constant);

}  // namespace detail
}  // namespace plait
