// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "plait/base/atomic.hpp"

namespace plait::detail {

/// The places that a schedule can be driven from.
enum class Point : std::uint8_t {
  checkpoint,    ///< a task is about to ask whether it is cancelled, before an operation that may wait
  thread_start,  ///< a thread is about to run its body
  park,          ///< a strand is about to wait
  unpark,        ///< a strand is made ready
  choose,        ///< a loop picks the next ready strand
  primitive,     ///< the fast path of a primitive: acquire, release, set, put, get
  exit_wait,     ///< the program's end begins to wait for threads
};

/// What stands behind the one branch of every point when it is on. Installed before the strands that it drives.
class Hook {
 public:
  virtual ~Hook() = default;
  /// Called at `point` by the strand itself; `object` is the primitive or strand concerned.
  virtual void reach(Point point, const void* object) = 0;
  /// Which of the ready strands goes next: an index below `count` (at most 64 are offered).
  virtual unsigned choose(unsigned count) = 0;
};

/// Null: off, the usual state. `exiting` uses the same word, so that a daemon's next operation finds it.
extern constinit Atomic<Hook*> installed_hook;

/// One predicted branch when off.
inline void pass(Point point, const void* object) {
  // Acquire pairs with the release of whoever installs a hook: its state is visible to us.
  if (Hook* hook = installed_hook.load(std::memory_order_acquire)) [[unlikely]]
    hook->reach(point, object);
}

}  // namespace plait::detail
