// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/base/contract.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/strand.hpp"

namespace plait::detail {

/// A strand whose being made ready is a call, on the thread that makes it ready: for what completes outside of any
/// loop.
class InlineStrand : private Scheduler, public Strand {
 public:
  InlineStrand() noexcept;

 protected:
  ~InlineStrand() = default;
  /// The one wait of this strand is over. May free the object.
  virtual void resumed() noexcept = 0;

 private:
  void arm(Timer&, TimePoint) noexcept override {}
  void disarm(Timer&) noexcept override {}
  Poller& poller() noexcept override { fail("a strand outside of all loops was asked for its poller."); }
  void wake() noexcept override { resumed(); }
};

}  // namespace plait::detail
