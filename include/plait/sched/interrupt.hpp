// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>

#include "plait/os/signal.hpp"
#include "plait/sched/event_loop.hpp"

namespace plait::detail {

/// Makes Ctrl-C interrupt a loop, as long as this lives: of several at once the first, and only if the program left
/// SIGINT to the system's default. A second Ctrl-C, while the first one is answered, ends the program.
class InterruptWatch {
 public:
  explicit InterruptWatch(EventLoop& loop);
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  /// Ctrl-C came.
  bool interrupted() const noexcept;

 private:
  std::optional<os::SignalHandler> handler_;
};

}  // namespace plait::detail
