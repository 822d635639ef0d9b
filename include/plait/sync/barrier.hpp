// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>

#include "plait/base/atomic.hpp"
#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/leaf.hpp"

namespace plait {

/// The Barrier was aborted, reset while one waited, or a party was cancelled (Python's BrokenBarrierError).
class BrokenBarrierError : public std::runtime_error {
 public:
  BrokenBarrierError() : std::runtime_error("the Barrier is broken") {}
};

/// Holds a fixed number of strands until all of them have come, again and again: tasks of any loop and plain threads at
/// the same time (threading.Barrier and asyncio.Barrier in one).
///
/// In a task `co_await barrier.wait()`, in a thread `sync_wait(barrier.wait())`. Orders: what every party did before
/// its wait happens before the action, and that before every wait ends. A round that is complete can't be disturbed any
/// more: not by a cancel, nor by `abort`, `reset` or the parties of the next round. Lifetime: it outlives those who
/// wait for it, else the program stops with a sentence.
class Barrier {
 public:
  /// What a Barrier is about at the time of the call.
  struct Statistics {
    std::size_t parties = 0;  ///< As `parties`.
    std::size_t waiters = 0;  ///< As `n_waiting`.
    bool broken = false;      ///< As `broken`.
  };

  /// For `parties` strands (std::logic_error if 0). When all have come, the last one calls `action()` before anybody
  /// goes on; what it throws comes out of that one's wait, and breaks the Barrier.
  explicit Barrier(std::size_t parties, std::function<void()> action = {});
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  ~Barrier();

  /// Waits for the other parties; gives the caller's index in the order of arrival, the last one's is `parties() - 1`.
  /// In a task `co_await`, in a thread `sync_wait`. Throws BrokenBarrierError if it is broken, or becomes it. On cancel
  /// (a timeout is one): breaks the Barrier, as the others would wait for a party that does not come; if all had come,
  /// the wait ends as usual, and the next checkpoint throws.
  [[nodiscard]] auto wait() noexcept { return Wait(*this); }
  /// Breaks it: who waits, and who comes before the next `reset`, gets BrokenBarrierError. From any strand.
  void abort() { end_round(true); }
  /// Makes it as new; who waits gets BrokenBarrierError. From any strand.
  void reset() { end_round(false); }

  /// How many strands make a round.
  std::size_t parties() const noexcept { return parties_; }
  /// How many of them wait for the others. The answer may be stale.
  std::size_t n_waiting() const noexcept { return arrived_.load(std::memory_order_relaxed); }
  /// Whether it is broken. The answer may be stale.
  bool broken() const noexcept { return broken_.load(std::memory_order_relaxed); }
  /// From any strand.
  Statistics statistics() const noexcept { return {parties(), n_waiting(), broken()}; }

 private:
  class Wait;
  using Round = detail::IntrusiveList<Wait, detail::Link>;

  class Wait : public detail::Leaf<Wait> {
   public:
    explicit Wait(Barrier& barrier) noexcept : Leaf(detail::WaitKind::primitive, &barrier), barrier_(&barrier) {}
    bool try_now() noexcept { return barrier_->arrive(*this, false); }
    bool enqueue() noexcept { return !barrier_->arrive(*this, true); }
    bool withdraw() noexcept { return barrier_->withdraw(*this); }
    std::size_t take();

   private:
    friend Barrier;
    Barrier* barrier_;
    std::size_t index_ = 0;
    /// The round that it came in.
    std::uint64_t round_ = 0;
    bool broken_ = false;
    /// It was the last to come, and these are the others.
    bool last_ = false;
    Round others_;
  };

  bool arrive(Wait& wait, bool queue) noexcept;
  bool withdraw(Wait& wait) noexcept;
  void end_round(bool broken);
  void take_round(Round& round, bool broken) noexcept;
  static void release(Round& round, bool broken);

  const std::size_t parties_;
  const std::function<void()> action_;
  detail::SpinLock lock_;
  /// These change only under `lock_`.
  Atomic<std::size_t> arrived_{0};
  Atomic<bool> broken_{false};
  std::uint64_t round_ = 0;
  Round queue_;
};

}  // namespace plait
