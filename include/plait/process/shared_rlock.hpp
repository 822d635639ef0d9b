// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "plait/process/shared_lock.hpp"

namespace plait {
namespace shared {

/// A Lock that its holder may take again (multiprocessing.RLock). The holder is a strand, a task or a thread of one
/// process; it releases the RLock, as often as it has taken it. Handle, order, fairness, lifetime and the death of the
/// holder are as with Lock: who comes gets OwnerDied until somebody recovers it.
class RLock {
 public:
  /// Holds an RLock once until it dies, on the strand that took it. Move-only.
  using Guard = detail::SharedGuard<RLock>;

  /// A new RLock, free. Throws std::system_error.
  RLock();

  /// Takes it, at once if the strand holds it already; in a task `co_await`, in a thread `sync_wait`. Throws OwnerDied.
  /// On cancel: it is not taken, or not once more.
  [[nodiscard]] auto acquire() const { return Acquiring<void>(*this); }
  /// The same, giving a Guard that releases it. On cancel: as `acquire`.
  [[nodiscard]] auto guard() const { return Acquiring<Guard>(*this); }
  /// Takes it if the strand holds it already or it is free. Throws OwnerDied. Never waits; from any strand.
  [[nodiscard]] bool try_acquire() const;
  /// Undoes one `acquire`; the last one frees it. Never waits. std::logic_error if the calling strand does not hold it
  /// (AssertionError in Python).
  void release() const;
  /// Takes over an RLock that throws OwnerDied, as Lock::recover: the calling strand holds it now, once. Never waits.
  [[nodiscard]] bool recover() const;

  /// Takes it in a plain thread, which waits (Lockable). Throws OwnerDied, and std::logic_error on a loop's thread,
  /// always. On cancel: not a checkpoint; it waits on.
  void lock() const;
  /// As `lock`, but waits at most `limit`; true if it is held (TimedLockable).
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> limit) const {
    detail::Scheduler::refuse_to_block("shared::RLock::try_lock_for()", "co_await a timeout round acquire() instead.");
    return lock_until(detail::add(now(), detail::to_duration(limit)));
  }
  /// As `try_acquire` (Lockable).
  [[nodiscard]] bool try_lock() const { return try_acquire(); }
  /// As `release` (Lockable).
  void unlock() const { release(); }
  /// Somebody holds it, or held it and died. The answer may be stale.
  bool locked() const noexcept { return state().lock.owner.load(std::memory_order_relaxed) != 0; }
  /// Whether two handles are of the same RLock.
  friend bool operator==(const RLock&, const RLock&) noexcept = default;

 private:
  using Step = detail::SharedLockState::Step;
  friend Codec<RLock>;

  /// In shared memory. What is beside the lock is for its holder.
  struct State {
    detail::SharedLockState lock;
    /// The strand that holds it, an address in its process, and that process; a dead holder's stay.
    Atomic<std::uintptr_t> strand{0};
    Atomic<detail::ProcessSlot> process{0};
    std::uint64_t depth = 0;

    /// A strand finds its own address beside its own process only if it put both there itself.
    bool held_by(const detail::Strand& self) const noexcept {
      return process.load(std::memory_order_relaxed) == detail::Family::self() &&
             strand.load(std::memory_order_relaxed) == reinterpret_cast<std::uintptr_t>(self.principal);
    }
    /// By who has the lock.
    void enter(const detail::Strand& self) noexcept {
      if (held_by(self)) {
        ++depth;
        return;
      }
      strand.store(reinterpret_cast<std::uintptr_t>(self.principal), std::memory_order_relaxed);
      process.store(detail::Family::self(), std::memory_order_relaxed);
      depth = 1;
    }
    /// By who has the lock; true: it is to be freed.
    bool leave() noexcept {
      if (--depth != 0) return false;
      process.store(0, std::memory_order_relaxed);
      return true;
    }
  };

  template <class Given>
  class Acquiring : public detail::SharedLeaf<Acquiring<Given>> {
   public:
    explicit Acquiring(const RLock& lock)
        : detail::SharedLeaf<Acquiring>(detail::WaitKind::lock, lock.handle_.segment(), &lock.state().lock.gate),
          lock_(&lock) {}
    bool attempt(detail::SharedWait* wait) noexcept {
      State& state = lock_->state();
      if (state.held_by(*this->strand)) return true;
      const Step step = state.lock.take_or_arm(detail::Family::self(), wait);
      orphaned_ = step == Step::orphaned;
      return step != Step::busy;
    }
    bool promising() const noexcept { return lock_->state().lock.owner.load(std::memory_order_relaxed) == 0; }
    bool give_back() noexcept {
      if (!orphaned_ && !lock_->state().held_by(*this->strand)) lock_->state().lock.give(detail::Family::self());
      return true;
    }
    Given take() {
      if (orphaned_) throw OwnerDied();
      lock_->state().enter(*this->strand);
      if constexpr (!std::is_void_v<Given>) return Given(*lock_);
    }

   private:
    const RLock* lock_;
    bool orphaned_ = false;
  };

  explicit RLock(const detail::SharedHandle& handle) noexcept : handle_(handle) {}
  State& state() const noexcept { return handle_.at<State>(); }
  bool lock_until(TimePoint deadline) const;

  detail::SharedHandle handle_;
};

}  // namespace shared

/// An RLock crosses as its memory file: both processes have the same RLock.
template <>
struct Codec<shared::RLock> {
  static void write(Encoder& encoder, const shared::RLock& lock) { lock.handle_.write(encoder); }
  static shared::RLock read(Decoder& decoder);
};

}  // namespace plait
