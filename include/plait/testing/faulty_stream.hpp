// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "plait/io/stream.hpp"

namespace plait::testing {

/// What a faulty stream does to the bytes that pass through it. Trivially destructible.
struct Faults {
  /// What is drawn is drawn from this seed.
  std::uint64_t seed = 1;
  /// One read or write moves from 1 up to this many bytes, drawn each time.
  std::size_t at_most = 1;
  /// Of a hundred steps, so many come to nothing and are done again, as after EINTR, or EAGAIN for no reason. Below
  /// 100.
  unsigned stops = 0;
  /// So many bytes are read, and then comes the end, as if the peer had shut down.
  std::size_t end_after = SIZE_MAX;
  /// So many bytes are read and written, and from then on both fail with ECONNRESET.
  std::size_t reset_after = SIZE_MAX;
};

/// The same stream with faults in it, to find what relies on luck: reads and writes that move less than they could,
/// that have to be done again, a peer that is gone in the middle. No byte is lost that was moved. Any Stream: a
/// socket's, a pipe's, TLS; and TLS may be put over it. Never waits. Throws std::logic_error for faults that can't be,
/// and if somebody waits for `stream` or bytes wait in its buffer.
[[nodiscard]] Stream faulty(Stream stream, const Faults& faults);

}  // namespace plait::testing
