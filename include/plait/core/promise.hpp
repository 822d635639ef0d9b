// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <string_view>
#include <utility>

#include "plait/core/future.hpp"

namespace plait {
namespace detail {

/// A state that somebody completes by hand.
template <class T>
class PromiseState final : public FutureState<T> {
 public:
  PromiseState(std::string_view name, const void* spawned_at) {
    this->strand_record = open_record(false, name, spawned_at, nullptr);
  }
  void request_cancel() noexcept override {
    if (!this->done() && on_cancel) on_cancel();
  }
  /// Set before the future is given away.
  std::function<void()> on_cancel;
};

}  // namespace detail

/// The other end of a `Future`, for results that come from elsewhere (asyncio's low-level Future, std::promise).
/// Move-only. From any thread; exactly one of the `set_` functions, once. A Promise that dies without one sets
/// std::future_error's counterpart, a std::logic_error that says "broken promise".
template <class T>
class Promise {
 public:
  explicit Promise(std::string_view name = {}, std::source_location at = std::source_location::current())
      : state_(new detail::PromiseState<T>(name, detail::address_of(at))) {}
  Promise(Promise&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)), future_taken_(std::exchange(other.future_taken_, true)) {}
  Promise& operator=(Promise&&) = delete;
  ~Promise() {
    if (!state_) return;
    if (!future_taken_) state_->drop_handle();
    set_error(std::make_exception_ptr(std::logic_error("plait: broken promise: nobody set a result")));
  }

  /// The handle; once.
  Future<T> future() {
    if (std::exchange(future_taken_, true)) detail::misuse("Promise::future(): it was taken already.");
    return Future<T>(state_);
  }
  /// Called by `Future::cancel`, on the caller's thread, perhaps more than once. Set it before the future is given
  /// away.
  void on_cancel(std::function<void()> f) { state_->on_cancel = std::move(f); }

  /// Completes the future with a value made of the arguments, and wakes who awaits it. A second result is a
  /// std::logic_error.
  template <class... U>
  void set_value(U&&... value) {
    take_open("set_value").result.set_value(std::forward<U>(value)...);
    finish();
  }
  /// Completes the future with an exception, which whoever awaits it gets.
  void set_error(std::exception_ptr error) {
    if (!error) detail::misuse("Promise::set_error(): there is no error in the exception_ptr.");
    take_open("set_error").result.set_error(std::move(error));
    finish();
  }

 private:
  detail::PromiseState<T>& take_open(const char* what) {
    if (!state_) detail::misuse(std::string("Promise::") + what + "(): it has its result already.");
    return *state_;
  }
  void finish() { std::exchange(state_, nullptr)->complete(); }

  detail::PromiseState<T>* state_;
  bool future_taken_ = false;
};

}  // namespace plait
