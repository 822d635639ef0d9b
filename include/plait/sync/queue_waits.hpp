// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>

#include "plait/base/atomic.hpp"
#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/leaf.hpp"

namespace plait {

/// Raised by `put` on a queue that was shut down, and by `get` once it is empty as well (Python 3.13's
/// queue.ShutDown). What `next()` says by an empty value.
class QueueShutDown : public std::exception {
 public:
  const char* what() const noexcept override { return "the queue is shut down"; }
};

/// A queue at one instant.
struct QueueStatistics {
  std::size_t size = 0;             ///< Items that can be got.
  std::size_t capacity = 0;         ///< 0: no bound.
  std::size_t waiting_putters = 0;  ///< Strands that wait for room.
  std::size_t waiting_getters = 0;  ///< Strands that wait for an item.
  std::size_t waiting_joiners = 0;  ///< Strands that wait in `join`.
  std::uint64_t unfinished = 0;     ///< Items put and not yet said to be done by `task_done`.
  bool shut_down = false;           ///< `shutdown` was called.
};

namespace detail {

/// The part of a queue that does not depend on what it holds: locks, the lists of waiters, the count of unfinished
/// items, the end. src/sync/queue_waits.cpp says how they work together.
class QueueWaits {
 public:
  QueueWaits(const char* name, std::size_t capacity) noexcept : name_(name), capacity_(capacity) {}
  QueueWaits(const QueueWaits&) = delete;
  QueueWaits& operator=(const QueueWaits&) = delete;

 protected:
  using Waiters = IntrusiveList<Waiter, Link>;

  /// Waits until every item was said to be done.
  class Join : public Leaf<Join> {
   public:
    explicit Join(QueueWaits& queue) noexcept : Leaf(WaitKind::primitive, &queue), queue_(&queue) {}
    bool try_now() noexcept { return queue_->all_done(nullptr); }
    bool enqueue() noexcept { return !queue_->all_done(this); }
    bool withdraw() noexcept { return queue_->withdraw_join(*this); }
    void take() const noexcept {}

   private:
    QueueWaits* queue_;
  };

  /// Both locks: whoever holds them sees and changes everything.
  class Both {
   public:
    explicit Both(const QueueWaits& queue) noexcept : queue_(queue) {
      queue_.put_lock_.lock();
      queue_.get_lock_.lock();
    }
    Both(const Both&) = delete;
    Both& operator=(const Both&) = delete;
    ~Both() {
      queue_.get_lock_.unlock();
      queue_.put_lock_.unlock();
    }

   private:
    const QueueWaits& queue_;
  };

  ~QueueWaits();

  void finish_one();
  /// `n` items are done without having been got. Under both locks; whom it ends the wait of is moved to `ready`.
  void finish(std::uint64_t n, Waiters& ready) noexcept;
  /// Under both locks: from now on nobody waits; whose wait this ends is moved to `ready`.
  void end(Waiters& ready) noexcept;
  /// Grants all of `ready`, which the caller has moved there under both locks, one after the other, without the locks.
  void release(Waiters& ready) noexcept;
  bool withdraw(Waiter& waiter) noexcept;
  /// Under both locks: everything but the items.
  QueueStatistics statistics_of(std::size_t size) const noexcept;
  bool all_done(Waiter* waiter) noexcept;
  bool withdraw_join(Waiter& waiter) noexcept;
  /// Whether it can help a thread to look again before it parks.
  static bool may_spin() noexcept;
  /// Tries again for a while, less and less often: each attempt takes a line from the other side, and the longer it is
  /// left alone, the more items (or places) come together. Adaptive: `patience`, in pauses of the processor, grows
  /// when that paid off and shrinks when it was in vain. At most it costs as much as to wake an idle core.
  template <class Try>
  static bool try_again(Atomic<int>& patience, Try attempt) noexcept {
    if (!may_spin()) return false;
    const int most = patience.load(std::memory_order_relaxed);
    int pauses = 2;
    for (int left = most; left > 0; left -= pauses) {
      for (int i = 0; i < pauses; ++i) cpu_relax();
      if (attempt()) {
        if (most < kMostPatience) patience.store(most * 2, std::memory_order_relaxed);
        return true;
      }
      if (pauses < 32) pauses *= 2;
    }
    patience.store(most > 2 * kLeastPatience ? most / 2 : kLeastPatience, std::memory_order_relaxed);
    return false;
  }
  static constexpr int kLeastPatience = 32;
  static constexpr int kMostPatience = 1024;

  // Each line of memory below has one writer: the putting side, the getting side, or (the last) whoever has both locks.

  /// The putting side.
  alignas(64) mutable SpinLock put_lock_;
  Atomic<int> put_patience_{256};
  /// How many items were ever put, under the put lock; read by anybody.
  alignas(64) Atomic<std::uint64_t> puts_{0};
  /// The getting side; guards `done_` and `joiners_` as well.
  alignas(64) mutable SpinLock get_lock_;
  Atomic<int> get_patience_{256};
  std::uint64_t done_ = 0;
  Waiters joiners_;

  /// Changed under both locks, so that either lock allows to read.
  alignas(64) const char* const name_;
  const std::size_t capacity_;
  /// The two sides may not go ahead with their own lock only.
  bool slow_ = false;
  bool shut_down_ = false;
  /// Shut down immediately: items are dropped.
  bool dropping_ = false;
  Waiters putters_;
  Waiters getters_;
};

}  // namespace detail
}  // namespace plait
