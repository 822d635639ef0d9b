// SPDX-License-Identifier: BSL-1.0
//
// Idea. The handler counts and wakes the loop; the loop looks at the count once a turn and cancels its root. Loops are
// never freed, so a handler that is late on another thread finds one, even if its run has ended. The end of a watch
// closes the count in the step that reads it: a handler that comes after that raises the signal again, for whatever
// then stands in its place. So each Ctrl-C is answered, once.
#include "plait/sched/interrupt.hpp"

#include <csignal>
#include <exception>

#include "plait/core/exceptions.hpp"

namespace plait::detail {
namespace {

constinit Atomic<EventLoop*> watched{nullptr};
constexpr int kClosed = -1;
/// How many came in this watch; or that there is none.
constinit Atomic<int> interrupts{kClosed};
std::terminate_handler terminate_before = nullptr;

void on_interrupt(int) {
  int came = 0;
  if (!interrupts.compare_exchange_strong(came, 1, std::memory_order_acq_rel)) {
    if (came != kClosed) return os::die_by_signal(SIGINT);
    std::raise(SIGINT);  // comes when this handler has returned
    return;
  }
  if (EventLoop* loop = watched.load(std::memory_order_acquire)) loop->interrupt();
}

/// A KeyboardInterrupt that nobody caught ends the program as if nothing had handled the signal.
void terminate_by_interrupt() {
  if (const std::exception_ptr error = std::current_exception()) {
    try {
      std::rethrow_exception(error);
    } catch (const KeyboardInterrupt&) {
      os::die_by_signal(SIGINT);
    } catch (...) {
    }
  }
  if (terminate_before) terminate_before();
  std::abort();
}

}  // namespace

InterruptWatch::InterruptWatch(EventLoop& loop) {
  EventLoop* nobody = nullptr;
  if (!os::signal_is_default(SIGINT) || !watched.compare_exchange_strong(nobody, &loop)) return;
  interrupts.store(0, std::memory_order_release);
  try {
    handler_.emplace(SIGINT, &on_interrupt);
  } catch (...) {
    watched.store(nullptr, std::memory_order_release);
    throw;
  }
}

bool InterruptWatch::end() noexcept {
  if (!handler_) return false;
  handler_.reset();
  const bool came = interrupts.exchange(kClosed, std::memory_order_acq_rel) > 0;
  if (came) {
    static const bool once = (terminate_before = std::set_terminate(&terminate_by_interrupt), true);
    static_cast<void>(once);
  }
  watched.store(nullptr, std::memory_order_release);
  return came;
}

}  // namespace plait::detail
