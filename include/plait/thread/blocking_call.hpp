// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <memory>

#include "plait/base/intrusive_list.hpp"
#include "plait/core/context.hpp"
#include "plait/core/operation.hpp"

namespace plait {
class CapacityLimiter;
}

namespace plait::detail {

class LimiterTicket;
class ThreadState;

/// A call that a thread of the blocking pool runs. All members but `run` may be used from any thread.
class BlockingCall : private Link {
 public:
  enum class Withdrawn : std::uint8_t { never_ran, abandoned, no };

  BlockingCall() noexcept;
  BlockingCall(const BlockingCall&) = delete;
  BlockingCall& operator=(const BlockingCall&) = delete;
  virtual ~BlockingCall();

  /// Queues it, once it has a token of `limiter` (null: none); `waiter` is granted when it has returned, and its
  /// strand's values are those of the call. If the pool has no thread and can't get one, that is the call's error.
  void submit(Waiter& waiter, CapacityLimiter* limiter);
  /// A cancel. `abandoned`, only with `abandon`: it runs, and belongs to its thread from now on. `no`: it comes to its
  /// end by itself, which may be that it never ran; then the waiter is aborted.
  Withdrawn withdraw(bool abandon) noexcept;
  /// By the ticket: the token has come. May free the call.
  void has_token() noexcept;

 protected:
  /// The call has returned, and threw `error` if that is not null. The thread's last touch.
  void finish(const std::exception_ptr& error) noexcept;

 private:
  friend class BlockingPool;
  friend class IntrusiveList<BlockingCall, Link>;
  virtual void run() = 0;
  virtual void set_error(std::exception_ptr error) noexcept = 0;
  /// There is no thread for it.
  void fail_to_run(std::exception_ptr error) noexcept;

  Waiter* waiter_ = nullptr;
  Context context_;
  std::unique_ptr<LimiterTicket> ticket_;
  /// Guarded by the pool's lock: who runs it; whether it has returned; whether nobody waits; whether it was cancelled
  /// with its token on the way.
  ThreadState* runner_ = nullptr;
  bool returned_ = false;
  bool abandoned_ = false;
  bool cancelled_ = false;
};

}  // namespace plait::detail
