// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <limits>

#include "plait/base/atomic.hpp"
#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/sync/acquire.hpp"

namespace plait {

/// A number of permits, for tasks of any loop and plain threads at the same time (threading.Semaphore and
/// asyncio.Semaphore in one).
///
/// In a task `co_await semaphore.acquire()` or `auto guard = co_await semaphore.guard();`, in a thread `sync_wait` of
/// the same. Anybody may release. Fairness: strictly first come, first served, tasks and threads alike; a permit goes
/// to the first waiter when it is released, so nobody barges. Orders: a release happens before the acquire that takes
/// its permit. Lifetime: without waiters when destroyed; else the program stops with a sentence.
class Semaphore {
 public:
  /// Holds one permit until it dies.
  using Guard = detail::Guard<Semaphore>;
  /// What a Semaphore is about at the time of the call.
  struct Statistics {
    std::size_t waiters = 0;   ///< Strands that wait for a permit.
    std::ptrdiff_t value = 0;  ///< As `value`.
  };

  /// `permits` are free at first; std::logic_error if negative.
  explicit Semaphore(std::ptrdiff_t permits = 1) : Semaphore(permits, std::numeric_limits<std::ptrdiff_t>::max()) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore();

  /// Takes a permit; in a task `co_await`, in a thread `sync_wait`. On cancel: no permit is taken; one that had just
  /// been granted goes back, to the next waiter.
  [[nodiscard]] auto acquire() noexcept { return detail::Acquire<Semaphore, void>(*this, detail::WaitKind::primitive); }
  /// The same, giving a Guard that releases it. On cancel: as `acquire`.
  [[nodiscard]] auto guard() noexcept { return detail::Acquire<Semaphore, Guard>(*this, detail::WaitKind::primitive); }
  /// Takes a permit if one is free and nobody waits for it. Never waits; from any strand.
  [[nodiscard]] bool try_acquire() noexcept {
    detail::pass(detail::Point::primitive, this);
    std::ptrdiff_t free = word_.load(std::memory_order_relaxed);
    while (free > 0) {
      // Acquire pairs with the release in add().
      if (word_.compare_exchange_weak(free, free - 1, std::memory_order_acquire, std::memory_order_relaxed))
        return true;
    }
    return false;
  }
  /// Gives back `n` permits: to those who wait, in order, the rest is free. Never waits; from any strand.
  /// std::logic_error, and nothing done, if `n` is not positive, or more permits would be free than may be.
  void release(std::ptrdiff_t n = 1) {
    detail::pass(detail::Point::primitive, this);
    if (n < 1 || n > limit_) [[unlikely]]
      refuse(n);
    while (!add(n)) {
      if (hand_out(n)) return;
    }
  }
  /// The permits that are free. The answer may be stale.
  std::ptrdiff_t value() const noexcept {
    const std::ptrdiff_t free = word_.load(std::memory_order_relaxed);
    return free == kWaiters ? 0 : free;
  }
  /// Linear in the waiters. From any strand.
  Statistics statistics() const noexcept;

 protected:
  /// At most `limit` permits are ever free.
  Semaphore(std::ptrdiff_t permits, std::ptrdiff_t limit);

 private:
  template <class, class>
  friend class detail::Acquire;
  /// The word when no permit is free and the queue is not empty.
  static constexpr std::ptrdiff_t kWaiters = -1;

  /// False: somebody waits.
  bool add(std::ptrdiff_t n) {
    std::ptrdiff_t free = word_.load(std::memory_order_relaxed);
    while (free != kWaiters) {
      if (n > limit_ - free) [[unlikely]]
        refuse(n);
      // Release pairs with the acquire in try_acquire().
      if (word_.compare_exchange_weak(free, free + n, std::memory_order_release, std::memory_order_relaxed))
        return true;
    }
    return false;
  }
  bool hand_out(std::ptrdiff_t& n);
  [[noreturn]] void refuse(std::ptrdiff_t n) const;
  bool enqueue(detail::Waiter& waiter) noexcept;
  bool withdraw(detail::Waiter& waiter) noexcept;

  /// The permits that are free, or kWaiters; becomes and leaves kWaiters only under `lock_`.
  Atomic<std::ptrdiff_t> word_;
  const std::ptrdiff_t limit_;
  mutable detail::SpinLock lock_;
  detail::IntrusiveList<detail::Waiter, detail::Link> queue_;
};

/// A Semaphore that refuses to be released more often than it was acquired (Python's BoundedSemaphore): `release`
/// throws std::logic_error, where Python raises ValueError, when more permits would be free than at first.
class BoundedSemaphore : public Semaphore {
 public:
  /// `permits` are free at first, and never more; std::logic_error if negative.
  explicit BoundedSemaphore(std::ptrdiff_t permits = 1) : Semaphore(permits, permits) {}
};

}  // namespace plait
