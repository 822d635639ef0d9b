// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/work_deque.hpp"

#include <new>

#include "plait/base/spin_lock.hpp"

namespace plait::detail {
namespace {

constexpr std::int64_t kFirstSize = 256;
/// Turns of some 13 ns: many times what a trivial call takes, and a fraction of what a theft costs both sides.
constexpr int kPatience = 20;

}  // namespace

WorkDeque::WorkDeque() : ring_(make_ring(kFirstSize, nullptr)) {
  if (!ring_.load(std::memory_order_relaxed)) throw std::bad_alloc();
}

WorkDeque::~WorkDeque() {
  for (Ring* ring = ring_.load(std::memory_order_relaxed); ring;) {
    Ring* smaller = ring->smaller;
    ::operator delete(ring);
    ring = smaller;
  }
}

WorkDeque::Ring* WorkDeque::make_ring(std::int64_t size, Ring* smaller) noexcept {
  static_assert(sizeof(Ring) % alignof(Atomic<Work*>) == 0);
  const std::size_t slots = static_cast<std::size_t>(size);
  void* memory = ::operator new(sizeof(Ring) + slots * sizeof(Atomic<Work*>), std::nothrow);
  if (!memory) return nullptr;
  Ring* ring = new (memory) Ring{size - 1, smaller};
  for (std::int64_t i = 0; i < size; ++i) new (&ring->slot(i)) Atomic<Work*>(nullptr);
  return ring;
}

WorkDeque::Ring* WorkDeque::grow(Ring& full, std::int64_t bottom) noexcept {
  Ring* ring = make_ring(2 * (full.mask + 1), &full);
  if (!ring) return nullptr;
  for (std::int64_t at = top_seen_; at < bottom; ++at) {
    ring->slot(at).store(full.slot(at).load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  // Release pairs with the acquire in steal(): the copies are visible.
  ring_.store(ring, std::memory_order_release);
  return ring;
}

Work* WorkDeque::steal() noexcept {
  std::int64_t top = top_.load(std::memory_order_seq_cst);
  if (top >= bottom_.load(std::memory_order_seq_cst)) return nullptr;
  Work* work = ring_.load(std::memory_order_acquire)->slot(top).load(std::memory_order_relaxed);
  return top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst, std::memory_order_relaxed) ? work
                                                                                                          : nullptr;
}

Work* WorkDeque::steal_patiently() noexcept {
  const std::int64_t top = top_.load(std::memory_order_seq_cst);
  const std::int64_t size = bottom_.load(std::memory_order_seq_cst) - top;
  if (size <= 0) return nullptr;
  if (size == 1) {
    for (int i = 0; i < kPatience; ++i) cpu_relax();
    // Who takes back the last element moves `top_`.
    if (top_.load(std::memory_order_relaxed) != top) return nullptr;
  }
  return steal();
}

}  // namespace plait::detail
