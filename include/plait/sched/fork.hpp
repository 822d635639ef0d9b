// SPDX-License-Identifier: BSL-1.0
//
// Idea. On a pool the children of a `gather` are no strands until somebody needs them to be. The first is called, on
// the parent's own strand, as an awaited Task would be; the others go to the worker's deque. When a child has ended
// there, the next is taken back and called likewise, and when the last has, the parent goes on: nothing was shared,
// counted or recorded. Only a child that another worker takes (or this one, because the strand before it waits) becomes
// a strand, with record, scope and context, and only then is there a count of those that are out [pool.md].
//
// A child that ends on the parent's strand continues in a `Landing`, a pretended coroutine whose resumption is a
// function; the last, if none was taken, in the parent.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <span>
#include <utility>

#include "plait/core/context.hpp"
#include "plait/core/frame_allocator.hpp"
#include "plait/core/scope.hpp"
#include "plait/core/task.hpp"
#include "plait/sched/pool_scheduler.hpp"

namespace plait::detail {

class Join;

/// The beginning of every coroutine frame, for both compilers (docs/design/compilers.md): what `resume` calls.
struct Landing {
  void (*resume)(void* frame) = nullptr;
};

/// One child of a gather, which has not begun or runs. `run` makes a strand of it.
class ForkBase : public Work, public Landing {
 public:
  ForkBase(std::coroutine_handle<> frame, PromiseBase& promise) noexcept : frame(frame), promise(&promise) {}

  std::coroutine_handle<> frame;
  PromiseBase* promise;
  Join* join = nullptr;
  ForkBase* sibling = nullptr;
};

/// What a child ended with.
using ErrorOf = const std::exception_ptr&(const ForkBase&);

/// Throws what children failed with: an ExceptionGroup, or Cancelled if they were merely cancelled.
[[noreturn]] void raise_gathered(std::span<const std::exception_ptr> errors);

/// The wait for all children of one gather; part of it.
class Join {
 public:
  Join() = default;
  Join(const Join&) = delete;
  Join& operator=(const Join&) = delete;
  ~Join() { delete scope_; }

  /// Suspends `strand` at `parent` and starts the children, of which there are `count`. What to go on with.
  std::coroutine_handle<> begin(Strand& strand, std::coroutine_handle<> parent, const void* at, ForkBase* first,
                                std::uint32_t count) {
    strand_ = &strand;
    parent_ = parent;
    // A failure in a gather around this one may put a scope there just now; scope_for_children() finds that either way.
    outer_ = std::atomic_ref(strand.scope).load(std::memory_order_relaxed);
    at_ = at;
    count_ = count;
    pending_.store(count, std::memory_order_relaxed);
    if (!strand.home) [[unlikely]]
      return begin_on_loop(first);
    context_ = strand.context;
    around_ = std::exchange(strand.join, this);
    PoolWorker& worker = PoolWorker::of(strand);
    if (count > 1) {
      count > 2 ? push_siblings(worker, *first) : worker.pool.push_here(worker, *first->sibling);
      worker.pool.announce();
    }
    return call(*first);
  }
  /// The parent goes on.
  void end() noexcept {
    if (strand_->home) {
      strand_->join = around_;
      if (!strand_->context.is(context_)) [[unlikely]]
        strand_->context = context_;
    }
    if (scope_) [[unlikely]]
      scope_->leave();
  }

  /// A child that was called, and was not the last of all, has ended.
  std::coroutine_handle<> landed(ForkBase& child, bool failed) noexcept {
    Strand& strand = *strand_;
    ++called_;
    if (failed && called_ != count_) [[unlikely]]
      cancel();
    if (!strand.context.is(context_)) [[unlikely]]
      strand.context = context_;
    ForkBase* next = child.sibling;
    if (next && PoolWorker::of(strand).deque.pop_if(*next)) {
      // The last, and none was taken: the parent goes on where this one ends.
      if (called_ + 1 == count_) next->promise->continuation = parent_;
      return call(*next);
    }
    if (called_ == count_) [[likely]]
      return hop(strand, parent_);
    return await_others();
  }
  /// `child` becomes a strand: a worker has taken it from a deque, or the gather is on a loop. Others may run already,
  /// so there is no way back: without memory for it the program ends.
  void start_strand(ForkBase& child, ErrorOf* error) noexcept;

 private:
  class Child;

  std::coroutine_handle<> call(ForkBase& child) noexcept { return hop(*strand_, child.frame); }
  /// The last first, so that they are taken back in order.
  static void push_siblings(PoolWorker& worker, ForkBase& first) noexcept;
  std::coroutine_handle<> begin_on_loop(ForkBase* first) noexcept;
  std::coroutine_handle<> await_others() noexcept;
  /// The first failure cancels the others.
  void cancel() noexcept;
  /// A child that is a strand has ended.
  void arrived() noexcept;
  Scope& scope_for_children() noexcept;
  static bool belongs(const Scope& scope, const void* join) noexcept;

  Strand* strand_ = nullptr;
  std::coroutine_handle<> parent_;
  /// The innermost scope of the parent.
  Scope* outer_ = nullptr;
  const void* at_ = nullptr;
  std::uint32_t count_ = 0;
  /// Children that were called and have ended.
  std::uint32_t called_ = 0;
  /// Children, less those that have ended as strands, and at last those that were called.
  Atomic<std::uint32_t> pending_{0};
  /// The gather of the same strand that this one is in.
  Join* around_ = nullptr;
  Context context_;
  struct GatherScope final : Scope, FrameAllocated {};
  /// Made when a child fails; on a loop from the beginning.
  GatherScope* scope_ = nullptr;
};

/// A child that gives T.
template <class T>
class Fork final : public ForkBase {
 public:
  explicit Fork(Task<T> task) noexcept : Fork(std::move(task).release()) {}
  Fork(Fork&& other) noexcept : ForkBase(std::exchange(other.frame, nullptr), *other.promise) {}
  Fork& operator=(Fork&&) = delete;
  ~Fork() {
    if (frame) frame.destroy();
  }

  /// Ready to be called on `strand`, which is where most children run.
  void prepare(Strand& strand, Join& to, ForkBase* next) noexcept {
    join = &to;
    sibling = next;
    resume = [](void* frame) {
      auto& self = static_cast<Fork&>(*static_cast<Landing*>(frame));
      self.join->landed(self, static_cast<bool>(self.result().error())).resume();
    };
    run = [](Work& work) {
      auto& self = static_cast<Fork&>(work);
      self.join->start_strand(self, &error_of);
    };
    promise->strand = &strand;
    promise->continuation = std::coroutine_handle<>::from_address(static_cast<Landing*>(this));
  }
  Result<T>& result() const noexcept { return static_cast<TaskPromise<T>*>(promise)->result; }

 private:
  explicit Fork(std::coroutine_handle<TaskPromise<T>> frame) noexcept : ForkBase(frame, frame.promise()) {}

  static const std::exception_ptr& error_of(const ForkBase& fork) noexcept {
    return static_cast<const Fork&>(fork).result().error();
  }
};

}  // namespace plait::detail
