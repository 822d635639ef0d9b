// SPDX-License-Identifier: BSL-1.0
#include "plait/os/signal.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <string>
#include <vector>

#include "plait/base/atomic.hpp"
#include "plait/os/fd.hpp"

namespace plait::os {
namespace {

/// The newest handler of each signal.
constinit std::array<Atomic<void (*)(int)>, kSignals> handlers{};

/// All who handle one signal, the newest last, and what was before them.
struct Handled {
  struct By {
    const void* owner;
    void (*handler)(int);
  };
  std::vector<By> by;
  struct sigaction before{};
};
constinit std::mutex mutex;
/// Guarded by the mutex; never destroyed, as handlers may be static objects.
Handled& handled(int signal) {
  static auto* all = new std::array<Handled, kSignals>;
  return (*all)[static_cast<unsigned>(signal)];
}

void dispatch(int signal);

/// A signal that was on its way to a handler that has gone meanwhile goes to what came in its place: none is lost.
void pass_on(int signal) {
  struct sigaction now{};
  ::sigaction(signal, nullptr, &now);
  if (now.sa_handler != &dispatch) {
    ::raise(signal);
  } else if (const auto handler = handlers[static_cast<unsigned>(signal)].load(std::memory_order_acquire)) {
    handler(signal);
  }
}

/// Keeps errno for the code that it interrupts.
void dispatch(int signal) {
  const int kept = errno;
  // Acquire pairs with the release of the installation.
  if (const auto handler = handlers[static_cast<unsigned>(signal)].load(std::memory_order_acquire)) {
    handler(signal);
  } else {
    pass_on(signal);
  }
  errno = kept;
}

}  // namespace

struct SignalHandler::State {
  int signal;
};

SignalHandler::SignalHandler(int signal, void (*handler)(int)) : state_(new State{signal}) {
  if (signal <= 0 || signal >= kSignals) throw_error(EINVAL, "handling signal " + std::to_string(signal));
  std::scoped_lock guard(mutex);
  Handled& all = handled(signal);
  all.by.push_back({state_.get(), handler});
  auto& newest = handlers[static_cast<unsigned>(signal)];
  const auto before = newest.exchange(handler, std::memory_order_acq_rel);
  struct sigaction action{};
  action.sa_handler = &dispatch;
  action.sa_flags = SA_RESTART;
  ::sigfillset(&action.sa_mask);
  if (::sigaction(signal, &action, all.by.size() == 1 ? &all.before : nullptr) != 0) {
    const int error = errno;
    all.by.pop_back();
    newest.store(before, std::memory_order_release);
    throw_error(error, "handling signal " + std::to_string(signal));
  }
}

SignalHandler::SignalHandler(SignalHandler&&) noexcept = default;

SignalHandler::~SignalHandler() {
  if (!state_) return;
  std::scoped_lock guard(mutex);
  Handled& all = handled(state_->signal);
  std::erase_if(all.by, [&](const Handled::By& one) { return one.owner == state_.get(); });
  if (all.by.empty()) ::sigaction(state_->signal, &all.before, nullptr);
  handlers[static_cast<unsigned>(state_->signal)].store(all.by.empty() ? nullptr : all.by.back().handler,
                                                        std::memory_order_release);
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
