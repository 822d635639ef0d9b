// SPDX-License-Identifier: BSL-1.0
#include "plait/core/child_wait.hpp"

#include "uncancelled.hpp"

namespace plait::detail {
namespace {

class End : public Leaf<End> {
 public:
  explicit End(FutureStateBase& state) noexcept : Leaf(WaitKind::task, state.strand_record), state_(&state) {}
  bool try_now() const noexcept { return state_->done(); }
  bool enqueue() noexcept { return state_->enqueue(*this); }
  bool withdraw() noexcept { return false; }
  void take() const noexcept {}

 private:
  FutureStateBase* state_;
};

}  // namespace

void wait_uncancelled(FutureStateBase& state) {
  uncancelled([&state] {
    if (state.done()) return;
    const CrewWait guard(state.begin_wait_in_thread(true));
    End(state).wait_in_thread(kNever);
  });
}

}  // namespace plait::detail
