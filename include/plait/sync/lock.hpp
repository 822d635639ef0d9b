// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "plait/base/atomic.hpp"
#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/sync/acquire.hpp"

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
  /// Holds a Lock until it dies. Move-only.
  using Guard = detail::Guard<Lock>;
  /// What a Lock is about at the time of the call. Who holds it is not known: anybody may release it.
  struct Statistics {
    std::size_t waiters = 0;  ///< Strands that wait for it.
    bool locked = false;      ///< As `locked`.
  };

  Lock() noexcept = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock();

  /// Takes the lock; in a task `co_await`, in a thread `sync_wait`. On cancel: the lock is not held; if it had just
  /// been handed over it goes to the next who waits.
  [[nodiscard]] auto acquire() noexcept { return Acquiring<void>(*this); }
  /// The same, giving a Guard that releases it. On cancel: as `acquire`.
  [[nodiscard]] auto guard() noexcept { return Acquiring<Guard>(*this); }
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

  /// Takes it in a plain thread, which waits (Lockable). Throws std::logic_error on a loop's thread, always. On cancel:
  /// not a checkpoint; it waits on.
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
    const Duration span = detail::to_duration(limit);
    return try_acquire() || lock_slow(detail::add(now(), span));
  }
  /// As `try_acquire` (Lockable).
  [[nodiscard]] bool try_lock() noexcept { return try_acquire(); }
  /// As `release` (Lockable).
  void unlock() { release(); }
  /// Somebody holds it. The answer may be stale.
  bool locked() const noexcept { return word_.load(std::memory_order_relaxed) & kLocked; }
  /// Linear in the waiters. From any strand.
  Statistics statistics() const noexcept;

 private:
  template <class, class>
  friend class detail::Acquire;
  friend class Condition;
  friend class RLock;

  template <class Given>
  class Acquiring : public detail::Acquire<Lock, Given> {
   public:
    explicit Acquiring(Lock& lock) noexcept : detail::Acquire<Lock, Given>(lock, detail::WaitKind::lock) {}
    bool wait_in_thread(TimePoint deadline) { return this->primitive_->acquire_in_thread(*this, deadline); }
  };

  /// The word: bits, changed by compare-and-swap. All but kLocked change only under `queue_lock_`, with one exception:
  /// release clears kLocked while kWoken is set.
  static constexpr std::uint32_t kLocked = 1;    ///< held
  static constexpr std::uint32_t kWaiters = 2;   ///< the queue is not empty
  static constexpr std::uint32_t kWoken = 4;     ///< the first waiter, a thread, was woken and is on its way to try
  static constexpr std::uint32_t kStarving = 8;  ///< the first waiter has waited too long: no barging, hand it over

  bool spin() noexcept;
  bool lock_slow(TimePoint deadline);
  bool acquire_in_thread(detail::Waiter& waiter, TimePoint deadline);
  bool hold_after_wake(detail::ThreadStrand& self, detail::Waiter& waiter, TimePoint deadline, TimePoint since);
  bool park_until_held(detail::ThreadStrand& self, detail::Waiter& waiter, TimePoint deadline);
  bool try_after_wake(detail::Waiter& waiter, TimePoint since) noexcept;
  void release_slow();
  detail::Strand* release_locked() noexcept;
  detail::Strand* hand_over() noexcept;
  bool enqueue(detail::Waiter& waiter) noexcept;
  bool enqueue_locked(detail::Waiter& waiter) noexcept;
  bool withdraw(detail::Waiter& waiter) noexcept;

  Atomic<std::uint32_t> word_{0};
  mutable detail::SpinLock queue_lock_;
  detail::IntrusiveList<detail::Waiter, detail::Link> queue_;
};

}  // namespace plait
