// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>

namespace plait::os {

/// Signals have numbers below this.
inline constexpr int kSignals = 65;
/// Of these Plait speaks by itself.
inline constexpr int kSigInt = 2, kSigKill = 9, kSigTerm = 15;

/// A handler for a signal, as long as this lives: of several the one that came last. When the last of them goes, in
/// whatever order, the disposition before the first is back. The handler may run on any thread at any instruction:
/// lock-free atomics and a few system calls are all it may use; errno is kept for it.
class SignalHandler {
 public:
  /// Throws std::system_error for what is no signal or can't be handled (SIGKILL, SIGSTOP).
  SignalHandler(int signal, void (*handler)(int));
  SignalHandler(SignalHandler&&) noexcept;
  SignalHandler& operator=(SignalHandler&&) = delete;
  ~SignalHandler();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The system's default is what happens at this signal: nobody handles or ignores it.
bool signal_is_default(int signal) noexcept;
/// Ends the process as the signal's default does, at once. Also from a handler.
void die_by_signal(int signal) noexcept;

}  // namespace plait::os
