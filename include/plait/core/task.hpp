// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include "plait/core/frame_allocator.hpp"
#include "plait/core/result.hpp"
#include "plait/core/strand.hpp"

namespace plait {

template <class T = void>
class Task;

namespace detail {

/// What every frame on a strand has in front: who goes on after it, and on which strand it runs.
struct PromiseBase : FrameAllocated {
  std::coroutine_handle<> continuation;
  Strand* strand = nullptr;

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> frame) const noexcept {
      PromiseBase& promise = frame.promise();
      if (!promise.continuation) {
        // The root of a strand: completed by the runner, outside the frame.
        promise.strand->runner->finished = promise.strand;
        return std::noop_coroutine();
      }
      return hop(*promise.strand, promise.continuation);
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
};

template <class T>
struct TaskPromise : PromiseBase {
  Result<T> result;

  Task<T> get_return_object() noexcept;
  template <class U = T>
    requires std::is_convertible_v<U&&, T>
  void return_value(U&& value) {
    result.set_value(std::forward<U>(value));
  }
  void unhandled_exception() noexcept { result.set_error(std::current_exception()); }
};

template <>
struct TaskPromise<void> : PromiseBase {
  Result<void> result;

  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { result.set_error(std::current_exception()); }
};

}  // namespace detail

/// The return type of a coroutine: `Task<int> f() { …; co_return 1; }` (an `async def` in Python). Lazy: nothing runs
/// until it is awaited, spawned or given to `run`; an un-awaited Task does nothing when it dies. Move-only. `T` may be
/// void, a reference, or a type that can only be moved.
///
/// `co_await task` runs it to its end on the awaiting strand, as a function call would, and gives its value or throws
/// its exception. Awaiting a Task is not a checkpoint; the operations inside it are. Calls nest and repeat without
/// growing the stack, in every kind of build [W8]. A Task is awaited once, as an rvalue: `co_await std::move(t)`.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using value_type = T;

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    Task(std::move(other)).swap(*this);
    return *this;
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }
  void swap(Task& other) noexcept { std::swap(frame_, other.frame_); }

  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> caller) const noexcept {
      detail::PromiseBase& promise = frame_.promise();
      promise.continuation = caller;
      promise.strand = caller.promise().strand;
      return hop(*promise.strand, frame_);
    }
    T await_resume() const { return frame_.promise().result.take(); }

   private:
    std::coroutine_handle<promise_type> frame_;
  };

  Awaiter operator co_await() && noexcept { return Awaiter(frame_); }

  /// For the library: the frame, for starting it as the root of a strand.
  std::coroutine_handle<promise_type> frame() const noexcept { return frame_; }
  /// The same, and the caller destroys it.
  std::coroutine_handle<promise_type> release() && noexcept { return std::exchange(frame_, nullptr); }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

template <class T>
struct IsTask : std::false_type {};
template <class T>
struct IsTask<Task<T>> : std::true_type {};

/// What `co_await` of an expression of type `A` gives.
template <class A>
decltype(auto) awaiter_of(A&& awaitable) {
  if constexpr (requires { std::forward<A>(awaitable).operator co_await(); }) {
    return std::forward<A>(awaitable).operator co_await();
  } else {
    return std::forward<A>(awaitable);
  }
}
template <class A>
using AwaitResult = decltype(awaiter_of(std::declval<A>()).await_resume());

template <class A>
concept Awaitable = requires(A&& a) { awaiter_of(std::forward<A>(a)).await_resume(); };

/// What `as_task` makes a Task of: a gather, an operation.
template <class A>
concept AwaitableButNoTask = Awaitable<A> && !IsTask<std::remove_cvref_t<A>>::value && !std::is_lvalue_reference_v<A>;

/// How a combinator keeps what it was given: an rvalue is moved in, an lvalue stays the caller's.
template <class A>
using Held = std::conditional_t<std::is_lvalue_reference_v<A>, A, std::remove_cv_t<std::remove_reference_t<A>>>;

/// Awaits an operation that the library wrapped: it is recorded at the line `at`, or where its strand was spawned. A
/// Task is freed with it, not with what wraps it, so that a deep nest of combinators is not freed recursively [W2].
template <class A>
class AtLine {
 public:
  explicit AtLine(std::remove_reference_t<A>& awaitable, const void* at = nullptr)
      : inner_(awaiter_of(static_cast<A&&>(awaitable))), at_(at), awaited_(awaitable) {}
  AtLine(const AtLine&) = delete;
  AtLine& operator=(const AtLine&) = delete;

  bool await_ready() { return inner_.await_ready(); }
  template <class Promise>
  auto await_suspend(std::coroutine_handle<Promise> frame) {
    if constexpr (requires { inner_.await_suspend(frame, std::source_location()); }) {
      const void* at = at_ ? at_ : frame.promise().strand->record->spawned_at.load(std::memory_order_relaxed);
      if (at) return inner_.await_suspend(frame, __builtin_bit_cast(std::source_location, at));
    }
    return inner_.await_suspend(frame);
  }
  decltype(auto) await_resume() { return inner_.await_resume(); }

 private:
  struct Freed {
    explicit Freed(A& task) noexcept : task(task) {}
    ~Freed() { A ended = std::move(task); }
    A& task;
  };
  struct Kept {
    explicit Kept(std::remove_reference_t<A>&) noexcept {}
  };

  decltype(awaiter_of(std::declval<A>())) inner_;
  const void* at_;
  [[no_unique_address]] std::conditional_t<IsTask<A>::value, Freed, Kept> awaited_;
};

/// The task itself, or one that awaits `awaitable`.
template <class T>
Task<T> as_task(Task<T> task) {
  return task;
}
template <class A>
  requires(!IsTask<std::remove_cvref_t<A>>::value)
Task<std::decay_t<AwaitResult<A>>> as_task(A awaitable) {
  AtLine<A> operation(awaitable);
  co_return co_await operation;
}

}  // namespace detail
}  // namespace plait
