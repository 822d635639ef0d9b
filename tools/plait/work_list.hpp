// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>

#include "board.hpp"
#include "meter.hpp"

namespace plait::tool {

/// The items of one way and what came of them. However many strands work on it, each takes the next index until none is
/// left; so their number is the limit of what is in flight.
/// Threads: any.
class WorkList {
 public:
  WorkList(const Board& board, Meter& meter) : board_(board), meter_(meter) {}

  /// The next item to do, or nothing when all are taken. With `count` the first of so many, of which the last ones may
  /// not exist.
  std::optional<std::size_t> take(std::size_t count = 1) {
    // Relaxed: the counter gives each index once, and publishes nothing.
    const std::size_t i = next_.fetch_add(count, std::memory_order_relaxed);
    return i < board_.size() ? std::optional(i) : std::nullopt;
  }

  void settle(std::size_t i, const FileResult& result) {
    const std::uint64_t done = board_.settle(i, result);
    // A few looks at the number of threads while all of them are at work.
    const std::size_t quarter = board_.size() / 4 + 1;
    if (done % quarter == 0) meter_.count_threads();
  }

 private:
  const Board& board_;
  Meter& meter_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace plait::tool
