// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

#include "plait/base/time.hpp"
#include "plait/core/executor.hpp"

namespace plait::detail {

/// How many elements the next chunk of a `map` has: what the caller said, or so many that a chunk is worth its way
/// (some 100 µs) and that all workers have several to the end.
class ChunkSize {
 public:
  static constexpr std::size_t kUnknown = static_cast<std::size_t>(-1);

  /// Throws std::logic_error for a `buffersize` that no chunk fits into.
  ChunkSize(const MapOptions& options, int workers);

  /// The size, with `in_flight` elements submitted and `left` in the range (or kUnknown); 0: none for now.
  std::size_t next(std::size_t in_flight, std::size_t left) const noexcept;
  /// A chunk of `size` elements took so long.
  void learn(std::size_t size, Duration took) noexcept;

 private:
  std::size_t workers_;
  std::size_t fixed_;
  std::size_t buffer_;
  std::size_t chosen_ = 1;
};

}  // namespace plait::detail
