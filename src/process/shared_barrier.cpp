// SPDX-License-Identifier: BSL-1.0
//
// Idea. A round is a number, a count and two flags in one word. Who comes raises the count; the last one raises the
// number, which is what the others wait for, and notes in the word that the round was completed. A reset raises it
// without that note. So one who looks late finds out what became of its round, if not more than 22 have passed.
//
// The last one has an action to call, on its own strand: until it is through, the word says so, and nobody can come.
//
// Deaths. Who comes notes its process; each one watches the process of who came before it, and looks at all of them
// whenever it looks again, within a second. The note may be of one who tried to come at the same time: it lives, or is
// found dead too, and a Barrier that breaks because a party died in front of it is right as well.
#include "plait/process/shared_barrier.hpp"

#include "plait/base/contract.hpp"

namespace plait {
namespace detail {

std::uint64_t SharedBarrierState::next_round(std::uint64_t word, bool complete) noexcept {
  const std::uint64_t history = (word >> kHistory << 1 | (complete ? 1 : 0)) & ((1U << kRemembered) - 1);
  return ((word >> kRound) + 1) << kRound | history << kHistory;
}

SharedBarrierState::Step SharedBarrierState::outcome(std::uint64_t word, std::uint32_t round) const noexcept {
  constexpr std::uint32_t kNumbers = (1U << (64 - kRound)) - 1;
  const std::uint32_t passed = (static_cast<std::uint32_t>(word >> kRound) - round) & kNumbers;
  if (passed == 0) return word & kBroken ? Step::broken : Step::wait;
  if (passed > kRemembered) return Step::done;
  return word >> (kHistory + passed - 1) & 1 ? Step::done : Step::broken;
}

bool SharedBarrierState::somebody_died(std::uint64_t word) const noexcept {
  for (std::size_t i = 0; i < (word & kArrived); ++i) {
    const ProcessSlot slot = who_[i].load(std::memory_order_relaxed);
    if (slot != 0 && !Family::instance().is_alive(slot)) return true;
  }
  return false;
}

SharedBarrierState::Step SharedBarrierState::arrive(Arrival& arrival, SharedWait* wait) noexcept {
  if (wait) wait->arm(gate_);
  std::uint64_t word = word_.load(std::memory_order_seq_cst);
  while (!arrival.arrived) {
    if (word & kBroken) return Step::broken;
    if (word & kActing) return Step::wait;
    const auto index = static_cast<std::uint32_t>(word & kArrived);
    const bool last = index + 1 == parties_;
    who_[index].store(Family::self(), std::memory_order_relaxed);
    const std::uint64_t next = (word + 1) | (last ? kActing : 0);
    // What each party did before is visible to the last one, and by its store to all.
    if (!word_.compare_exchange_weak(word, next, std::memory_order_seq_cst)) continue;
    arrival = {true, index, static_cast<std::uint32_t>(word >> kRound)};
    if (last) return Step::last;
    word = next;
  }
  const Step step = outcome(word, arrival.round);
  if (step != Step::wait || !wait) return step;
  const std::uint32_t watched = word & kActing ? static_cast<std::uint32_t>(parties_) : arrival.index;
  const ProcessSlot slot = watched == 0 ? 0 : who_[watched - 1].load(std::memory_order_relaxed);
  if ((slot != 0 && !wait->watch(slot)) || somebody_died(word)) {
    finish(arrival, false);
    return outcome(word_.load(std::memory_order_seq_cst), arrival.round);
  }
  return Step::wait;
}

void SharedBarrierState::finish(const Arrival& arrival, bool complete) noexcept {
  std::uint64_t word = word_.load(std::memory_order_seq_cst);
  std::uint64_t next = 0;
  do {
    if (outcome(word, arrival.round) != Step::wait) return;
    next = complete ? next_round(word, true) : word | kBroken;
  } while (!word_.compare_exchange_weak(word, next, std::memory_order_seq_cst));
  gate_.notify_all();
}

void SharedBarrierState::abort() noexcept {
  word_.fetch_or(kBroken, std::memory_order_seq_cst);
  gate_.notify_all();
}

void SharedBarrierState::reset() noexcept {
  std::uint64_t word = word_.load(std::memory_order_seq_cst);
  while (!word_.compare_exchange_weak(word, next_round(word, false), std::memory_order_seq_cst)) {
  }
  gate_.notify_all();
}

}  // namespace detail

namespace shared {

Barrier::Barrier(std::size_t parties, std::function<void()> action)
    : handle_(detail::SharedSegment::create(detail::SharedKind::barrier, 0, sizeof(detail::SharedBarrierState)), 0) {
  if (parties == 0 || parties > detail::SharedBarrierState::kMostParties)
    detail::misuse("a shared::Barrier is for 1 to 1024 parties.");
  new (&state()) detail::SharedBarrierState(parties);
  if (action) action_ = std::make_shared<const std::function<void()>>(std::move(action));
}

std::size_t Barrier::Wait::take() {
  if (step_ == Step::broken) throw BrokenBarrierError();
  if (step_ == Step::last) {
    try {
      if (barrier_->action_) (*barrier_->action_)();
    } catch (...) {
      barrier_->state().finish(arrival_, false);
      throw;
    }
    barrier_->state().finish(arrival_, true);
  }
  return arrival_.index;
}

}  // namespace shared

shared::Barrier Codec<shared::Barrier>::read(Decoder& decoder) {
  return shared::Barrier(
      detail::SharedHandle::read(decoder, detail::SharedKind::barrier, sizeof(detail::SharedBarrierState)));
}

}  // namespace plait
