// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "plait/process/shared_lock_state.hpp"
#include "plait/process/shared_segment.hpp"

namespace plait::detail {

class SharedWait;

/// What an attempt to put or to get came to.
enum class SharedStep : std::uint8_t { done, wait, shut_down };

/// In shared memory: a queue of messages of any size, for many producers and consumers at once. Messages lie one behind
/// the other in blocks of the growing file. All members are as they are after a kill at any instant: see the .cpp.
class SharedQueueState {
 public:
  /// A new segment with an empty queue of at most `capacity` messages (0: no bound); `form` as for SharedSegment.
  static std::shared_ptr<SharedSegment> create(std::uint64_t form, std::size_t capacity);

  /// Copies a message in. Throws std::system_error if the file can't grow; nothing is put then.
  SharedStep put(SharedSegment& segment, std::span<const std::byte> message, SharedWait* wait);
  /// Takes the next message out: `sink(bytes)` copies it; the number of the message is in `number`. What `sink` throws
  /// leaves the message where it is.
  template <class Sink>
  SharedStep get(SharedSegment& segment, std::uint64_t& number, SharedWait* wait, Sink sink) {
    std::span<const std::byte> message;
    const SharedStep step = begin_get(segment, message, number, wait);
    if (step != SharedStep::done) return step;
    try {
      sink(message);
    } catch (...) {
      abandon_get();
      throw;
    }
    commit_get(segment);
    return step;
  }
  /// Puts the message of that number back, if it was the last that anybody took; false if that can't be.
  bool unget(std::uint64_t number) noexcept;

  void shut_down(bool immediate) noexcept;
  bool is_shut_down() const noexcept { return closed_.load(std::memory_order_seq_cst) != kOpen; }
  std::uint64_t size() const noexcept;
  std::uint64_t capacity() const noexcept { return capacity_; }
  /// False: more often than messages were put.
  bool finish_one() noexcept;
  bool all_done() const noexcept;
  SharedGate& items() noexcept { return items_; }
  SharedGate& room() noexcept { return room_; }
  SharedGate& finished() noexcept { return finished_; }
  /// A cheap look: an attempt may succeed.
  bool may_get() const noexcept;
  bool may_put() const noexcept;

 private:
  static constexpr std::uint64_t kChunk = 64 * 1024;
  static constexpr std::size_t kChunks = kQueueReserve / kChunk - 64;
  /// An entry of the table: the number of the put that made the block, and the number of its chunks.
  static constexpr int kEntryBits = 20;
  static constexpr std::uint64_t kNextBlock = ~std::uint64_t{0};
  enum : std::uint32_t { kOpen, kDraining, kDropping };

  /// A place in the stream of messages: at `at` in the block that begins at `block`; `number` messages were before it.
  struct Position {
    std::uint64_t number;
    std::uint64_t block;
    std::uint64_t at;
    /// Of the table, when the block was made: tells it from another that is in its place later.
    std::uint64_t entry;
  };
  /// The beginning of a block: the next one, once this one is full.
  struct Block {
    std::uint64_t next;
    std::uint64_t next_entry;
  };

  SharedStep begin_get(SharedSegment& segment, std::span<const std::byte>& message, std::uint64_t& number,
                       SharedWait* wait) noexcept;
  void commit_get(SharedSegment& segment) noexcept;
  void abandon_get() noexcept { get_lock_.give(Family::self()); }
  bool lock(SharedLockState& lock, SharedWait* wait, bool& inherited) const noexcept;
  void write(SharedSegment& segment, std::span<const std::byte> message);
  Position make_block(SharedSegment& segment, std::uint64_t bytes);
  void free_block(SharedSegment& segment, const Position& position) noexcept;
  void free_unpublished() noexcept;
  bool is_full(std::uint64_t puts) noexcept;
  static std::byte* data(SharedSegment& segment) noexcept;
  static std::uint64_t chunks_of(std::uint64_t entry) noexcept { return entry & ((1U << kEntryBits) - 1); }

  /// Of the producing side, under its lock: where the next message goes is position puts mod 2.
  alignas(64) SharedLockState put_lock_;
  std::uint64_t gets_seen_ = 0;
  std::uint64_t chunks_in_file_ = 0;
  alignas(64) Position put_at_[2]{};
  /// How many messages were put: the one store that publishes a message.
  alignas(64) Atomic<std::uint64_t> puts_{0};
  /// Of the consuming side.
  alignas(64) SharedLockState get_lock_;
  std::uint64_t puts_seen_ = 0;
  /// Of the consumer that has the lock: the position behind its message.
  Position taken_{};
  alignas(64) Position get_at_[2]{};
  /// How many messages were taken: the one store that takes a message.
  alignas(64) Atomic<std::uint64_t> gets_{0};
  alignas(64) SharedGate items_;
  SharedGate room_;
  alignas(64) SharedGate finished_;
  Atomic<std::uint64_t> done_{0};
  alignas(64) Atomic<std::uint32_t> closed_{kOpen};
  std::uint64_t capacity_ = 0;
  /// For each chunk of the file: 0 if it is free or not the first of a block, else how many chunks the block has, and
  /// the number of the put that made it.
  alignas(64) Atomic<std::uint64_t> table_[kChunks]{};
};

}  // namespace plait::detail
