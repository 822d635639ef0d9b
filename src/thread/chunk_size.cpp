// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/chunk_size.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "plait/base/contract.hpp"

namespace plait::detail {
namespace {

/// What a chunk should take: some ten times what it costs to hand it over.
constexpr Duration kWorthwhile = std::chrono::microseconds(100);
/// Chunks in flight for each worker where nobody has set a limit: one that runs, one that waits, one that is read.
constexpr std::size_t kAhead = 3;
/// At the end of a range of known length each worker has so many chunks left, and they grow smaller.
constexpr std::size_t kShare = 2;
constexpr std::size_t kLargest = 64 * 1024;

}  // namespace

ChunkSize::ChunkSize(const MapOptions& options, int workers)
    : workers_(static_cast<std::size_t>(workers)), fixed_(options.chunksize), buffer_(options.buffersize) {
  if (buffer_ != 0 && fixed_ > buffer_) {
    misuse("map(): a chunksize of " + std::to_string(fixed_) + " does not fit into a buffersize of " +
           std::to_string(buffer_) + ".");
  }
}

std::size_t ChunkSize::next(std::size_t in_flight, std::size_t left) const noexcept {
  std::size_t size = fixed_;
  if (size == 0) {
    size = chosen_;
    if (left != kUnknown) size = std::min(size, std::max<std::size_t>(1, left / (kShare * workers_)));
    if (buffer_ != 0) size = std::min(size, std::max<std::size_t>(1, buffer_ / (2 * workers_)));
  }
  const std::size_t limit = buffer_ != 0 ? buffer_ : kAhead * workers_ * size;
  if (in_flight >= limit) return 0;
  return buffer_ != 0 ? std::min(size, limit - in_flight) : size;
}

void ChunkSize::learn(std::size_t size, Duration took) noexcept {
  if (size < chosen_) return;
  if (took < kWorthwhile / 2) {
    chosen_ = std::min(size * 2, kLargest);
  } else if (took > kWorthwhile * 2) {
    chosen_ = std::max<std::size_t>(1, size / 2);
  }
}

}  // namespace plait::detail
