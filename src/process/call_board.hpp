// SPDX-License-Identifier: BSL-1.0
//
// Idea. The calls of a pool lie in slots of a memory file that the program and all its workers map. A slot is written
// by the program, published by one store, claimed by a worker's compare-and-swap that leaves its number, and done by a
// store of that worker: whatever dies at whatever instant, the slot says whose the call was [R5]. Calls have positions
// that only grow; the call at position p lies in slot p % kSlots, and a position whose slot is still in use is passed
// over. `head` is a hint, where workers begin to look, which each of them moves past what is not to be had.
//
// Sleep. A worker that finds nothing spins, then puts its bit into `asleep`, looks once more, and waits for its word.
// Who publishes looks at `asleep` after it; both halves have a full fence between, so one of them sees the other. The
// way back is the same with `listening`: as long as it is not zero somebody looks at what is done, and no bell is rung.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "plait/base/atomic.hpp"
#include "plait/os/memory_file.hpp"

namespace plait::detail {

/// A call, then its result.
struct alignas(64) CallSlot {
  static constexpr std::size_t kRoom = 192;
  enum class Phase : std::uint8_t { free, ready, taken, done, withdrawn };
  /// Where the message is.
  enum class Place : std::uint8_t { here, arena, outbox };

  static constexpr std::uint64_t word(std::uint64_t position, std::uint32_t worker, Phase phase) noexcept {
    return position << 16 | std::uint64_t{worker} << 4 | static_cast<std::uint64_t>(phase);
  }
  static Phase phase_of(std::uint64_t word) noexcept { return static_cast<Phase>(word & 15); }
  static std::uint32_t worker_of(std::uint64_t word) noexcept { return word >> 4 & 0xfff; }
  static std::uint64_t position_of(std::uint64_t word) noexcept { return word >> 16; }

  Atomic<std::uint64_t> state;
  std::uint64_t size;
  /// In its memory file.
  std::uint64_t offset;
  Place place;
  /// Descriptors go with it, by letter.
  bool has_descriptors;
  std::byte room[kRoom];
};

/// See above.
class CallBoard {
 public:
  static constexpr std::uint32_t kSlots = 1024;
  static constexpr std::uint32_t kMostWorkers = 64;

  /// One worker's part. What it writes, and what the program writes, are in different cache lines.
  struct Worker {
    /// It runs, and has been initialised.
    alignas(64) Atomic<std::uint32_t> ready;
    /// Of `done`: how many the worker has written.
    Atomic<std::uint32_t> done_count;
    /// The word that it sleeps on.
    alignas(64) Atomic<std::uint32_t> wake;
    /// It is to end, and takes no more calls.
    Atomic<std::uint32_t> dismissed;
    /// The slots of the calls that it has done, in a ring.
    alignas(64) std::uint16_t done[kSlots];
  };

  static CallBoard create() { return CallBoard(os::MemoryFile::create("plait-calls", sizeof(Memory))); }
  static CallBoard open(os::Fd file) { return CallBoard(os::MemoryFile::open(std::move(file))); }
  os::Fd duplicate() const { return file_.duplicate(); }

  CallSlot& slot(std::uint32_t index) const noexcept { return memory().slots[index]; }
  Worker& worker(std::uint32_t number) const noexcept { return memory().workers[number]; }

  // For the program, under a lock.

  /// Gives the slot the next position, which is its own, and makes it ready.
  void publish(std::uint32_t index) const noexcept;
  /// The slot of the next position.
  std::uint32_t next_slot() const noexcept { return memory().tail.load(std::memory_order_relaxed) % kSlots; }
  /// Leaves that position out.
  void pass_over() const noexcept { memory().tail.fetch_add(1, std::memory_order_release); }
  /// A worker that sleeps, which the caller is to wake; nothing if none does. After `publish`.
  std::optional<std::uint32_t> take_sleeper() const noexcept;
  std::uint32_t asleep() const noexcept;
  /// Worker `number` is gone, or new: whatever it said about sleep is no more.
  void reset(std::uint32_t number) const noexcept;
  void wake(std::uint32_t number) const noexcept;
  /// A ready call, which no worker will take now. False if one has taken it.
  bool withdraw(std::uint32_t index) const noexcept;
  /// There are calls that nobody has taken, as far as one can see.
  bool has_work() const noexcept;

  // For the program's listeners.

  void listen() const noexcept { memory().listening.fetch_add(1, std::memory_order_seq_cst); }
  /// What is done is to be looked at once more after this.
  void stop_listening() const noexcept { memory().listening.fetch_sub(1, std::memory_order_seq_cst); }
  /// The bell may be rung again.
  void answer_bell() const noexcept { memory().rung.exchange(0, std::memory_order_seq_cst); }

  // For a worker.

  /// Takes a call.
  std::optional<std::uint32_t> claim(std::uint32_t number) const noexcept;
  /// The call in the slot is done, its result is written. True: the bell is to be rung.
  bool finish(std::uint32_t number, std::uint32_t index) const noexcept;
  /// Waits until there may be a call, or the worker is dismissed.
  void wait_for_work(std::uint32_t number) const noexcept;

 private:
  struct Memory {
    alignas(64) Atomic<std::uint64_t> head;
    alignas(64) Atomic<std::uint64_t> tail;
    alignas(64) Atomic<std::uint64_t> asleep;
    alignas(64) Atomic<std::uint32_t> listening;
    Atomic<std::uint32_t> rung;
    CallSlot slots[kSlots];
    Worker workers[kMostWorkers];
  };

  explicit CallBoard(os::MemoryFile file) noexcept : file_(std::move(file)) {}
  Memory& memory() const noexcept { return *reinterpret_cast<Memory*>(file_.data()); }

  os::MemoryFile file_;
};

}  // namespace plait::detail
