// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "plait/process/shared_handle.hpp"
#include "plait/process/shared_leaf.hpp"
#include "plait/process/shared_lock_state.hpp"

namespace plait {
namespace detail {

/// Releases what it was made for when it dies. It has a handle of its own, so the caller's may go before.
template <class Lock>
class [[nodiscard]] SharedGuard {
 public:
  /// Takes over what the caller holds.
  explicit SharedGuard(const Lock& lock) noexcept : lock_(lock) {}
  SharedGuard(SharedGuard&& other) noexcept : lock_(other.lock_), held_(std::exchange(other.held_, false)) {}
  SharedGuard& operator=(SharedGuard&&) = delete;
  ~SharedGuard() {
    if (held_) lock_.release();
  }

 private:
  const Lock lock_;
  bool held_ = true;
};

}  // namespace detail

/// Whoever held a shared::Lock died with it, so what the Lock protects may be half changed. See shared::Lock::recover.
class OwnerDied : public std::runtime_error {
 public:
  OwnerDied() : std::runtime_error("the process that held the shared::Lock has died; recover() takes the Lock over") {}
};

namespace shared {

/// Mutual exclusion for processes, their tasks and their threads (multiprocessing.Lock). A handle: copies are the same
/// Lock, also in another process that one was passed to.
///
/// In a task `co_await lock.acquire()` or `auto guard = co_await lock.guard();`, in a thread `std::scoped_lock
/// guard(lock)` or `lock()`. Not recursive. It is held by a process: any of its strands may release it. When the holder
/// dies, by whatever cause, whoever waits or comes gets OwnerDied, until somebody recovers it. Fairness: who runs may
/// barge past who waits, until one has waited 1 ms. Orders: a release happens before the acquire that follows it.
/// Lifetime: the handle outlives its operations.
class Lock {
 public:
  /// Holds a Lock until it dies. Move-only.
  using Guard = detail::SharedGuard<Lock>;

  /// A new Lock, free. Throws std::system_error.
  Lock();

  /// Takes the lock; in a task `co_await`, in a thread `sync_wait`. Throws OwnerDied. On cancel: the lock is not held.
  [[nodiscard]] auto acquire() const { return Acquiring<void>(*this); }
  /// The same, giving a Guard that releases it. On cancel: as `acquire`.
  [[nodiscard]] auto guard() const { return Acquiring<Guard>(*this); }
  /// Takes it if it is free. Throws OwnerDied. Never waits; from any strand.
  [[nodiscard]] bool try_acquire() const {
    const auto step = state().take_or_arm(detail::Family::self(), nullptr);
    if (step == Step::orphaned) [[unlikely]]
      throw OwnerDied();
    return step == Step::taken;
  }
  /// Frees it, for who waits. Never waits; from any strand. std::logic_error if this process does not hold it.
  void release() const {
    detail::pass(detail::Point::primitive, &state());
    if (!state().give(detail::Family::self())) [[unlikely]]
      refuse_release();
  }
  /// Takes over a Lock that throws OwnerDied: the caller holds it now, and puts right what it protects. False: it need
  /// not be recovered, or somebody was quicker; then `lock`. Never waits; from any strand.
  [[nodiscard]] bool recover() const { return state().recover(detail::Family::self()); }

  /// Takes it in a plain thread, which waits (Lockable). Throws OwnerDied, and std::logic_error on a loop's thread,
  /// always. On cancel: not a checkpoint; it waits on.
  void lock() const {
    detail::Scheduler::refuse_to_block("shared::Lock::lock()", "co_await acquire() or guard() instead.");
    detail::pass(detail::Point::primitive, &state());
    if (state().take(detail::Family::self()) != Step::taken) [[unlikely]]
      static_cast<void>(lock_slow(detail::kNever));
  }
  /// As `lock`, but waits at most `limit`; true if it is held (TimedLockable).
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> limit) const {
    detail::Scheduler::refuse_to_block("shared::Lock::try_lock_for()", "co_await a timeout round acquire() instead.");
    const Duration span = detail::to_duration(limit);
    return try_acquire() || lock_slow(detail::add(now(), span));
  }
  /// As `try_acquire` (Lockable).
  [[nodiscard]] bool try_lock() const { return try_acquire(); }
  /// As `release` (Lockable).
  void unlock() const { release(); }
  /// Somebody holds it, or held it and died. The answer may be stale.
  bool locked() const noexcept { return state().owner.load(std::memory_order_relaxed) != 0; }
  /// Whether two handles are of the same Lock.
  friend bool operator==(const Lock&, const Lock&) noexcept = default;

 private:
  using Step = detail::SharedLockState::Step;
  friend Codec<Lock>;
  friend class Condition;
  template <class T>
  friend class Value;
  template <class T>
  friend class Array;
  explicit Lock(const detail::SharedHandle& handle) noexcept : handle_(handle) {}

  template <class Given>
  class Acquiring : public detail::SharedLeaf<Acquiring<Given>> {
   public:
    explicit Acquiring(const Lock& lock)
        : detail::SharedLeaf<Acquiring>(detail::WaitKind::lock, lock.handle_.segment(), &lock.state().gate),
          lock_(&lock),
          self_(detail::Family::self()) {}
    bool attempt(detail::SharedWait* wait) noexcept {
      const Step step = wait ? lock_->state().take_or_arm(self_, wait) : lock_->state().take(self_);
      orphaned_ = step == Step::orphaned;
      return step != Step::busy;
    }
    bool promising() const noexcept { return lock_->state().owner.load(std::memory_order_relaxed) == 0; }
    bool give_back() noexcept {
      if (!orphaned_) lock_->state().give(self_);
      return true;
    }
    Given take() {
      if (orphaned_) throw OwnerDied();
      if constexpr (!std::is_void_v<Given>) return Given(*lock_);
    }

   private:
    const Lock* lock_;
    detail::ProcessSlot self_;
    bool orphaned_ = false;
  };

  detail::SharedLockState& state() const noexcept { return handle_.at<detail::SharedLockState>(); }
  bool lock_slow(TimePoint deadline) const;
  [[noreturn]] static void refuse_release();

  detail::SharedHandle handle_;
};

}  // namespace shared

/// A Lock crosses as its memory file: both processes have the same Lock.
template <>
struct Codec<shared::Lock> {
  static void write(Encoder& encoder, const shared::Lock& lock) { lock.handle_.write(encoder); }
  static shared::Lock read(Decoder& decoder);
};

}  // namespace plait
