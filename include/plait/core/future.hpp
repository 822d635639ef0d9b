// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "plait/base/intrusive_list.hpp"
#include "plait/core/crew.hpp"
#include "plait/core/leaf.hpp"
#include "plait/core/result.hpp"

namespace plait {

template <class T>
class Future;
template <class T>
class Outcome;

/// An error that nobody retrieved, as `set_unretrieved_handler`'s handler sees it.
struct UnretrievedError {
  /// Never null.
  std::exception_ptr error;
  /// The strand's name, or empty.
  std::string name;
  /// Where the strand was spawned; line 0 if that is not known.
  std::source_location spawned_at;
};

/// What `set_unretrieved_handler` takes. Called from destructors, so what it throws goes no further: it is written to
/// stderr with the error.
using UnretrievedHandler = void (*)(const UnretrievedError&);

/// Replaces what is done with an exception that ended a strand and that nobody looked at before its handle died
/// (asyncio's exception handler). The default writes it to stderr with the strand's name and the line that spawned it.
/// Null: the default. Returns the one before. From any thread; called on the thread where the last handle dies.
UnretrievedHandler set_unretrieved_handler(UnretrievedHandler handler) noexcept;

namespace detail {

void report_unretrieved(const std::exception_ptr& error, const StrandRecord& record) noexcept;
void report_unretrieved(const std::exception_ptr& error, std::string name,
                        const std::source_location& spawned_at) noexcept;
/// Throws std::logic_error.
[[noreturn]] void refuse_empty_future();
/// Throws TimeoutError.
[[noreturn]] void refuse_to_wait_longer(const StrandRecord& record);

/// A node in the queue of a Future that is no strand: the end of the Future calls `ended`, on the completing thread.
class FutureListener : public Waiter {
 public:
  /// The last touch of the node by the Future. May free it.
  using Ended = void (*)(FutureListener&) noexcept;
  explicit FutureListener(Ended ended) noexcept : Waiter([](Operation&) noexcept { return false; }), ended(ended) {}

  const Ended ended;
};

class FutureStateBase;

/// A function that waits for the end of a Future, in a ring whose handle is the newest.
class DoneCallback {
 public:
  DoneCallback() = default;
  DoneCallback(const DoneCallback&) = delete;
  DoneCallback& operator=(const DoneCallback&) = delete;
  virtual ~DoneCallback() = default;
  virtual void call(FutureStateBase& state) = 0;

  DoneCallback* next = this;
};

/// What a started strand and its handle share; each lets go once, and the last frees it [W2]. A cancel request that is
/// on its way from another thread to the strand's home is a third party.
class FutureStateBase {
 public:
  bool done() const noexcept { return word_.load(std::memory_order_acquire) & kDone; }

  /// The strand has ended and its result is in place: wakes who waits. The strand's last touch.
  void complete() noexcept;
  /// The handle's last touch. Ends the program if others still await it.
  void drop_handle() noexcept;

  /// The result may be moved out: it is done, and no callback on another thread looks at it.
  bool takeable() const noexcept {
    const std::uint32_t word = word_.load(std::memory_order_acquire);
    return (word & kDone) && (!(word & kCalling) || calls_here());
  }

  /// For FutureWait. `enqueue`: false if done, or, for one who `takes` the result out, if takeable.
  bool enqueue(Waiter& waiter, bool takes = false) noexcept;
  bool withdraw(Waiter& waiter) noexcept;
  /// Called after those that were added before, on the completing thread; at once if those have been called.
  void add_callback(std::unique_ptr<DoneCallback> callback) noexcept;

  /// Somebody is at it, or has been. False: it waits for a worker.
  virtual bool begun() noexcept { return true; }
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

  /// The calling thread is about to wait for it for ever: what it may do that it be over sooner.
  virtual void help_here() {}

 private:
  static constexpr std::uint32_t kDone = 1, kHandleGone = 2, kLocked = 4, kHasWaiters = 8, kMessage = 16, kCalling = 32;
  std::uint32_t lock() noexcept;
  void unlock(std::uint32_t word) noexcept { word_.store(word, std::memory_order_release); }
  std::uint32_t call_callbacks(std::uint32_t word) noexcept;
  void call(DoneCallback& callback) noexcept;
  /// The calling thread is in a callback of this Future.
  bool calls_here() const noexcept;

  /// The bits above. While kLocked is set only the locker writes, and owns `waiters_` and `callbacks_`.
  Atomic<std::uint32_t> word_{0};
  Atomic<bool> looked_at_{false};
  IntrusiveList<Waiter, Link> waiters_;
  /// The newest of a ring, or null.
  DoneCallback* callbacks_ = nullptr;
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
  bool try_now() const noexcept { return this->state_->takeable(); }
  bool enqueue() noexcept { return this->state_->enqueue(*this, true); }
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

/// A done-callback as it was given.
template <class T, class F>
class DoneCall final : public DoneCallback {
 public:
  explicit DoneCall(F f) : f_(std::move(f)) {}
  void call(FutureStateBase& state) override {
    if constexpr (std::invocable<F&, const Outcome<T>&>) {
      std::invoke(f_, Outcome<T>(static_cast<FutureState<T>&>(state)));
    } else {
      std::invoke(f_);
    }
  }

 private:
  F f_;
};

/// What `Future<T>::add_done_callback` takes.
template <class F, class T>
concept DoneCallable = std::invocable<F&, const Outcome<T>&> || std::invocable<F&>;

template <class F>
struct IsFuture : std::false_type {};
template <class T>
struct IsFuture<Future<T>> : std::true_type {};
/// A Future, perhaps const.
template <class F>
concept AnyFuture = IsFuture<std::remove_const_t<F>>::value;

}  // namespace detail

/// How a strand ended, as a done-callback sees it, for the time of the call. It is not the Future, which may have been
/// moved or dropped by then. From the callback's thread.
template <class T>
class Outcome {
 public:
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;

  /// The value where it lies, or throws the strand's exception. Counts as looking at it.
  decltype(auto) result() const {
    state_.look();
    return std::as_const(state_.result).peek();
  }
  /// The exception it ended with, or null. Counts as looking at it.
  std::exception_ptr exception() const {
    state_.look();
    return state_.error();
  }
  /// It ended by a cancel.
  bool cancelled() const { return detail::is_cancelled(state_.error()); }

  /// For the library.
  explicit Outcome(detail::FutureState<T>& state) noexcept : state_(state) {}

 private:
  detail::FutureState<T>& state_;
};

/// The handle of a started strand: a spawned task, a thread's call, a pool's job (asyncio's Task, concurrent.futures'
/// Future). Move-only; may be awaited by many, from tasks of any loop and from threads. Dropping it does not stop the
/// strand; an error nobody looked at is then reported by the handler of `set_unretrieved_handler`. It must not be
/// destroyed while others await it: the program stops with a sentence.
///
/// As an lvalue, `co_await f` and `f.result()` give `const T&`; as an rvalue, `T`.
template <class T>
class Future {
 public:
  using value_type = T;

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
  /// It has begun and has not ended; a call that waits for a worker of its pool has not begun. Only a hint: it may be
  /// otherwise by the time the caller looks at the answer (Future.running). Never waits; from any thread.
  bool running() const { return !done() && state_->begun(); }
  /// It has ended, by a cancel. Never waits; from any thread.
  bool cancelled() const { return done() && detail::is_cancelled(state_->error()); }
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
  /// The same, at most for `limit`, then TimeoutError (`result(timeout)`): the strand goes on, and the Future is as
  /// before, as an rvalue too.
  template <class Rep, class Period>
  decltype(auto) result_for(std::chrono::duration<Rep, Period> limit) const& {
    return await_for<detail::FutureView<T>>(limit);
  }
  template <class Rep, class Period>
  T result_for(std::chrono::duration<Rep, Period> limit) && {
    return await_for<detail::FutureTake<T>>(limit);
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

  /// Calls `f(const Outcome<T>&)`, or `f()`, when the strand has ended: on the completing thread (its loop's for a
  /// task), in the order added, before those who await the Future go on; or at once, on the caller's thread, if that
  /// has happened already. `f` is kept by the strand, so the Future may be moved or dropped. It must not wait: it holds
  /// up who waits. What it throws is reported by the handler of `set_unretrieved_handler`, and the others are called
  /// all the same (Future.add_done_callback). From any thread.
  template <class F>
    requires detail::DoneCallable<F, T>
  void add_done_callback(F f) const {
    open().add_callback(std::make_unique<detail::DoneCall<T, F>>(std::move(f)));
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

  template <class Operation, class Rep, class Period>
  decltype(auto) await_for(std::chrono::duration<Rep, Period> limit) const {
    detail::Scheduler::refuse_to_block("Future::result_for()", "co_await a timeout round it instead.");
    Operation op(open());
    if (!op.wait_in_thread(detail::add(now(), detail::to_duration(limit)))) {
      detail::refuse_to_wait_longer(*state_->strand_record);
    }
    return op.take();
  }

  detail::FutureState<T>& open() const {
    if (!state_) [[unlikely]]
      detail::refuse_empty_future();
    return *state_;
  }

  detail::FutureState<T>* state_ = nullptr;
};

}  // namespace plait
