// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/core/frame_allocator.hpp"
#include "plait/core/stop_iteration.hpp"
#include "plait/core/strand.hpp"
#include "plait/core/task.hpp"
#include "plait/core/temporary.hpp"

namespace plait {

template <class T>
class AsyncGenerator;

namespace detail {

template <class T>
class AsyncGeneratorPromise : public FrameAllocated {
 public:
  using Value = std::remove_reference_t<T>;

  Strand* strand = nullptr;
  /// Who awaits the next value.
  std::coroutine_handle<> continuation;
  std::exception_ptr error;
  Value* value = nullptr;
  bool yielded_lvalue = false;
  bool running = false;
  bool started = false;
  bool closing = false;

  /// Back to the consumer: with a value, at the end, or with an error.
  struct BackToConsumer {
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<AsyncGeneratorPromise> frame) const noexcept {
      AsyncGeneratorPromise& promise = frame.promise();
      promise.running = false;
      return hop(*promise.strand, promise.continuation);
    }
    void await_resume() const noexcept {}
  };
  struct Yield : BackToConsumer {
    explicit Yield(AsyncGeneratorPromise& promise) noexcept : promise(promise) {}
    AsyncGeneratorPromise& promise;
    void await_resume() const {
      promise.value = nullptr;
      if (promise.closing) throw GeneratorExit{};
    }
  };

  AsyncGenerator<T> get_return_object() noexcept;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  BackToConsumer final_suspend() const noexcept { return {}; }
  /// An lvalue stays the generator's: the consumer gets a copy (or, for a reference, the object).
  Yield yield_value(Value& v) noexcept
    requires(std::is_reference_v<T> || std::is_copy_constructible_v<T>)
  {
    value = std::addressof(v);
    yielded_lvalue = true;
    return Yield(*this);
  }
  /// A temporary lives in the generator's frame until it is resumed, and is moved out.
  Yield yield_value(Value&& v) noexcept
    requires(!std::is_lvalue_reference_v<T>)
  {
    value = std::addressof(v);
    yielded_lvalue = false;
    return Yield(*this);
  }
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { error = std::current_exception(); }
};

}  // namespace detail

/// A generator that may await (PEP 525): `co_yield` gives values, `co_await` waits. Lazy, move-only, one consumer at a
/// time; it runs on the consumer's strand, within the consumer's scopes.
///
///     while (auto item = co_await generator.next()) use(*item);
///
/// Destroying it runs the destructors of its locals, no more: clean-up that waits needs `aclose()` or `closing`.
template <class T>
class [[nodiscard]] AsyncGenerator {
 public:
  using promise_type = detail::AsyncGeneratorPromise<T>;
  /// What `next` gives: the value, or a pointer-like view of it when T is a reference.
  using Item = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, std::optional<T>>;

  AsyncGenerator(AsyncGenerator&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  AsyncGenerator& operator=(AsyncGenerator&& other) noexcept {
    AsyncGenerator old(std::exchange(frame_, std::exchange(other.frame_, nullptr)));
    return *this;
  }
  ~AsyncGenerator() {
    if (!frame_) return;
    if (frame_.promise().running) {
      detail::fail("an AsyncGenerator was destroyed while it ran; await next() or aclose() first.");
    }
    frame_.destroy();
  }

  /// What `Next` and `Close` have in common: awaiting one resumes the generator on the awaiter's strand.
  class Resume {
   public:
    explicit Resume(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    bool await_ready() const noexcept { return !frame_ || frame_.done(); }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> consumer) const {
      promise_type& promise = frame_.promise();
      if (promise.running) detail::misuse("AsyncGenerator: it is already executing; one consumer at a time.");
      promise.running = promise.started = true;
      promise.strand = consumer.promise().strand;
      promise.continuation = consumer;
      return detail::hop(*promise.strand, frame_);
    }

   protected:
    void rethrow() const {
      if (frame_ && frame_.promise().error) std::rethrow_exception(std::exchange(frame_.promise().error, nullptr));
    }
    std::coroutine_handle<promise_type> frame_;
  };
  /// What `next()` returns; await it at once.
  class Next : public Resume {
   public:
    using Resume::Resume;
    Item await_resume() const {
      this->rethrow();
      if (!this->frame_ || this->frame_.done()) return {};
      if constexpr (std::is_reference_v<T>) {
        return this->frame_.promise().value;
      } else {
        promise_type& promise = this->frame_.promise();
        if constexpr (std::is_copy_constructible_v<T>) {
          if (promise.yielded_lvalue) return Item(std::as_const(*promise.value));
        }
        return Item(std::move(*promise.value));
      }
    }
  };
  /// What `aclose()` returns; await it at once.
  class Close : public Resume {
   public:
    using Resume::Resume;
    void await_resume() const {
      if (!this->frame_) return;
      if (!this->frame_.done()) {
        detail::misuse("AsyncGenerator: it yielded while it was being closed; after GeneratorExit it must end.");
      }
      try {
        this->rethrow();
      } catch (const GeneratorExit&) {
      }
    }
  };

  /// Runs on to the next `co_yield`: its value, or an empty optional (a null pointer for references) at the end and
  /// ever after. Throws what the generator throws; after that it is at its end. Not a checkpoint by itself; the
  /// operations inside are.
  Next next() noexcept { return Next(frame_); }

  /// Ends the generator (PEP 525's aclose): GeneratorExit is thrown where it waits to go on, and its clean-up is
  /// awaited. Harmless at the end or before the first `next`. std::logic_error if it yields once more.
  Close aclose() noexcept {
    if (frame_ && !frame_.promise().running) {
      // One that never began has nothing to clean up.
      if (!frame_.promise().started) std::exchange(frame_, nullptr).destroy();
      if (frame_) frame_.promise().closing = true;
    }
    return Close(frame_);
  }

 private:
  friend promise_type;
  explicit AsyncGenerator(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class T>
AsyncGenerator<T> AsyncGeneratorPromise<T>::get_return_object() noexcept {
  return AsyncGenerator<T>(std::coroutine_handle<AsyncGeneratorPromise>::from_promise(*this));
}

}  // namespace detail

}  // namespace plait
