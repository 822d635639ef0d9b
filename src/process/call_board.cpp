// SPDX-License-Identifier: BSL-1.0
#include "call_board.hpp"

#include <algorithm>
#include <bit>

#include "plait/base/spin_lock.hpp"
#include "plait/core/clock.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/os/futex.hpp"

namespace plait::detail {
namespace {

/// How often an idle worker looks before it sleeps: longer than a program needs for its next call.
constexpr int kLooks = 4000;

}  // namespace

void CallBoard::publish(std::uint32_t index) const noexcept {
  Memory& m = memory();
  const std::uint64_t position = m.tail.load(std::memory_order_relaxed);
  // Release: the worker that claims it sees the message.
  slot(index).state.store(CallSlot::word(position, 0, CallSlot::Phase::ready), std::memory_order_release);
  m.tail.store(position + 1, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

std::optional<std::uint32_t> CallBoard::take_sleeper() const noexcept {
  Atomic<std::uint64_t>& asleep = memory().asleep;
  for (std::uint64_t all = asleep.load(std::memory_order_relaxed); all != 0;) {
    const auto number = static_cast<std::uint32_t>(std::countr_zero(all));
    const std::uint64_t bit = std::uint64_t{1} << number;
    if (asleep.fetch_and(~bit, std::memory_order_acq_rel) & bit) return number;
    all = asleep.load(std::memory_order_relaxed);
  }
  return std::nullopt;
}

std::uint32_t CallBoard::asleep() const noexcept {
  return static_cast<std::uint32_t>(std::popcount(memory().asleep.load(std::memory_order_relaxed)));
}

void CallBoard::reset(std::uint32_t number) const noexcept {
  memory().asleep.fetch_and(~(std::uint64_t{1} << number), std::memory_order_acq_rel);
  Worker& w = worker(number);
  for (auto* word : {&w.ready, &w.done_count, &w.wake, &w.dismissed}) word->store(0, std::memory_order_relaxed);
}

void CallBoard::wake(std::uint32_t number) const noexcept {
  Atomic<std::uint32_t>& word = worker(number).wake;
  word.store(1, std::memory_order_release);
  os::futex_wake_shared(word, 1);
}

bool CallBoard::withdraw(std::uint32_t index) const noexcept {
  Atomic<std::uint64_t>& state = slot(index).state;
  std::uint64_t seen = state.load(std::memory_order_relaxed);
  if (CallSlot::phase_of(seen) != CallSlot::Phase::ready) return false;
  return state.compare_exchange_strong(seen, CallSlot::word(CallSlot::position_of(seen), 0, CallSlot::Phase::withdrawn),
                                       std::memory_order_acq_rel);
}

bool CallBoard::has_work() const noexcept {
  return memory().head.load(std::memory_order_acquire) < memory().tail.load(std::memory_order_relaxed);
}

std::optional<std::uint32_t> CallBoard::claim(std::uint32_t number) const noexcept {
  Memory& m = memory();
  for (std::uint64_t position = m.head.load(std::memory_order_acquire);;) {
    if (position >= m.tail.load(std::memory_order_acquire)) return std::nullopt;
    const auto index = static_cast<std::uint32_t>(position % kSlots);
    std::uint64_t ready = CallSlot::word(position, 0, CallSlot::Phase::ready);
    const bool mine = slot(index).state.load(std::memory_order_relaxed) == ready &&
                      slot(index).state.compare_exchange_strong(
                          ready, CallSlot::word(position, number, CallSlot::Phase::taken), std::memory_order_acquire);
    // Taken by me, by another, withdrawn or left out: there is nothing more at this position.
    if (m.head.compare_exchange_strong(position, position + 1, std::memory_order_acq_rel)) ++position;
    if (mine) return index;
  }
}

bool CallBoard::finish(std::uint32_t number, std::uint32_t index) const noexcept {
  Memory& m = memory();
  Worker& self = worker(number);
  const std::uint64_t taken = slot(index).state.load(std::memory_order_relaxed);
  // Release: the program sees the result, with either of the two.
  slot(index).state.store(CallSlot::word(CallSlot::position_of(taken), number, CallSlot::Phase::done),
                          std::memory_order_release);
  const std::uint32_t count = self.done_count.load(std::memory_order_relaxed);
  self.done[count % kSlots] = static_cast<std::uint16_t>(index);
  self.done_count.store(count + 1, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (m.listening.load(std::memory_order_relaxed) != 0) return false;
  return m.rung.load(std::memory_order_relaxed) == 0 && m.rung.exchange(1, std::memory_order_seq_cst) == 0;
}

void CallBoard::wait_for_work(std::uint32_t number) const noexcept {
  Memory& m = memory();
  Worker& self = worker(number);
  const auto over = [&] { return has_work() || self.dismissed.load(std::memory_order_acquire) != 0; };
  if (!has_one_processor()) {
    for (int i = 1; i <= kLooks; ++i) {
      if (over()) return;
      wait_turn(i);
    }
  }
  self.wake.store(0, std::memory_order_relaxed);
  m.asleep.fetch_or(std::uint64_t{1} << number, std::memory_order_seq_cst);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!over()) {
    const os::FutexWord word{&self.wake, 0, true};
    os::futex_wait_any({&word, 1}, kNever);
  }
  m.asleep.fetch_and(~(std::uint64_t{1} << number), std::memory_order_relaxed);
}

}  // namespace plait::detail
