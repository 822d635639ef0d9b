// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/core/exceptions.hpp"
#include "plait/core/thread_strand.hpp"

namespace plait::detail {

/// Calls `wait`, which waits in this thread, until it comes to its end: a cancel of the thread, before or meanwhile,
/// breaks it off but is put away until then.
template <class Wait>
void uncancelled(Wait wait) {
  ThreadStrand& self = this_thread_strand();
  bool cancelled = false;
  for (bool ended = false; !ended;) {
    try {
      wait();
      ended = true;
    } catch (const Cancelled&) {
      cancelled = true;
      self.uncancel();
    }
  }
  if (cancelled) self.cancel();
}

}  // namespace plait::detail
