// SPDX-License-Identifier: BSL-1.0
//
// Idea. A waiter has a place of its own, which says whether it was notified: so a notification belongs to one waiter,
// and a waiter that is killed takes none but its own with it. Places are taken and notified with the Lock held, and
// given back at any time. The order is that of the tickets.
//
// A wait that is given up leaves its place at once and goes on to the Lock; if it turns out to have been notified, it
// notifies the next one when it has the Lock.
#include "plait/process/shared_condition.hpp"

#include "plait/base/contract.hpp"

namespace plait {
namespace detail {

std::size_t SharedConditionState::enter(ProcessSlot self) noexcept {
  for (std::size_t i = 0; i < kPlaces; ++i) {
    Place& place = places_[i];
    const std::uint64_t word = place.word.load(std::memory_order_relaxed);
    if (word != 0 && Family::instance().is_alive(static_cast<ProcessSlot>(word))) continue;
    place.ticket = ++tickets_;
    if (i >= used_) used_ = i + 1;
    place.word.store(self, std::memory_order_seq_cst);
    return i;
  }
  return kPlaces;
}

bool SharedConditionState::is_notified(std::size_t place) const noexcept {
  return places_[place].word.load(std::memory_order_seq_cst) & kNotified;
}

bool SharedConditionState::leave(std::size_t place) noexcept {
  return places_[place].word.exchange(0, std::memory_order_seq_cst) & kNotified;
}

void SharedConditionState::notify(std::size_t n) noexcept {
  bool any = false;
  for (; n > 0; --n) {
    Place* first = nullptr;
    for (std::size_t i = 0; i < used_; ++i) {
      Place& place = places_[i];
      std::uint64_t word = place.word.load(std::memory_order_relaxed);
      if (word == 0 || (word & kNotified)) continue;
      if (!Family::instance().is_alive(static_cast<ProcessSlot>(word))) {
        place.word.compare_exchange_strong(word, 0, std::memory_order_relaxed);
      } else if (!first || place.ticket < first->ticket) {
        first = &place;
      }
    }
    if (!first) break;
    std::uint64_t word = first->word.load(std::memory_order_relaxed);
    // One that leaves just now is not there; then somebody else is notified.
    if (word == 0 || !first->word.compare_exchange_strong(word, word | kNotified, std::memory_order_seq_cst))
      ++n;
    else
      any = true;
  }
  if (any) gate.notify_all();
}

}  // namespace detail

namespace shared {

Condition::Condition()
    : handle_(detail::SharedSegment::create(detail::SharedKind::condition, 0, sizeof(detail::SharedConditionState)), 0),
      lock_((new(&state()) detail::SharedConditionState, Lock(handle_))) {}

Condition::Condition(const Lock& lock)
    : handle_(detail::SharedSegment::create(detail::SharedKind::condition, 0, sizeof(detail::SharedConditionState)), 0),
      lock_(lock) {
  new (&state()) detail::SharedConditionState;
}

void Condition::notify(std::size_t n) const {
  if (!is_locked_here()) {
    detail::misuse("shared::Condition::notify(): this process does not hold the Lock; take it before the change.");
  }
  state().notify(n);
}

/// False: there is an error.
bool Condition::Wait::begin(bool for_good) noexcept {
  try {
    if (!condition_->is_locked_here()) {
      detail::misuse("shared::Condition::wait(): this process does not hold the Lock; take it, and look, before.");
    }
    if (!for_good) return true;
    place_ = condition_->state().enter(detail::Family::self());
    if (place_ == detail::SharedConditionState::kPlaces)
      detail::misuse("shared::Condition::wait(): there are 1024 waiter(s) already, and no more may wait.");
    stage_ = Stage::waiting;
    condition_->lock_.state().give(detail::Family::self());
    return true;
  } catch (...) {
    error_ = std::current_exception();
    return false;
  }
}

bool Condition::Wait::attempt(detail::SharedWait* wait) noexcept {
  if (!wait && stage_ != Stage::locking) return stage_ == Stage::beginning && !begin(false);
  if (stage_ == Stage::beginning && !begin(true)) return true;
  if (stage_ == Stage::waiting) {
    wait->arm(condition_->state().gate);
    if (!condition_->state().is_notified(place_)) return false;
    condition_->state().leave(place_);
    stage_ = Stage::locking;
  }
  const auto step = condition_->lock_.state().take_or_arm(detail::Family::self(), wait);
  if (step == detail::SharedLockState::Step::busy) return false;
  if (step == detail::SharedLockState::Step::orphaned) error_ = std::make_exception_ptr(OwnerDied());
  return true;
}

/// Nobody else tries the wait now.
void Condition::Wait::give_up() noexcept {
  given_up_ = true;
  if (stage_ == Stage::waiting) owes_ = condition_->state().leave(place_);
  if (stage_ != Stage::beginning) stage_ = Stage::locking;
}

void Condition::Wait::pass_on() noexcept {
  if (std::exchange(owes_, false) && !error_) condition_->state().notify(1);
}

bool Condition::Wait::withdraw() noexcept {
  if (sleeps()) return true;
  if (!SharedLeaf::withdraw()) return false;
  give_up();
  if (detail::SharedWatch::add(*this)) return false;  // it throws when it has the Lock
  pass_on();
  return true;
}

bool Condition::Wait::wait_in_thread(TimePoint deadline) {
  if (detail::test_clock()) return Leaf::wait_in_thread(deadline);
  bool in_time = true;
  try {
    in_time = SharedLeaf::wait_in_thread(deadline);
    if (in_time) return true;
    give_up();
  } catch (const Cancelled&) {
    give_up();
  }
  if (stage_ == Stage::locking) wait_regardless(detail::kNever);
  if (in_time) return true;  // take() throws Cancelled
  pass_on();
  if (error_) std::rethrow_exception(error_);
  return false;
}

void Condition::Wait::take() {
  pass_on();
  if (error_) std::rethrow_exception(error_);
  if (given_up_) throw Cancelled{};
}

}  // namespace shared

shared::Condition Codec<shared::Condition>::read(Decoder& decoder) {
  const auto handle =
      detail::SharedHandle::read(decoder, detail::SharedKind::condition, sizeof(detail::SharedConditionState));
  return {handle, Codec<shared::Lock>::read(decoder)};
}

}  // namespace plait
