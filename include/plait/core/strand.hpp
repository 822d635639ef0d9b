// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <cstdint>

#include "plait/base/atomic.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/context.hpp"
#include "plait/core/record.hpp"
#include "plait/core/work.hpp"

namespace plait::detail {

class HomeLock;
class Join;
class Operation;
class Scheduler;
class Scope;

/// The stack that strands are resumed on, as transfers between frames see it [W8].
struct Runner {
  /// The next frame, when the stack grew past the limit (no tail calls in this build).
  std::coroutine_handle<> bounced;
  /// A strand whose root frame has just ended.
  class Strand* finished = nullptr;
  std::uintptr_t stack_limit = 0;
};

/// The current stack pointer, near enough.
inline std::uintptr_t stack_pointer() noexcept {
  std::uintptr_t here;
#if defined(__x86_64__)
  asm volatile("mov %%rsp, %0" : "=r"(here));
#elif defined(__aarch64__)
  asm volatile("mov %0, sp" : "=r"(here));
#else
  here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
#endif
  return here;
}

/// Anything that runs by itself: the root of a started task, or a thread. Members are for the strand's own thread (its
/// loop's thread for a task), except where the page docs/design/waiting.md says otherwise.
class Strand : public Work {
 public:
  enum class Kind : std::uint8_t { task, thread };
  /// Completions without suspension after which an operation goes through the ready list.
  static constexpr std::uint16_t kBudget = 256;

  explicit Strand(Kind kind) noexcept : kind(kind) {}
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  /// A cancel reached this strand: aborts the operation that it is suspended in, if there is one.
  void abort_wait() noexcept;
  /// Makes the strand ready: a task on its scheduler, a thread by its parker. From any thread.
  void unpark() noexcept;
  /// The innermost scope is effectively cancelled: checkpoints throw.
  bool cancelled() const noexcept { return cancelled_flag.load(std::memory_order_relaxed); }
  /// `operation` may be aborted from now on, or (null) no more.
  void publish(Operation* operation) noexcept {
    if (!home) [[likely]] {
      waiting = operation;
    } else {
      wait_lock.lock();
      waiting = operation;
      wait_lock.unlock();
    }
  }
  /// One more completion without suspension. False when it is time to let others run.
  bool spend() noexcept { return --budget != 0; }

  // What every suspension and resumption touches comes first, to lie in one or two cache lines.

  /// The innermost suspended frame.
  std::coroutine_handle<> resume_point;
  Scheduler* scheduler = nullptr;
  StrandRecord* record = nullptr;
  /// The operation that the strand is suspended in, as long as it may be aborted. Guarded by `wait_lock` where the
  /// strand has no home thread: in a thread, and on a pool.
  Operation* waiting = nullptr;
  /// Null if the scheduler's thread is the strand's home; else its home's lock [W12].
  HomeLock* home = nullptr;
  /// The runner's, here because every transfer reads it.
  std::uintptr_t stack_limit = 0;
  std::uint16_t budget = kBudget;
  /// Kept by Scope [W5].
  Atomic<bool> cancelled_flag{false};
  const Kind kind;
  /// Taken before any primitive's lock.
  SpinLock wait_lock;
  Runner* runner = nullptr;
  /// The innermost scope.
  Scope* scope = nullptr;
  /// The innermost `gather` that it is in.
  Join* join = nullptr;
  /// Whom its locks belong to: itself, or the thread that waits for it by `sync_wait`.
  Strand* principal = this;
  /// Task-local values; children start with a copy.
  Context context;
  /// Called by the runner when the root frame has ended. May free the strand.
  void (*finish)(Strand&) = nullptr;
};

/// Where a transfer goes on: `next` itself, or the runner if the stack is used up.
inline std::coroutine_handle<> hop(Strand& strand, std::coroutine_handle<> next) noexcept {
  if (stack_pointer() < strand.stack_limit) [[unlikely]] {
    strand.runner->bounced = next;
    return std::noop_coroutine();
  }
  return next;
}

}  // namespace plait::detail
