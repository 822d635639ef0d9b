// SPDX-License-Identifier: BSL-1.0
#include "plait/testing/cancel_everywhere.hpp"

#include <exception>
#include <stdexcept>

#include "plait/base/contract.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/core/scheduler.hpp"

namespace plait::testing {

using plait::detail::Scheduler;

std::string CancelPoint::text() const {
  return "checkpoint " + std::to_string(checkpoint) + (before ? ", before the operation" : ", while it waited");
}

namespace detail {

CancelAt::CancelAt(int checkpoint, bool before) : checkpoint_(checkpoint), before_(before) {
  plait::detail::Hook* none = nullptr;
  if (!plait::detail::installed_hook.compare_exchange_strong(none, this, std::memory_order_acq_rel)) {
    plait::detail::misuse("cancel_everywhere: another test drives the schedule already.");
  }
}

CancelAt::~CancelAt() { plait::detail::installed_hook.store(nullptr, std::memory_order_release); }

void CancelAt::begin(std::function<void()> cancel) {
  driver_ = &Scheduler::current_strand();
  home_ = Scheduler::current();
  cancel_ = std::move(cancel);
  late_.owner = this;
  late_.run = [](plait::detail::Work& work) {
    CancelAt& self = *static_cast<Late&>(work).owner;
    if (self.counting_) self.cancel_();
  };
  counting_ = true;
}

void CancelAt::reach(plait::detail::Point point, const void*) {
  if (point != plait::detail::Point::checkpoint || Scheduler::current() != home_ || !counting_) return;
  if (&Scheduler::current_strand() == driver_ || ++reached_ != checkpoint_) return;
  if (before_) {
    cancel_();
  } else {
    home_->schedule_here(late_);
  }
}

void rethrow_with(const CancelPoint& point) {
  std::throw_with_nested(
      std::runtime_error("cancelled at " + point.text() + ": " + plait::describe(std::current_exception())));
}

}  // namespace detail
}  // namespace plait::testing
