// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "plait/base/atomic.hpp"
#include "plait/os/fd.hpp"
#include "plait/os/life.hpp"
#include "plait/os/memory_file.hpp"

namespace plait::detail {

/// A process as the owner of something shared: a slot of its family and the slot's generation. 0: nobody.
using ProcessSlot = std::uint32_t;

/// All processes that descend from one program, as far as they share something: a memory file with a slot for each.
/// A process takes its slot when it first uses something shared, and holds it until it ends: the kernel marks that, and
/// wakes who waits for what the process held. Slots are used again; a generation tells their users apart.
class Family {
 public:
  static constexpr std::uint32_t kSlots = 4096;

  /// This process's family: the one that it was given by `adopt` or a fork, else a new one. Throws std::system_error.
  static Family& instance();
  /// Makes `file`, another process's `descriptor()`, this process's family. To be called in a new process before it
  /// shares anything: std::logic_error if it has another family already.
  static void adopt(os::Fd file);
  /// A descriptor of the family to pass to a child. Throws std::system_error.
  os::Fd descriptor() const { return file_.duplicate(); }
  const os::MemoryFile::Identity& identity() const noexcept { return file_.identity(); }

  /// This process's slot, taken at the first call. Throws std::system_error, and std::runtime_error if none is free.
  static ProcessSlot self() {
    const ProcessSlot slot = own.load(std::memory_order_acquire);
    return slot != 0 ? slot : instance().join();
  }
  /// Its process has not ended. False for 0.
  bool is_alive(ProcessSlot slot) const noexcept;
  /// The word that changes when the process ends, to wait for with what it holds then.
  Atomic<std::uint32_t>& life_of(ProcessSlot slot) noexcept { return slots_[slot & kIndex].life.word; }

 private:
  struct alignas(64) Slot {
    os::Life life;
    Atomic<std::uint32_t> generation{0};
  };
  /// In place of slot 0, which nobody has.
  struct Header {
    std::uint64_t magic;
    std::uint64_t slots;
  };
  static constexpr std::uint32_t kIndex = kSlots - 1;
  static constexpr std::uint32_t kGenerations = 1U << 20;

  explicit Family(os::MemoryFile file);
  static Family& install(os::MemoryFile file);
  ProcessSlot join();
  /// By the thread that lives as long as the process.
  ProcessSlot take_slot() noexcept;
  static void hold_slot(void* family);
  static void after_fork() noexcept;

  /// 0 until it is taken, and again in a forked child.
  static inline constinit Atomic<ProcessSlot> own{0};
  os::MemoryFile file_;
  Slot* slots_;
};

}  // namespace plait::detail
