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

namespace {

/// The hook while a CancelAt is there. Never destroyed, for threads that the body has used may pass a point just when
/// it ends; only the loop that is driven comes through to the CancelAt.
class Gate final : public plait::detail::Hook {
 public:
  static Gate& instance() {
    static auto* gate = new Gate;
    return *gate;
  }

  void open(CancelAt& to, Scheduler* loop) noexcept {
    to_ = &to;
    loop_.store(loop, std::memory_order_relaxed);
  }
  void close() noexcept { loop_.store(nullptr, std::memory_order_relaxed); }

  void reach(plait::detail::Point point, const void*) override {
    Scheduler* const here = Scheduler::current();
    if (here && here == loop_.load(std::memory_order_relaxed)) to_->reach(point);
  }
  unsigned choose(unsigned) override { return 0; }

 private:
  Atomic<Scheduler*> loop_{nullptr};
  /// For the loop's thread.
  CancelAt* to_ = nullptr;
};

}  // namespace

CancelAt::CancelAt(int checkpoint, bool before) : checkpoint_(checkpoint), before_(before) {
  plait::detail::Hook* none = nullptr;
  if (!plait::detail::installed_hook.compare_exchange_strong(none, &Gate::instance(), std::memory_order_acq_rel)) {
    plait::detail::misuse("cancel_everywhere: another test drives the schedule already.");
  }
}

CancelAt::~CancelAt() {
  Gate::instance().close();
  plait::detail::installed_hook.store(nullptr, std::memory_order_release);
}

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
  Gate::instance().open(*this, home_);
}

void CancelAt::reach(plait::detail::Point point) {
  if (point != plait::detail::Point::checkpoint || !counting_) return;
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
