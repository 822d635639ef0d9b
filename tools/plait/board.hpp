// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "digest.hpp"
#include "shared_memory.hpp"

namespace plait::tool {

/// Where a way writes what came of each item, and where the command sees how far it is: one result an item in memory
/// that both processes map.
/// Threads: any number of strands, each item belongs to one of them; `progress()` may be read at any time.
class Board {
 public:
  struct Progress {
    std::atomic<std::uint64_t> items;
    std::atomic<std::uint64_t> bytes;
  };

  explicit Board(std::size_t items) : memory_(sizeof(Progress) + items * sizeof(FileResult)), items_(items) {}
  /// Maps a board that the parent made for `items` items.
  Board(int inherited_fd, std::size_t items) : memory_(SharedMemory::inherited(inherited_fd)), items_(items) {}

  [[nodiscard]] int fd() const { return memory_.fd(); }
  [[nodiscard]] std::size_t size() const { return items_; }
  [[nodiscard]] Progress& progress() const { return *static_cast<Progress*>(memory_.data()); }
  [[nodiscard]] std::span<FileResult> results() const {
    return {reinterpret_cast<FileResult*>(static_cast<std::byte*>(memory_.data()) + sizeof(Progress)), items_};
  }

  /// Records what came of item `i`; returns how many items are recorded now.
  std::uint64_t settle(std::size_t i, const FileResult& result) const {
    results()[i] = result;
    // Relaxed: the counters are for the eye; the results are read after the child has ended.
    progress().bytes.fetch_add(result.size, std::memory_order_relaxed);
    return progress().items.fetch_add(1, std::memory_order_relaxed) + 1;
  }

 private:
  SharedMemory memory_;
  std::size_t items_;
};

}  // namespace plait::tool
