// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

#include "plait/os/fd.hpp"
#include "plait/process/encoder.hpp"

namespace plait {

/// A descriptor is moved across: the receiver's is another one of the same.
template <>
struct Codec<os::Fd> {
  static void write(Encoder& out, os::Fd&& fd) { out.descriptor(std::move(fd)); }
  static os::Fd read(Decoder& in) { return in.descriptor(); }
};

}  // namespace plait
