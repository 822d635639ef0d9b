// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/leaf.hpp"

namespace plait {

/// Mutual exclusion for tasks of any loop and plain threads at the same time (threading.Lock and asyncio.Lock in one).
///
/// In a task `co_await lock.acquire()` or `auto guard = co_await lock.guard();`, in a thread `std::scoped_lock
/// guard(lock)` or `lock()`. Not recursive: to take it twice is a deadlock. Anybody may release it, as in Python.
/// Fairness: tasks queue in strict order. A running thread may barge past threads that sleep, until the first of them
/// has waited 1 ms; then it is handed over strictly. Orders: a release happens before the acquire that follows it.
/// Lifetime: free and without waiters when destroyed; else the program stops with a sentence.
class Lock {
 public:
  class Guard;

  Lock() noexcept = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock();

  /// Takes the lock; in a task `co_await`, in a thread `sync_wait`. On cancel: the lock is not held, and if it had just
  /// been granted the cancel comes too late: it is held, and the next checkpoint throws.
  [[nodiscard]] auto acquire() noexcept { return Acquire(*this); }
  /// The same, giving a Guard that releases it.
  [[nodiscard]] auto guard() noexcept { return AcquireGuard(*this); }
  /// Takes it if it is free and nobody queues. Never waits; from any strand.
  [[nodiscard]] bool try_acquire() noexcept {
    std::uint32_t free = 0;
    return word_.compare_exchange_strong(free, kLocked, std::memory_order_acquire, std::memory_order_relaxed);
  }
  /// Gives it to the next who waits, or frees it. Never waits; from any strand. std::logic_error if it is not locked.
  void release() {
    detail::pass(detail::Point::primitive, this);
    std::uint32_t held = kLocked;
    // Release pairs with the acquire of whoever takes the lock next.
    if (!word_.compare_exchange_strong(held, 0, std::memory_order_release, std::memory_order_relaxed)) [[unlikely]]
      release_slow();
  }

  /// Takes it in a plain thread, which waits (Lockable). Throws std::logic_error on a loop's thread, always.
  void lock() {
    detail::Scheduler::refuse_to_block("Lock::lock()", "co_await acquire() or guard() instead.");
    detail::pass(detail::Point::primitive, this);
    if (!try_acquire()) [[unlikely]]
      lock_slow(detail::kNever);
  }
  /// As `lock`, but waits at most `limit`; true if it is held (TimedLockable).
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> limit) {
    detail::Scheduler::refuse_to_block("Lock::try_lock_for()", "co_await a timeout round acquire() instead.");
    return try_acquire() || lock_slow(detail::add(now(), detail::to_duration(limit)));
  }
  /// As `try_acquire` (Lockable).
  [[nodiscard]] bool try_lock() noexcept { return try_acquire(); }
  /// As `release` (Lockable).
  void unlock() { release(); }
  /// Somebody holds it. The answer may be stale.
  bool locked() const noexcept { return word_.load(std::memory_order_relaxed) & kLocked; }

 private:
  template <class Derived>
  class Acquiring : public detail::Leaf<Derived> {
   public:
    explicit Acquiring(Lock& lock) noexcept : detail::Leaf<Derived>(detail::WaitKind::lock, &lock), lock_(&lock) {}
    bool try_now() noexcept { return lock_->try_acquire(); }
    bool enqueue() noexcept { return lock_->enqueue(*this); }
    bool withdraw() noexcept { return lock_->withdraw(*this); }
    bool wait_in_thread(TimePoint deadline) {
      detail::pass(detail::Point::primitive, lock_);
      return lock_->try_acquire() || lock_->lock_slow(deadline);
    }

   protected:
    Lock* lock_;
  };
  class Acquire : public Acquiring<Acquire> {
   public:
    using Acquiring::Acquiring;
    void take() const noexcept {}
  };
  class AcquireGuard : public Acquiring<AcquireGuard> {
   public:
    using Acquiring::Acquiring;
    Guard take() noexcept;
  };

  /// The word: bits, changed by compare-and-swap. All but kLocked change only under `queue_lock_`, with one exception:
  /// release clears kLocked while kWoken is set.
  static constexpr std::uint32_t kLocked = 1;    ///< held
  static constexpr std::uint32_t kWaiters = 2;   ///< the queue is not empty
  static constexpr std::uint32_t kWoken = 4;     ///< the first waiter, a thread, was woken and is on its way to try
  static constexpr std::uint32_t kStarving = 8;  ///< the first waiter has waited too long: no barging, hand it over

  bool lock_slow(TimePoint deadline);
  void release_slow();
  bool enqueue(detail::Waiter& waiter) noexcept;
  bool withdraw(detail::Waiter& waiter) noexcept;
  bool try_after_wake(detail::Waiter& waiter, TimePoint since) noexcept;
  detail::Waiter* hand_over() noexcept;

  Atomic<std::uint32_t> word_{0};
  detail::SpinLock queue_lock_;
  detail::IntrusiveList<detail::Waiter, detail::Link> queue_;
};

/// Holds a Lock until it dies. Move-only.
class [[nodiscard]] Lock::Guard {
 public:
  Guard(Guard&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
  Guard& operator=(Guard&&) = delete;
  ~Guard() {
    if (lock_) lock_->release();
  }

 private:
  friend class Lock;
  explicit Guard(Lock& lock) noexcept : lock_(&lock) {}
  Lock* lock_;
};

inline Lock::Guard Lock::AcquireGuard::take() noexcept { return Guard(*lock_); }

}  // namespace plait
