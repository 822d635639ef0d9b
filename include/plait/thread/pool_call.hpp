// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/core/context.hpp"
#include "plait/core/frame_allocator.hpp"
#include "plait/core/future.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/sched/pool_scheduler.hpp"
#include "plait/thread/call_into.hpp"

namespace plait::detail {

/// A call that a pool's worker makes, as the pool sees it: queued, then withdrawn by a cancel, or begun and ended.
class PoolJob : public Work {
 public:
  /// Whether `work` is one.
  static PoolJob* from(Work& work) noexcept { return work.run == &run_work ? static_cast<PoolJob*>(&work) : nullptr; }
  /// A job that was taken out of a queue, of a pool that makes no calls any more: it ends with the reason.
  void discard() noexcept;

 protected:
  explicit PoolJob(PoolScheduler& pool) noexcept : pool_(pool) { run = &run_work; }
  ~PoolJob() = default;

  void cancel() noexcept;
  bool begun() const noexcept;
  /// On a thread that waits for it for ever: makes the call if that thread is a worker and the call has not begun.
  void help();
  /// The call is over, on `thread`, which made it; what is destroyed from here on may wait.
  void end(ThreadStrand& thread) noexcept;

 private:
  /// The ThreadStrand that has begun the call, null as long as it is queued, or a mark.
  using Phase = void*;

  static void run_work(Work& work);
  bool decide(Phase phase) noexcept;
  bool decide_outside_queue(Phase phase) noexcept;
  Phase decided() const noexcept;
  void make_call(ThreadStrand& thread);
  void leave_queue() noexcept;

  /// The call, which ends with `end(thread)`.
  virtual void call(ThreadStrand& thread) = 0;
  /// It will never be made.
  virtual void drop() noexcept = 0;
  /// It was withdrawn: completes with `error`.
  virtual void fail(std::exception_ptr error) noexcept = 0;
  /// The queue still holds the job after it was decided; and its last touch then.
  virtual void hold_for_queue() noexcept = 0;
  virtual void release_by_queue() noexcept = 0;

  PoolScheduler& pool_;
  /// On whose stack this call is made, if it waits for it; null else.
  PoolJob* below_ = nullptr;
  Atomic<Phase> phase_{nullptr};
  /// Set while the thread that makes the call is held [P8].
  Atomic<bool> cancelled_{false};
};

/// A call of `F(Args…)` and its result.
template <class R, class F, class... Args>
class PoolCall final : public FutureState<R>, public PoolJob, public FrameAllocated {
 public:
  template <class G, class... A>
  explicit PoolCall(PoolScheduler& pool, G&& f, A&&... args)
      : PoolJob(pool),
        parts_(std::in_place, std::forward<G>(f), std::forward<A>(args)...),
        context_(Scheduler::current_strand().context) {
    this->strand_record = &unrecorded;
  }

  bool begun() noexcept override { return PoolJob::begun(); }
  void request_cancel() noexcept override {
    if (!this->done()) PoolJob::cancel();
  }

 private:
  void help_here() override { PoolJob::help(); }

  void call(ThreadStrand& thread) override {
    Context& context = thread.context;
    context_ = std::exchange(context, std::move(context_));
    const auto call = [this]() -> R {
      return std::apply([](F& f, Args&... args) -> R { return std::invoke(std::move(f), std::move(args)...); },
                        *parts_);
    };
    call_into(this->result, call, [this, &thread, &context] {
      end(thread);
      parts_.reset();
      context = std::move(context_);
      this->complete();
    });
  }
  void drop() noexcept override { parts_.reset(); }
  void fail(std::exception_ptr error) noexcept override {
    this->result.set_error(std::move(error));
    this->complete();
  }
  void hold_for_queue() noexcept override { static_cast<void>(this->send_message()); }
  void release_by_queue() noexcept override { static_cast<void>(this->receive_message()); }

  std::optional<std::tuple<F, Args...>> parts_;
  /// The submitter's, and while the call is made that of the thread.
  Context context_;
};

}  // namespace plait::detail
