// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <initializer_list>
#include <span>

#include "plait/core/task.hpp"

namespace plait {
namespace detail {
struct SignalSink;
}

/// Signals as values that are awaited (loop.add_signal_handler, trio.open_signal_receiver). While one lives, its
/// signals no longer do what they did; several may share a signal, and each gets it. Signals that come while nobody
/// waits are kept: each kind counts by itself, as often as the kernel delivered it. In a task `co_await
/// signals.next()`, in a thread `sync_wait(signals.next())`; one strand at a time. It handles with SA_RESTART, so
/// system calls of others go on.
class Signals {
 public:
  /// Throws std::system_error for what is no signal or can't be handled (SIGKILL, SIGSTOP), and when 64 of them live.
  explicit Signals(std::initializer_list<int> signals);
  explicit Signals(std::span<const int> signals);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  /// The number of the next signal. On cancel: none is lost.
  [[nodiscard]] Task<int> next();

 private:
  detail::SignalSink* sink_;
};

}  // namespace plait
