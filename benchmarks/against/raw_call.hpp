// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <utility>

/// A nested call in bare coroutines: lazy, symmetric transfer, the exception travels to the caller. `Frames` may have
/// an operator new and delete for them.
template <class Frames>
struct Call {
  struct promise_type : Frames {
    std::coroutine_handle<> caller;
    std::exception_ptr error;
    std::uint64_t value = 0;

    struct Finish {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        return self.promise().caller;
      }
      void await_resume() noexcept {}
    };
    Call get_return_object() { return Call{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Finish final_suspend() noexcept { return {}; }
    void return_value(std::uint64_t result) { value = result; }
    void unhandled_exception() { error = std::current_exception(); }
  };
  std::coroutine_handle<promise_type> handle;

  explicit Call(std::coroutine_handle<promise_type> handle) : handle(handle) {}
  Call(Call&& other) noexcept : handle(std::exchange(other.handle, {})) {}
  ~Call() {
    if (handle) handle.destroy();
  }
  bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
    handle.promise().caller = caller;
    return handle;
  }
  std::uint64_t await_resume() {
    if (handle.promise().error) std::rethrow_exception(handle.promise().error);
    return handle.promise().value;
  }
};
