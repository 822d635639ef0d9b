// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/leaf.hpp"

namespace plait {

/// A lock that readers share and a writer has alone, for tasks of any loop and plain threads at the same time
/// (std::shared_mutex for both; Python has none).
///
/// In a task `auto guard = co_await lock.read();` or `lock.write()`; in a thread `sync_wait` of the same, or
/// std::shared_lock and std::scoped_lock. Not recursive: to read twice is a deadlock if a writer comes between. Any
/// strand may release it. Fairness: strictly first come, first served, tasks and threads alike: a writer that waits
/// holds back the readers that come later, consecutive readers go in together, and nobody barges. Orders: what a
/// writer did happens before what comes after it; what readers did, before the next writer. Lifetime: free and
/// without waiters when destroyed; else the program stops with a sentence.
class RWLock {
  enum class Mode : std::uint8_t { read, write };

 public:
  /// Holds an RWLock, to read or to write, until it dies. Move-only.
  class [[nodiscard]] Guard {
   public:
    Guard(Guard&& other) noexcept : held_(std::exchange(other.held_, nullptr)), mode_(other.mode_) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (held_) held_->release(mode_);
    }

   private:
    friend RWLock;
    Guard(RWLock& held, Mode mode) noexcept : held_(&held), mode_(mode) {}
    RWLock* held_;
    Mode mode_;
  };
  /// What an RWLock is about at the time of the call. Who holds it is not known: anybody may release it.
  struct Statistics {
    std::size_t waiters = 0;  ///< Strands that wait for it, to read or to write.
    std::size_t readers = 0;  ///< How many read.
    bool writing = false;     ///< A writer has it.
  };

  RWLock() noexcept = default;
  RWLock(const RWLock&) = delete;
  RWLock& operator=(const RWLock&) = delete;
  ~RWLock();

  /// Takes it together with other readers and gives a Guard; in a task `co_await`, in a thread `sync_wait`. On cancel:
  /// it is not held; if it had just been granted, that goes back to those who wait.
  [[nodiscard]] auto read() noexcept { return Wait(*this, Mode::read); }
  /// Takes it alone and gives a Guard; in a task `co_await`, in a thread `sync_wait`. On cancel: as `read`.
  [[nodiscard]] auto write() noexcept { return Wait(*this, Mode::write); }
  /// As `read`, or null if a writer has it or anybody waits. Never waits; from any strand.
  [[nodiscard]] std::optional<Guard> try_read() noexcept { return try_guard(Mode::read); }
  /// As `write`, or null if anybody has it. Never waits; from any strand.
  [[nodiscard]] std::optional<Guard> try_write() noexcept { return try_guard(Mode::write); }

  /// Takes it alone in a plain thread, which waits (Lockable). Throws std::logic_error on a loop's thread, always. On
  /// cancel: not a checkpoint; it waits on.
  void lock() { take_in_thread(Mode::write); }
  /// Takes it to read in a plain thread, which waits (SharedLockable). Throws and on cancel: as `lock`.
  void lock_shared() { take_in_thread(Mode::read); }
  /// As `try_write`, to be followed by `unlock` (Lockable).
  [[nodiscard]] bool try_lock() noexcept { return try_take(Mode::write); }
  /// As `try_read`, to be followed by `unlock_shared` (SharedLockable).
  [[nodiscard]] bool try_lock_shared() noexcept { return try_take(Mode::read); }
  /// Gives it up as a writer. Never waits; from any strand. std::logic_error if no writer has it.
  void unlock() { release(Mode::write); }
  /// Gives it up as a reader. Never waits; from any strand. std::logic_error if nobody reads.
  void unlock_shared() { release(Mode::read); }
  /// Linear in the waiters. From any strand.
  Statistics statistics() const noexcept;

 private:
  struct Wait : detail::Leaf<Wait> {
    Wait(RWLock& lock, Mode mode) noexcept : Leaf(detail::WaitKind::lock, &lock), lock(&lock), mode(mode) {}
    bool try_now() noexcept { return lock->try_take(mode); }
    bool enqueue() noexcept;
    bool withdraw() noexcept;
    bool give_back() noexcept;
    Guard take() noexcept {
      lock->go_on();
      return Guard(*lock, mode);
    }
    RWLock* const lock;
    const Mode mode;
  };

  /// The word: the number of readers, in units of kReader, or kWriter; and two marks, which change under `lock_`.
  static constexpr std::uint64_t kWriter = 1, kReader = 8, kReaders = ~std::uint64_t{7};
  static constexpr std::uint64_t kWaiters = 2;  ///< the queue is not empty
  static constexpr std::uint64_t kMore = 4;     ///< the first waiters may be let in by whoever has the lock

  static constexpr std::uint64_t unit(Mode mode) noexcept { return mode == Mode::read ? kReader : kWriter; }
  /// Those whom the lock is not shared with.
  static constexpr std::uint64_t foes(Mode mode) noexcept { return mode == Mode::read ? kWriter : kWriter | kReaders; }

  bool try_take(Mode mode) noexcept {
    detail::pass(detail::Point::primitive, this);
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    while (!(word & (foes(mode) | kWaiters))) {
      // Acquire pairs with the release in release().
      if (word_.compare_exchange_weak(word, word + unit(mode), std::memory_order_acquire, std::memory_order_relaxed))
        return true;
    }
    return false;
  }
  std::optional<Guard> try_guard(Mode mode) noexcept {
    return try_take(mode) ? std::optional(Guard(*this, mode)) : std::nullopt;
  }
  void go_on() noexcept {
    if (word_.load(std::memory_order_relaxed) & kMore) [[unlikely]]
      admit(std::unique_lock(lock_));
  }
  void release(Mode mode);
  void take_in_thread(Mode mode);
  void admit(std::unique_lock<detail::SpinLock> guard) noexcept;

  Atomic<std::uint64_t> word_{0};
  mutable detail::SpinLock lock_;
  detail::IntrusiveList<Wait, detail::Link> queue_;
};

}  // namespace plait
