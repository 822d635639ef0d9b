// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/timer.hpp"

namespace plait::detail {

bool TimerState::comes() {
  auto cancel = cancelled_.wait();
  if (cancel.wait_in_thread(add(now(), delay_))) return false;
  Phase waiting = Phase::waiting;
  return phase_.compare_exchange_strong(waiting, Phase::called, std::memory_order_acq_rel);
}

bool TimerState::cancel() {
  Phase phase = Phase::waiting;
  if (phase_.compare_exchange_strong(phase, Phase::cancelled, std::memory_order_acq_rel)) {
    cancelled_.set();
    return true;
  }
  return phase == Phase::cancelled;
}

}  // namespace plait::detail
