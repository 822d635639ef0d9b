// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <type_traits>
#include <utility>

#include "plait/core/task.hpp"
#include "plait/core/temporary.hpp"
#include "plait/process/shared_lock.hpp"

namespace plait {
namespace detail {

/// In shared memory: who waits to be notified, in places that are changed by single stores, so that a waiter that is
/// killed leaves nothing but a place that the next notify clears. What is said of the Lock is up to the caller.
class SharedConditionState {
 public:
  static constexpr std::size_t kPlaces = 1024;

  /// A place for `self`, with the Lock held; kPlaces if all are taken.
  std::size_t enter(ProcessSlot self) noexcept;
  /// It was notified.
  bool is_notified(std::size_t place) const noexcept;
  /// Gives the place back; whether it had been notified.
  bool leave(std::size_t place) noexcept;
  /// Notifies the first `n` who wait and live, with the Lock held.
  void notify(std::size_t n) noexcept;

  /// The Lock of a Condition that has one of its own. First, so that a handle of it is one of a Lock.
  SharedLockState own_lock;
  SharedGate gate;

 private:
  struct Place {
    /// 0, or a process, and kNotified.
    Atomic<std::uint64_t> word{0};
    std::uint64_t ticket = 0;
  };
  static constexpr std::uint64_t kNotified = std::uint64_t{1} << 32;

  std::uint64_t tickets_ = 0;
  /// Places beyond were never used.
  std::size_t used_ = 0;
  Place places_[kPlaces];
};

}  // namespace detail

namespace shared {

/// A Lock, and strands of several processes that wait for what it protects to change (multiprocessing.Condition). A
/// handle: copies are the same Condition, also in another process.
///
/// Take the Lock, look, and while there is nothing to do `co_await condition.wait()`, in a thread
/// `sync_wait(condition.wait())`; whoever changes something takes the Lock and notifies. It is itself a Lockable. The
/// Lock is a process's: it is held if any strand of this process holds it. Fairness: who is notified was first to wait;
/// by the time that it has the Lock somebody else may have been quicker, so use `wait_for`, or a loop. At most 1024
/// strands wait at a time. Lifetime: the handle outlives its operations.
class Condition {
 public:
  /// A new Condition with a Lock of its own. Throws std::system_error.
  Condition();
  /// A new Condition with a Lock of the caller's, which several may share. Throws std::system_error.
  explicit Condition(const Lock& lock);

  /// Releases the Lock, waits to be notified, and takes the Lock again; in a task `co_await`, in a thread `sync_wait`.
  /// std::logic_error if the Lock is not held by this process, or 1024 strands wait. Throws OwnerDied, and does not
  /// hold the Lock, if somebody died with it. On cancel: throws when it has the Lock again; a notification that had
  /// just come goes to the next who waits.
  [[nodiscard]] auto wait() const { return Wait(*this); }
  /// Waits until `predicate()` is true, which is asked with the Lock held, first of all without waiting; gives its last
  /// value. To be awaited with the Lock held. On cancel: as `wait`.
  template <class F>
  [[nodiscard]] auto wait_for(F&& predicate) const {
    detail::refuse_twice_destroyed<F>();
    return wait_until_true<std::decay_t<F>>(*this, std::forward<F>(predicate));
  }
  /// Notifies the first `n` of those who wait now. Never waits. std::logic_error if the Lock is not held by this
  /// process.
  void notify(std::size_t n = 1) const;
  /// Notifies all who wait now. As `notify`.
  void notify_all() const { notify(std::numeric_limits<std::size_t>::max()); }

  /// The Lock.
  const Lock& get_lock() const noexcept { return lock_; }
  /// As Lock::acquire. On cancel: as there.
  [[nodiscard]] auto acquire() const { return lock_.acquire(); }
  /// As Lock::guard. On cancel: as there.
  [[nodiscard]] auto guard() const { return lock_.guard(); }
  /// As Lock::try_acquire.
  [[nodiscard]] bool try_acquire() const { return lock_.try_acquire(); }
  /// As Lock::release.
  void release() const { lock_.release(); }
  /// As Lock::lock (Lockable). On cancel: as there.
  void lock() const { lock_.lock(); }
  /// As Lock::try_lock (Lockable).
  [[nodiscard]] bool try_lock() const { return lock_.try_lock(); }
  /// As Lock::unlock (Lockable).
  void unlock() const { lock_.unlock(); }

 private:
  friend Codec<Condition>;

  class Wait : public detail::SharedLeaf<Wait> {
   public:
    explicit Wait(const Condition& condition)
        : SharedLeaf(detail::WaitKind::primitive, condition.handle_.segment(), nullptr), condition_(&condition) {}
    bool attempt(detail::SharedWait* wait) noexcept;
    bool promising() const noexcept { return stage_ == Stage::locking; }
    static constexpr bool kSleepsAtOnce = true;  // it holds the Lock until it does
    bool withdraw() noexcept;
    bool wait_in_thread(TimePoint deadline);
    void take();

   private:
    /// Before it is in a place; in it; and on the way to the Lock.
    enum class Stage : std::uint8_t { beginning, waiting, locking };
    bool begin(bool for_good) noexcept;
    void give_up() noexcept;
    void pass_on() noexcept;

    const Condition* condition_;
    Stage stage_ = Stage::beginning;
    /// Given up, and notified all the same: the next is to be notified instead.
    bool owes_ = false;
    bool given_up_ = false;
    std::size_t place_ = 0;
    std::exception_ptr error_;
  };

  Condition(const detail::SharedHandle& handle, const Lock& lock) noexcept : handle_(handle), lock_(lock) {}
  template <class F>
  static Task<std::decay_t<std::invoke_result_t<F&>>> wait_until_true(Condition self, F predicate) {
    for (;;) {
      if (auto value = predicate()) co_return value;
      co_await self.wait();
    }
  }
  detail::SharedConditionState& state() const noexcept { return handle_.at<detail::SharedConditionState>(); }
  bool is_locked_here() const { return lock_.state().owner.load(std::memory_order_relaxed) == detail::Family::self(); }

  detail::SharedHandle handle_;
  Lock lock_;
};

}  // namespace shared

/// A Condition crosses as its memory file and that of its Lock.
template <>
struct Codec<shared::Condition> {
  static void write(Encoder& encoder, const shared::Condition& condition) {
    condition.handle_.write(encoder);
    Codec<shared::Lock>::write(encoder, condition.lock_);
  }
  static shared::Condition read(Decoder& decoder);
};

}  // namespace plait
