// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

#include "plait/base/atomic.hpp"
#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/leaf.hpp"

namespace plait {

/// A flag that strands wait for: tasks of any loop and plain threads at the same time (threading.Event and
/// asyncio.Event in one).
///
/// In a task `co_await event.wait()`, in a thread `sync_wait(event.wait())`. Orders: `set` happens before every wait
/// that it ends, and before an `is_set` that sees it. Lifetime: without waiters when destroyed, else the program stops
/// with a sentence; whoever was woken may destroy it at once, even while `set` has not returned, if nobody else waits.
class Event {
 public:
  /// What an Event is about at the time of the call.
  struct Statistics {
    std::size_t waiters = 0;  ///< Strands that wait for it.
    bool set = false;         ///< As `is_set`.
  };

  Event() noexcept = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();

  /// Lets everybody go on who waits now, and whoever comes before the next `clear`. Each who waited goes on even if
  /// `clear` follows at once. Linear in the waiters; never waits; from any strand. Does nothing to an Event that is
  /// set.
  void set();
  /// From now on `wait` waits. From any strand.
  void clear() noexcept { set_.store(false, std::memory_order_relaxed); }
  /// Whether it is set. From any strand.
  bool is_set() const noexcept {
    // Acquire pairs with the release in set().
    return set_.load(std::memory_order_acquire);
  }
  /// Waits until it is set; in a task `co_await`, in a thread `sync_wait`. On cancel: nothing has happened; if it was
  /// set just before, the wait ends as usual, and the next checkpoint throws.
  [[nodiscard]] auto wait() noexcept { return Wait(*this); }

  /// Linear in the waiters. From any strand.
  Statistics statistics() const noexcept;

 private:
  class Wait : public detail::Leaf<Wait> {
   public:
    explicit Wait(Event& event) noexcept : Leaf(detail::WaitKind::primitive, &event), event_(&event) {}
    bool try_now() const noexcept { return event_->is_set(); }
    bool enqueue() noexcept { return event_->enqueue(*this); }
    bool withdraw() noexcept { return event_->withdraw(*this); }
    void take() const noexcept {}

   private:
    Event* event_;
  };

  bool enqueue(detail::Waiter& waiter) noexcept;
  bool withdraw(detail::Waiter& waiter) noexcept;

  /// Rises only under `lock_`.
  Atomic<bool> set_{false};
  mutable detail::SpinLock lock_;
  detail::IntrusiveList<detail::Waiter, detail::Link> queue_;
};

}  // namespace plait
