// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include "plait/base/intrusive_list.hpp"
#include "plait/core/crew.hpp"
#include "plait/core/leaf.hpp"
#include "plait/core/result.hpp"

namespace plait {

template <class T>
class Future;

/// An error that nobody retrieved, as `set_unretrieved_handler`'s handler sees it.
struct UnretrievedError {
  /// Never null.
  std::exception_ptr error;
  /// The strand's name, or empty.
  std::string name;
  /// Where the strand was spawned; line 0 if that is not known.
  std::source_location spawned_at;
};

/// What `set_unretrieved_handler` takes. Called from destructors, so it must not throw.
using UnretrievedHandler = void (*)(const UnretrievedError&);

/// Replaces what is done with an exception that ended a strand and that nobody looked at before its handle died
/// (asyncio's exception handler). The default writes it to stderr with the strand's name and the line that spawned it.
/// Null: the default. Returns the one before. From any thread; called on the thread where the last handle dies; must
/// not throw.
UnretrievedHandler set_unretrieved_handler(UnretrievedHandler handler) noexcept;

namespace detail {

void report_unretrieved(const std::exception_ptr& error, const StrandRecord& record) noexcept;
void report_unretrieved(const std::exception_ptr& error, std::string name,
                        const std::source_location& spawned_at) noexcept;
/// Throws std::logic_error.
[[noreturn]] void refuse_empty_future();

/// What a started strand and its handle share; each lets go once, and the last frees it [W2]. A cancel request that is
/// on its way from another thread to the strand's home is a third party.
class FutureStateBase {
 public:
  bool done() const noexcept { return word_.load(std::memory_order_acquire) & kDone; }

  /// The strand has ended and its result is in place: wakes who waits. The strand's last touch.
  void complete() noexcept;
  /// The handle's last touch. Ends the program if others still await it.
  void drop_handle() noexcept;

  /// For FutureAwaiter. `enqueue`: false if done.
  bool enqueue(Waiter& waiter) noexcept;
  bool withdraw(Waiter& waiter) noexcept;

  virtual void request_cancel() noexcept = 0;
  /// The same for a canceller that holds a strand's wait lock, or a pool's home: takes neither [W12].
  virtual void request_cancel_later() noexcept { request_cancel(); }
  /// A cancel message sets out; false if there is no need: one is on its way, or the strand has ended.
  bool send_message() noexcept;
  /// The message has arrived and is the last touch of its sender. True if the strand has not ended.
  bool receive_message() noexcept;
  virtual const std::exception_ptr& error() const noexcept = 0;

  /// The calling thread is about to wait for it. The crew that has to know, or null.
  Crew* begin_wait_in_thread(bool forever);

  /// Somebody saw the result or the error.
  void look() noexcept { looked_at_.store(true, std::memory_order_relaxed); }

  StrandRecord* strand_record = nullptr;

 protected:
  FutureStateBase() = default;
  FutureStateBase(const FutureStateBase&) = delete;
  FutureStateBase& operator=(const FutureStateBase&) = delete;
  virtual ~FutureStateBase() = default;
  /// Reports an error that nobody looked at, closes the record, and frees the memory.
  void destroy() noexcept;

  /// Makes the call here if it has not begun and the calling thread, which would wait for it for ever, may do it.
  virtual void run_here() {}

 private:
  static constexpr std::uint32_t kDone = 1, kHandleGone = 2, kLocked = 4, kHasWaiters = 8, kMessage = 16;
  std::uint32_t lock() noexcept;
  void unlock(std::uint32_t word) noexcept { word_.store(word, std::memory_order_release); }

  /// The bits above. While kLocked is set only the locker writes, and owns `waiters_`.
  Atomic<std::uint32_t> word_{0};
  Atomic<bool> looked_at_{false};
  IntrusiveList<Waiter, Link> waiters_;
};

template <class T>
class FutureState : public FutureStateBase {
 public:
  const std::exception_ptr& error() const noexcept override { return result.error(); }
  Result<T> result;
};

/// Tells a crew, if there is one, that its thread waits for the time of a block.
class CrewWait {
 public:
  explicit CrewWait(Crew* crew) noexcept : crew_(crew) {
    if (crew_) crew_->begin_block();
  }
  ~CrewWait() {
    if (crew_) crew_->end_block();
  }
  CrewWait(const CrewWait&) = delete;
  CrewWait& operator=(const CrewWait&) = delete;

 private:
  Crew* const crew_;
};

/// Waits for a state to be done; `Take` says what of it.
template <class Derived, class T>
class FutureWait : public Leaf<Derived> {
 public:
  explicit FutureWait(FutureState<T>& state) noexcept
      : Leaf<Derived>(WaitKind::task, state.strand_record), state_(&state) {}

  bool try_now() const noexcept { return state_->done(); }
  bool enqueue() noexcept { return state_->enqueue(*this); }
  /// In a thread of a pool a call that has not begun is made here and now, or somebody takes the thread's place.
  bool wait_in_thread(TimePoint deadline) {
    Crew* const crew = state_->begin_wait_in_thread(deadline == kNever);
    const CrewWait guard(crew);
    return Leaf<Derived>::wait_in_thread(deadline);
  }
  bool withdraw() noexcept { return state_->withdraw(*this); }

 protected:
  FutureState<T>* state_;
};

/// `co_await future` as an lvalue: the value where it lies.
template <class T>
class FutureView : public FutureWait<FutureView<T>, T> {
 public:
  using FutureWait<FutureView<T>, T>::FutureWait;
  decltype(auto) take() {
    this->state_->look();
    return this->state_->result.peek();
  }
};

/// `co_await std::move(future)`: the value itself.
template <class T>
class FutureTake : public FutureWait<FutureTake<T>, T> {
 public:
  using FutureWait<FutureTake<T>, T>::FutureWait;
  T take() {
    this->state_->look();
    return this->state_->result.take();
  }
};

/// Only waits.
template <class T>
class FutureDone : public FutureWait<FutureDone<T>, T> {
 public:
  using FutureWait<FutureDone<T>, T>::FutureWait;
  void take() const noexcept {}
};

}  // namespace detail

/// The handle of a started strand: a spawned task, a thread's call, a pool's job (asyncio's Task, concurrent.futures'
/// Future). Move-only; may be awaited by many, from tasks of any loop and from threads. Dropping it does not stop the
/// strand; an error nobody looked at is then reported by the handler of `set_unretrieved_handler`. It must not be
/// destroyed while others await it: the program stops with a sentence.
///
/// As an lvalue, `co_await f` and `f.result()` give `const T&`; as an rvalue, `T`.
template <class T>
class Future {
 public:
  Future() noexcept = default;
  Future(Future&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Future& operator=(Future&& other) noexcept {
    Future(std::move(other)).swap(*this);
    return *this;
  }
  ~Future() {
    if (state_) state_->drop_handle();
  }
  void swap(Future& other) noexcept { std::swap(state_, other.state_); }

  /// False for a default-constructed or moved-from handle; all below then throws std::logic_error.
  bool valid() const noexcept { return state_ != nullptr; }
  /// It has a result, an error, or was cancelled. Never waits; from any thread.
  bool done() const { return open().done(); }
  /// Cancels the strand: its outermost scope, hence its next checkpoint (`Task.cancel`). Does not wait. A strand that
  /// has ended is left alone. From any thread.
  void cancel() { open().request_cancel(); }

  /// In a plain thread: waits, then gives the value or throws the strand's exception. Throws std::logic_error on a
  /// loop's thread: `co_await` it there.
  decltype(auto) result() const& {
    detail::Scheduler::refuse_to_block("Future::result()", "co_await the Future instead.");
    detail::FutureView<T> op(open());
    op.wait_in_thread(detail::kNever);
    return op.take();
  }
  T result() && {
    detail::Scheduler::refuse_to_block("Future::result()", "co_await the Future instead.");
    detail::FutureTake<T> op(open());
    op.wait_in_thread(detail::kNever);
    return op.take();
  }
  /// In a plain thread: waits at most `limit`. True if it is done.
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> limit) const {
    detail::Scheduler::refuse_to_block("Future::wait_for()", "co_await a timeout round it instead.");
    detail::FutureDone<T> op(open());
    return op.wait_in_thread(detail::add(now(), detail::to_duration(limit)));
  }
  /// The exception it ended with, or null. Only when `done()`. Counts as looking at it.
  std::exception_ptr exception() const {
    if (!done()) detail::misuse("Future::exception(): the strand has not ended; await it first.");
    state_->look();
    return state_->error();
  }

  /// Awaits the end. On cancel: the waiting ends, the strand goes on.
  auto operator co_await() const& { return detail::FutureView<T>(open()); }
  /// Awaits the end and moves the value out.
  auto operator co_await() && {
    open();
    return Taking(std::move(*this));
  }

  /// A copyable handle to the same strand; this one is empty afterwards.
  std::shared_ptr<const Future> share() && { return std::make_shared<const Future>(std::move(*this)); }

  /// For the library: takes over one reference to `state`.
  explicit Future(detail::FutureState<T>* state) noexcept : state_(state) {}
  detail::FutureState<T>* state() const noexcept { return state_; }

 private:
  /// Keeps the state alive while an rvalue is awaited.
  class Taking : public detail::FutureTake<T> {
   public:
    explicit Taking(Future&& future) noexcept : detail::FutureTake<T>(*future.state_), held_(std::move(future)) {}

   private:
    Future held_;
  };

  detail::FutureState<T>& open() const {
    if (!state_) [[unlikely]]
      detail::refuse_empty_future();
    return *state_;
  }

  detail::FutureState<T>* state_ = nullptr;
};

}  // namespace plait
