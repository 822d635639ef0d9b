// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "plait/base/atomic.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/work.hpp"

namespace plait::detail {

/// What comes to a pool from outside, first in, first out. A list of arrays, and not of the pieces of work themselves:
/// these lie in other processors' caches, and who takes several would wait for one after the other, with the lock held.
/// Any thread.
class InjectionQueue {
 public:
  InjectionQueue() = default;
  ~InjectionQueue();
  InjectionQueue(const InjectionQueue&) = delete;
  InjectionQueue& operator=(const InjectionQueue&) = delete;

  /// False, and nothing done, once it has ended.
  [[nodiscard]] bool push(Work& work) noexcept { return push(work, State::closed); }
  /// The same once it is closed, too.
  [[nodiscard]] bool offer(Work& work) noexcept { return push(work, State::open); }
  /// Moves one of `shares` equal parts of what is there, at most as many as fit, into `out`. How many.
  std::size_t take(std::span<Work*> out, std::size_t shares) noexcept;

  /// A hint without the lock; certain for who comes after a barrier [P1].
  bool empty() const noexcept { return size_.load(std::memory_order_relaxed) == 0; }

  void open() noexcept { state_.store(State::open, std::memory_order_relaxed); }
  /// Whoever offers from now on is refused, and who does so just now is through.
  void close() noexcept;
  bool closed() const noexcept { return state_.load(std::memory_order_relaxed) != State::open; }
  /// Whoever pushes from now on is refused; false, and nothing done, if there is work.
  [[nodiscard]] bool end_if_empty() noexcept;

 private:
  struct Chunk;
  enum class State : std::uint8_t { open, closed, ended };

  bool push(Work& work, State at_most) noexcept;
  bool put(Work& work) noexcept;

  SpinLock lock_;
  Atomic<State> state_{State::open};
  Atomic<std::size_t> size_{0};
  /// From `first_[begin_]` to before `last_[end_]`. The last chunk that is empty is kept.
  Chunk* first_ = nullptr;
  Chunk* last_ = nullptr;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  /// What found no memory for a chunk, and all that came after it.
  WorkQueue unstored_;
};

}  // namespace plait::detail
