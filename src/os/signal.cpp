// SPDX-License-Identifier: BSL-1.0
#include "plait/os/signal.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/os/fd.hpp"

namespace plait::os {
namespace {

std::array<Atomic<void (*)(int)>, kSignals> handlers{};

/// Keeps errno for the code that it interrupts.
void dispatch(int signal) {
  const int kept = errno;
  // Acquire pairs with the release of the installation.
  if (const auto handler = handlers[static_cast<unsigned>(signal)].load(std::memory_order_acquire)) handler(signal);
  errno = kept;
}

}  // namespace

struct SignalHandler::State {
  int signal;
  void (*previous_handler)(int);
  struct sigaction previous;
};

SignalHandler::SignalHandler(int signal, void (*handler)(int)) : state_(std::make_unique<State>()) {
  if (signal <= 0 || signal >= kSignals) throw_error(EINVAL, "handling signal " + std::to_string(signal));
  state_->signal = signal;
  state_->previous_handler = handlers[static_cast<unsigned>(signal)].exchange(handler, std::memory_order_acq_rel);
  struct sigaction action{};
  action.sa_handler = &dispatch;
  action.sa_flags = SA_RESTART;
  ::sigfillset(&action.sa_mask);
  if (::sigaction(signal, &action, &state_->previous) != 0) {
    const int error = errno;
    handlers[static_cast<unsigned>(signal)].store(state_->previous_handler, std::memory_order_release);
    throw_error(error, "handling signal " + std::to_string(signal));
  }
}

SignalHandler::SignalHandler(SignalHandler&&) noexcept = default;

SignalHandler::~SignalHandler() {
  if (!state_) return;
  ::sigaction(state_->signal, &state_->previous, nullptr);
  handlers[static_cast<unsigned>(state_->signal)].store(state_->previous_handler, std::memory_order_release);
}

bool signal_is_default(int signal) noexcept {
  struct sigaction now{};
  return ::sigaction(signal, nullptr, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
}

void die_by_signal(int signal) noexcept {
  struct sigaction plain{};
  plain.sa_handler = SIG_DFL;
  ::sigaction(signal, &plain, nullptr);
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  ::raise(signal);
}

}  // namespace plait::os
