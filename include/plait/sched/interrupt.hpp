// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>

#include "plait/os/signal.hpp"
#include "plait/sched/event_loop.hpp"

namespace plait::detail {

/// Makes Ctrl-C interrupt a loop until `end`: of several at once the first, and only if the program left SIGINT to the
/// system's default. A second Ctrl-C, while the first one is answered, ends the program.
class InterruptWatch {
 public:
  explicit InterruptWatch(EventLoop& loop);
  ~InterruptWatch() { end(); }
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  /// From now on Ctrl-C does what it did before. True if it came; nobody is told twice.
  bool end() noexcept;

 private:
  std::optional<os::SignalHandler> handler_;
};

}  // namespace plait::detail
