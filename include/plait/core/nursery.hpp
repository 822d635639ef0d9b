// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>

#include "plait/base/intrusive_list.hpp"
#include "plait/core/home.hpp"
#include "plait/core/leaf.hpp"
#include "plait/core/scope.hpp"

namespace plait::detail {

/// Child strands under one scope, on one loop, and the wait for their end: what `run`, `gather` and task groups have in
/// common. All members are for the home of its scope.
class Nursery {
 public:
  Nursery() = default;
  Nursery(const Nursery&) = delete;
  Nursery& operator=(const Nursery&) = delete;

  /// What follows from a child's end, before it counts as ended; `error` is null if it has a value. True: the error is
  /// the nursery's from now on, and nobody else needs to look at it. Null: nothing follows.
  bool (*on_child_end)(Nursery&, const Strand& child, const std::exception_ptr& error) = nullptr;
  /// An `on_child_end`: the first failure cancels the other children.
  static bool cancel_on_failure(Nursery& nursery, const Strand&, const std::exception_ptr& error) noexcept {
    if (error) nursery.scope.cancel();
    return false;
  }

  /// The scope of the children. Its owner attaches or enters it.
  Scope scope;

  void child_begins() noexcept {
    const HomeGuard guard(scope.home());
    ++live_;
  }
  /// A child's strand has ended with `error` or a value. True: the nursery took the error.
  bool child_ends(const Strand& child, const std::exception_ptr& error) {
    const HomeGuard guard(scope.home());
    return on_child_end && on_child_end(*this, child, error);
  }
  /// The last touch of the nursery by an ending child.
  void child_ended() noexcept {
    const HomeGuard guard(scope.home());
    if (--live_ != 0) return;
    while (Waiter* joiner = joiners_.pop_front()) joiner->grant();
    if (idle_) *idle_ = true;
  }
  /// Sets `idle` when no child lives; for a driver of the loop that is no strand itself.
  void when_idle(bool* idle) noexcept { idle_ = idle; }
  std::size_t live() const noexcept {
    const HomeGuard guard(scope.home());
    return live_;
  }

  /// Waits until no child lives. A cancel does not end the wait: it goes to the children through the scope, and they
  /// end. `join` throws nothing.
  class Join : public Waiter {
   public:
    Join(Nursery& nursery, const void* at) noexcept : Waiter(&not_now), nursery_(nursery), at_(at) {}
    bool await_ready() const noexcept { return nursery_.live() == 0; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location at = std::source_location::current()) noexcept {
      strand = frame.promise().strand;
      const HomeGuard guard(nursery_.scope.home());
      if (nursery_.live_ == 0) return false;
      strand->resume_point = frame;
      strand->record->suspend(WaitKind::task, at_ ? at_ : address_of(at), &nursery_);
      nursery_.joiners_.push_back(*this);
      return true;
    }
    void await_resume() const noexcept {}

   private:
    static bool not_now(Operation&) noexcept { return false; }
    Nursery& nursery_;
    const void* at_;
  };

  /// `at`: the line to record where that of the `co_await` is the library's own.
  Join join(const void* at = nullptr) noexcept { return Join(*this, at); }

 private:
  std::size_t live_ = 0;
  IntrusiveList<Waiter, Link> joiners_;
  bool* idle_ = nullptr;
};

/// The scope of a nursery as the innermost one of a strand, for a block.
template <class Kind = Nursery>
class NurseryBlock {
 public:
  explicit NurseryBlock(Strand& strand) noexcept { nursery.scope.enter(strand); }
  ~NurseryBlock() { nursery.scope.leave(); }
  Kind nursery;
};

}  // namespace plait::detail
