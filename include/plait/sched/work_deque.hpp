// SPDX-License-Identifier: BSL-1.0
//
// Idea. The deque of Chase and Lev (2005) with the orderings of Lê, Pop, Cohen and Zappa Nardelli (2013): its owner
// pushes and pops at the bottom, thieves take from the top, and they meet in one compare-and-swap only over the last
// element. Sequentially consistent accesses take the place of the paper's fences, which ThreadSanitizer does not know.
//
// Invariants. 1. The elements are slots top..bottom-1. 2. Only the owner writes slots and `bottom_`. 3. A ring that was
// outgrown lives as long as the deque: a slow thief may still read it, and then loses the race for `top_`.
#pragma once

#include <cstddef>
#include <cstdint>

#include "plait/base/atomic.hpp"
#include "plait/core/work.hpp"

namespace plait::detail {

/// The work of one worker: last in, first out for itself, first in, first out for thieves.
class WorkDeque {
 public:
  WorkDeque();
  ~WorkDeque();
  WorkDeque(const WorkDeque&) = delete;
  WorkDeque& operator=(const WorkDeque&) = delete;

  /// False, and nothing done, if memory is short. For the owner.
  [[nodiscard]] bool push(Work& work) noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
    Ring* ring = ring_.load(std::memory_order_relaxed);
    if (bottom - top_seen_ > ring->mask) [[unlikely]] {
      top_seen_ = top_.load(std::memory_order_acquire);
      if (bottom - top_seen_ > ring->mask) ring = grow(*ring, bottom);
      if (!ring) return false;
    }
    ring->slot(bottom).store(&work, std::memory_order_relaxed);
    // Release pairs with the load in steal(): the thief sees the slot and the work.
    bottom_.store(bottom + 1, std::memory_order_release);
    return true;
  }

  /// The newest, or null. For the owner.
  Work* pop() noexcept {
    const std::int64_t last = bottom_.load(std::memory_order_relaxed) - 1;
    if (top_.load(std::memory_order_relaxed) > last) return nullptr;
    return claim(last) ? ring_.load(std::memory_order_relaxed)->slot(last).load(std::memory_order_relaxed) : nullptr;
  }
  /// Takes `work` back if it is the newest. For the owner.
  bool pop_if(const Work& work) noexcept {
    const std::int64_t last = bottom_.load(std::memory_order_relaxed) - 1;
    if (ring_.load(std::memory_order_relaxed)->slot(last).load(std::memory_order_relaxed) != &work) return false;
    return claim(last);
  }

  /// The oldest, or null if there is none or somebody else was faster. Any thread.
  Work* steal() noexcept;
  /// The same for a thief in no hurry, who leaves a single element that is taken back soon to its owner: the fastest
  /// that can happen to work which its maker waits for. Any thread.
  Work* steal_patiently() noexcept;
  /// Any thread.
  bool empty() const noexcept {
    return top_.load(std::memory_order_seq_cst) >= bottom_.load(std::memory_order_seq_cst);
  }

 private:
  struct Ring {
    std::int64_t mask;
    Ring* smaller;
    Atomic<Work*>& slot(std::int64_t at) noexcept { return reinterpret_cast<Atomic<Work*>*>(this + 1)[at & mask]; }
  };

  /// Takes the element at `last`, the bottom one, away from thieves; false if one of them was faster.
  bool claim(std::int64_t last) noexcept {
    // Both sequentially consistent, as in steal(): a thief sees the smaller bottom, or we its larger top.
    bottom_.store(last, std::memory_order_seq_cst);
    std::int64_t top = top_.load(std::memory_order_seq_cst);
    if (top < last) [[likely]]
      return true;
    const bool won = top == last && top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst);
    bottom_.store(last + 1, std::memory_order_relaxed);
    return won;
  }

  static Ring* make_ring(std::int64_t size, Ring* smaller) noexcept;
  Ring* grow(Ring& full, std::int64_t bottom) noexcept;

  alignas(64) Atomic<std::int64_t> top_{0};
  alignas(64) Atomic<std::int64_t> bottom_{0};
  Atomic<Ring*> ring_;
  /// The owner's idea of `top_`, which only grows.
  std::int64_t top_seen_ = 0;
};

}  // namespace plait::detail
