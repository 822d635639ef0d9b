// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>

#include "plait/base/atomic.hpp"
#include "plait/core/record.hpp"
#include "plait/sync/lock.hpp"

namespace plait {

/// A Lock that its holder may take again (threading.RLock, for tasks too). The holder is the strand, a task or a plain
/// thread, so two tasks of one thread exclude each other.
///
/// In a task `co_await rlock.acquire()` or `auto guard = co_await rlock.guard();`, in a thread `std::scoped_lock
/// guard(rlock)` or `lock()`. It must be released by the strand that holds it, as often as it was taken. An operation
/// that a combinator starts as a strand of its own (a branch of `race` or `gather`) takes it for that strand, and
/// nobody could release it; round it, `timeout` takes it for the caller. Fairness, order and lifetime are those of
/// Lock.
class RLock {
 public:
  /// Holds an RLock once until it dies, on the strand that took it. Move-only.
  using Guard = detail::Guard<RLock>;
  /// What an RLock is about at the time of the call.
  struct Statistics {
    std::size_t waiters = 0;  ///< Strands that wait for it.
    std::size_t depth = 0;    ///< How often its holder has taken it; 0: it is free.
    std::string holder = {};  ///< The name of the strand that holds it; empty if it has none.
  };

  RLock() noexcept = default;
  RLock(const RLock&) = delete;
  RLock& operator=(const RLock&) = delete;
  ~RLock();

  /// Takes it, at once if the strand holds it already; in a task `co_await`, in a thread `sync_wait`. On cancel: it is
  /// not taken, or not once more; if it had just been handed over it goes to the next who waits.
  [[nodiscard]] auto acquire() noexcept { return Acquiring<void>(*this); }
  /// The same, giving a Guard that releases it. On cancel: as `acquire`.
  [[nodiscard]] auto guard() noexcept { return Acquiring<Guard>(*this); }
  /// Takes it if the strand holds it already, or it is free and nobody queues. Never waits; from any strand.
  [[nodiscard]] bool try_acquire() noexcept;
  /// Undoes one `acquire`; the last one gives it to the next who waits, or frees it. Never waits. std::logic_error if
  /// the calling strand does not hold it (RuntimeError in Python).
  void release();

  /// Takes it in a plain thread, which waits (Lockable). Throws std::logic_error on a loop's thread, always. On cancel:
  /// not a checkpoint; it waits on.
  void lock();
  /// As `lock`, but waits at most `limit`; true if it is held (TimedLockable).
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> limit) {
    detail::Scheduler::refuse_to_block("RLock::try_lock_for()", "co_await a timeout round acquire() instead.");
    return lock_until(detail::add(now(), detail::to_duration(limit)));
  }
  /// As `try_acquire` (Lockable).
  [[nodiscard]] bool try_lock() noexcept { return try_acquire(); }
  /// As `release` (Lockable).
  void unlock() { release(); }
  /// Somebody holds it. The answer may be stale.
  bool locked() const noexcept { return lock_.locked(); }
  /// Linear in the waiters. From any strand.
  Statistics statistics() const;

 private:
  template <class Given>
  class Acquiring : public detail::Leaf<Acquiring<Given>> {
   public:
    explicit Acquiring(RLock& rlock) noexcept
        : detail::Leaf<Acquiring>(detail::WaitKind::lock, &rlock), rlock_(&rlock) {}

    bool try_now() noexcept { return rlock_->held_by(*this->strand) || rlock_->lock_.try_acquire(); }
    bool enqueue() noexcept { return rlock_->lock_.enqueue(*this); }
    bool withdraw() noexcept { return rlock_->lock_.withdraw(*this); }
    bool give_back() noexcept {
      if (!rlock_->held_by(*this->strand)) rlock_->lock_.release();
      return true;
    }
    Given take() noexcept {
      rlock_->enter(*this->strand);
      if constexpr (!std::is_void_v<Given>) return Given(*rlock_);
    }
    bool wait_in_thread(TimePoint deadline) {
      detail::ThreadStrand& self = detail::this_thread_strand();
      if (!rlock_->held_by(self)) return rlock_->lock_.acquire_in_thread(*this, deadline);
      this->strand = &self;
      self.checkpoint();
      return true;
    }

   private:
    RLock* rlock_;
  };

  bool held_by(const detail::Strand& strand) const noexcept {
    // Only the holder itself stores its address, so it needs no order.
    return owner_.load(std::memory_order_relaxed) == strand.principal;
  }
  void enter(detail::Strand& strand) noexcept;
  bool lock_until(TimePoint deadline);
  std::string holder() const;

  Lock lock_;
  /// These are for the holder, but for statistics: who it is, by what name it is seen, and how often it holds the lock.
  Atomic<const detail::Strand*> owner_{nullptr};
  Atomic<const detail::StrandRecord*> record_{nullptr};
  Atomic<std::size_t> depth_{0};
};

}  // namespace plait
