// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>

#include "plait/base/intrusive_list.hpp"
#include "plait/core/context.hpp"
#include "plait/core/operation.hpp"

namespace plait::detail {

class ThreadState;

/// A call that a thread of the blocking pool runs. All members but `run` may be used from any thread.
class BlockingCall : private Link {
 public:
  enum class Withdrawn : std::uint8_t { never_ran, abandoned, no };

  virtual ~BlockingCall() = default;

  /// Queues it; `waiter` is granted when it has returned, and its strand's values are those of the call. Throws
  /// std::system_error if the pool has no thread and can't get one; it is not queued then.
  void submit(Waiter& waiter);
  /// A cancel. `abandoned`, only with `abandon`: it runs, and belongs to its thread from now on.
  Withdrawn withdraw(bool abandon) noexcept;

 protected:
  /// The call has returned, and threw `error` if that is not null. The thread's last touch.
  void finish(const std::exception_ptr& error) noexcept;

 private:
  friend class BlockingPool;
  friend class IntrusiveList<BlockingCall, Link>;
  virtual void run() = 0;

  Waiter* waiter_ = nullptr;
  Context context_;
  /// Guarded by the pool's lock: who runs it; whether it has returned; whether nobody waits.
  ThreadState* runner_ = nullptr;
  bool returned_ = false;
  bool abandoned_ = false;
};

}  // namespace plait::detail
