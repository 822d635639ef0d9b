// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "plait/core/task.hpp"
#include "plait/core/temporary.hpp"
#include "plait/sync/lock.hpp"

namespace plait {

/// A Lock, and strands that wait for what it protects to change: tasks of any loop and plain threads at the same time
/// (threading.Condition and asyncio.Condition in one).
///
/// Take the Lock, look, and while there is nothing to do `co_await condition.wait()`, in a thread
/// `sync_wait(condition.wait())`; whoever changes something takes the Lock and notifies. It is itself a Lockable:
/// `std::scoped_lock guard(condition)`, `co_await condition.guard()`. Fairness: strictly first come, first served;
/// who is notified queues for the Lock behind those who queue already. There are no wake-ups without a reason, but by
/// the time that a strand has the Lock again somebody else may have been quicker, so use `wait_for`, or a loop.
/// Lifetime: without waiters when destroyed, else the program stops with a sentence; a Lock of the caller's outlives
/// it.
class Condition {
 public:
  /// What a Condition is about at the time of the call.
  struct Statistics {
    std::size_t waiters = 0;     ///< Strands that wait to be notified.
    Lock::Statistics lock = {};  ///< Its Lock; who has been notified waits there.
  };

  /// With a Lock of its own.
  Condition() noexcept : lock_(own_) {}
  /// With a Lock of the caller's, which several Conditions may share.
  explicit Condition(Lock& lock) noexcept : lock_(lock) {}
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;
  ~Condition();

  /// Releases the Lock, waits to be notified, and takes the Lock again; in a task `co_await`, in a thread `sync_wait`.
  /// std::logic_error if the Lock is not held. On cancel: throws when it has the Lock again, always, however long that
  /// takes; a notification that had just come goes to the next who waits.
  [[nodiscard]] auto wait() noexcept { return Wait(*this); }
  /// Waits until `predicate()` is true, which is asked with the Lock held, first of all without waiting; gives its last
  /// value. To be awaited with the Lock held. On cancel: as `wait`.
  template <class F>
  [[nodiscard]] auto wait_for(F&& predicate) {
    detail::refuse_twice_destroyed<F>();
    return wait_until_true<std::decay_t<F>>(std::forward<F>(predicate));
  }
  /// Notifies the first `n` of those who wait now. Linear in them; never waits. std::logic_error if the Lock is not
  /// held.
  void notify(std::size_t n = 1);
  /// Notifies all who wait now. As `notify`.
  void notify_all() { notify(std::numeric_limits<std::size_t>::max()); }

  /// As Lock::acquire. On cancel: as there.
  [[nodiscard]] auto acquire() noexcept { return lock_.acquire(); }
  /// As Lock::guard. On cancel: as there.
  [[nodiscard]] auto guard() noexcept { return lock_.guard(); }
  /// As Lock::try_acquire.
  [[nodiscard]] bool try_acquire() noexcept { return lock_.try_acquire(); }
  /// As Lock::release.
  void release() { lock_.release(); }
  /// As Lock::lock (Lockable). On cancel: as there.
  void lock() { lock_.lock(); }
  /// As Lock::try_lock (Lockable).
  [[nodiscard]] bool try_lock() noexcept { return lock_.try_lock(); }
  /// As Lock::unlock (Lockable).
  void unlock() { lock_.unlock(); }
  /// As Lock::locked.
  bool locked() const noexcept { return lock_.locked(); }
  /// Linear in the waiters. From any strand.
  Statistics statistics() const noexcept;

 private:
  class Wait : public detail::Leaf<Wait> {
   public:
    explicit Wait(Condition& condition) noexcept
        : Leaf(detail::WaitKind::primitive, &condition), condition_(&condition) {}
    bool try_now() const {
      condition_->require_lock("wait");
      return false;
    }
    bool enqueue() {
      if (detail::Strand* next = condition_->enqueue(*this)) next->unpark();
      return true;
    }
    bool withdraw() noexcept { return condition_->withdraw(*this); }
    bool give_back() noexcept { return condition_->give_back(*this); }
    void take() const {
      if (stage_ == Stage::cancelled) throw Cancelled{};
    }
    bool wait_in_thread(TimePoint deadline) { return condition_->wait_in_thread(*this, deadline); }

   private:
    friend Condition;
    /// Where a wait is; guarded by the queue lock of the Lock. It is in the Condition's queue while it is `waiting`,
    /// after that in the Lock's until it is granted.
    enum class Stage : std::uint8_t { waiting, notified, cancelled };

    Condition* condition_;
    Stage stage_ = Stage::waiting;
  };

  template <class F>
  Task<std::decay_t<std::invoke_result_t<F&>>> wait_until_true(F predicate) {
    for (;;) {
      if (auto value = predicate()) co_return value;
      co_await wait();
    }
  }

  void require_lock(const char* operation) const;
  detail::Strand* enqueue(Wait& wait) noexcept;
  bool withdraw(Wait& wait) noexcept;
  bool give_back(Wait& wait) noexcept;
  bool wait_in_thread(Wait& wait, TimePoint deadline);
  detail::Strand* move_to_lock(Wait& wait, Wait::Stage stage) noexcept;
  detail::Strand* notify_first() noexcept;
  bool waits_here(const Wait& wait) const noexcept;

  Lock own_;
  Lock& lock_;
  /// Guarded by the queue lock of the Lock, so that a waiter moves from here to there in one step.
  detail::IntrusiveList<Wait, detail::Link> queue_;
};

}  // namespace plait
