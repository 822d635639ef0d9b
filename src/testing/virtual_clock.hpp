// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "plait/core/clock.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/thread_strand.hpp"

namespace plait::testing::detail {

/// The virtual clock of the process: made once and never destroyed, since a thread may still be inside when it is
/// uninstalled.
class Clock final : public plait::detail::VirtualClock {
 public:
  static Clock& instance();

  /// How long a loop waits, in real time, for the kernel or a thread that is not counted before it says that all wait.
  Duration patience = std::chrono::seconds(2);

  /// Starts at the real time, with the calling thread counted. Throws std::logic_error if it is installed already.
  void install();
  void uninstall() noexcept;

  TimePoint now() noexcept override { return TimePoint(Duration(now_.load(std::memory_order_acquire))); }
  void park(plait::detail::Parker& parker, TimePoint deadline) override;
  void unpark(plait::detail::Parker& parker) noexcept override;
  void idle(plait::detail::Scheduler& loop, TimePoint deadline) override;
  void before_wake(plait::detail::Scheduler& loop) noexcept override;
  void thread_begins() noexcept override;
  void thread_runs() noexcept override;
  void thread_ends() noexcept override;

 private:
  /// A party that waits: its place in the order of waking, and how to wake it.
  struct Party {
    TimePoint deadline;
    std::uint64_t order;
    bool counted;
    plait::detail::Parker* parker;
    plait::detail::Scheduler* loop;
  };
  using Key = const void*;

  /// The calling thread is counted from its first wait on, also if that is over at once.
  void count_caller() noexcept;
  /// One of `parker` and `loop` is set. The caller has been counted.
  void begin_wait(Key key, TimePoint deadline, plait::detail::Parker* parker, plait::detail::Scheduler* loop);
  bool end_wait(Key key) noexcept;
  void advance() noexcept;
  bool everything_waits() noexcept;

  std::mutex mutex_;
  Atomic<Duration::rep> now_{0};
  long busy_ = 0;
  std::uint64_t order_ = 0;
  bool installed_ = false;
  /// Changes with every installation and its end.
  std::uint64_t epoch_ = 0;
  std::unordered_map<Key, Party> waiting_;
  std::map<std::pair<TimePoint, std::uint64_t>, Key> by_deadline_;
  /// Loops that were woken between announcing their sleep and beginning to wait.
  std::unordered_set<Key> woken_early_;
};

}  // namespace plait::testing::detail
