// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/core/frame_allocator.hpp"
#include "plait/core/generator_chain.hpp"
#include "plait/core/temporary.hpp"

/// What the body of a Generator meets: its promise, and what `co_yield` awaits. The public side is core/generator.hpp,
/// the mechanics of delegation are in core/generator_chain.hpp.
namespace plait {

template <class Yield, class Send, class Return>
class Generator;
template <class Source>
class ElementsOf;

namespace detail {

template <class Yield, class Send, class Return>
class GeneratorPromise;
template <class Yield, class Send, class Return>
Return& returned_by(GeneratorPromise<Yield, Send, Return>* promise);

struct NothingSent {};
/// `Send`, or a type that can stand in a parameter list where `Send` is void.
template <class Send>
using SentValue = std::conditional_t<std::is_void_v<Send>, NothingSent, Send>;

/// `const Return&`, or void.
template <class Return>
using Kept = std::conditional_t<std::is_void_v<Return>, void, std::add_lvalue_reference_t<const Return>>;

template <class T>
inline constexpr bool is_generator = false;
template <class Yield, class Send, class Return>
inline constexpr bool is_generator<Generator<Yield, Send, Return>> = true;

/// The part of a promise that generators which may delegate to one another share: what is yielded and sent.
template <class Yield, class Send>
class GeneratorPromiseBase : public GeneratorFrame, public FrameAllocated {
  using Value = std::remove_reference_t<Yield>;
  static constexpr bool yields_lvalues = std::is_lvalue_reference_v<Yield>;
  /// Small plain values are handed over in the root's frame; of all others the root gets the address.
  static constexpr bool in_slot = std::is_object_v<Yield> && std::is_trivially_copyable_v<Value> &&
                                  std::is_copy_constructible_v<Value> && sizeof(Value) <= 2 * sizeof(void*);

  class Yielded;
  class YieldedCopy;
  template <class Return, class Result>
  class Delegation;
  class RangeDelegation;
  struct Borrowed {
    explicit Borrowed(Value& named) noexcept : value{std::addressof(named)} {}
    Value* value;
  };
  class Ended;

 public:
  using GeneratorFrame::GeneratorFrame;

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Ended final_suspend() noexcept { return Ended{*this}; }
  void unhandled_exception() noexcept { body_threw(); }
  template <class Awaitable>
  void await_transform(Awaitable&&) = delete;

  Yielded yield_value(Value value) noexcept
    requires in_slot
  {
    return yielded(value);
  }
  Yielded yield_value(Value& value) noexcept
    requires yields_lvalues
  {
    return yielded(value);
  }
  Yielded yield_value(Value&& value) noexcept
    requires(!in_slot && (!yields_lvalues || std::is_const_v<Value>))
  {
    static_assert(!destroyed_twice<std::remove_cvref_t<Value>>,
                  "plait::Generator: g++-12 destroys an aggregate made in a co_yield expression twice; name it first "
                  "and yield the name, or yield references (Generator<T&>)");
    return yielded(value);
  }
  YieldedCopy yield_value(const Value& value)
    requires(!in_slot && std::is_object_v<Yield> && std::copy_constructible<Value>)
  {
    return YieldedCopy{*this, value};
  }
  template <class Return>
  Delegation<Return, Return> yield_value(ElementsOf<Generator<Yield, Send, Return>> inner) {
    return delegation<Return, Return>(inner.source());
  }
  template <class Return>
  Delegation<Return, Kept<Return>> yield_value(ElementsOf<Generator<Yield, Send, Return>&> inner) {
    return delegation<Return, Kept<Return>>(inner.source());
  }
  Yielded yield_value(Borrowed borrowed) noexcept { return yielded(*borrowed.value); }
  template <class Source>
  RangeDelegation yield_value(ElementsOf<Source> range) {
    static_assert(
        !is_generator<std::remove_cvref_t<Source>>,
        "plait::elements_of: the inner Generator must have the same Yield and Send as the one that delegates; "
        "otherwise go through it with a for loop");
    return RangeDelegation{*this, elements<Source>(range.source())};
  }

  /// Where the value of the last step is. Asked of the root.
  Value* value() noexcept {
    if constexpr (in_slot) {
      return std::addressof(value_.in_place);
    } else {
      return value_.elsewhere;
    }
  }

  /// A step with nothing sent.
  bool next() {
    if constexpr (!std::is_void_v<Send>) {
      must_be_idle("next()");
      if (state() == State::suspended) {
        static_cast<GeneratorPromiseBase*>(leaf())->expect_default("next()");
      }
    }
    return step();
  }
  /// A step that sends `value`.
  bool send(SentValue<Send>& value) {
    must_be_idle("send()");
    if (state() == State::created) {
      misuse("plait::Generator: send() before the first step, when no co_yield waits; call next()");
    }
    if (state() == State::suspended) {
      auto& waiting = static_cast<GeneratorPromiseBase&>(*leaf());
      if (waiting.refuses_sent_values()) {
        waiting.set_pending(std::make_exception_ptr(
            std::logic_error("plait::Generator: send() reached a plain range, which takes no values")));
      } else {
        waiting.sent_ = std::addressof(value);
      }
    }
    return step();
  }

 private:
  union Place {
    Place() noexcept : elsewhere{nullptr} {}
    Value* elsewhere;
    std::conditional_t<in_slot, Value, Value*> in_place;
  };

  Yielded yielded(Value& value) noexcept {
    publish(value);
    return Yielded{*this};
  }
  void publish(Value& value) noexcept {
    auto& root_value = static_cast<GeneratorPromiseBase*>(root())->value_;
    if constexpr (in_slot) {
      std::construct_at(std::addressof(root_value.in_place), value);
    } else {
      root_value.elsewhere = std::addressof(value);
    }
  }

  /// What a `co_yield` of a value gives the body.
  Send resumed() {
    throw_pending();
    if constexpr (!std::is_void_v<Send>) {
      if constexpr (std::default_initializable<Send>) {
        return sent_ != nullptr ? std::move(*sent_) : Send{};
      } else {
        return std::move(*sent_);
      }
    }
  }

  void expect_default(const char* operation) {
    if constexpr (!std::is_void_v<Send>) {
      if constexpr (!std::default_initializable<Send>) {
        misuse(std::string("plait::Generator: ") + operation +
               " needs a Send with a default constructor; this generator wants send(value)");
      }
      sent_ = nullptr;
    }
  }

  template <class Return, class Result>
  Delegation<Return, Result> delegation(Generator<Yield, Send, Return>& inner) {
    if (inner.frame_ != nullptr) {
      inner.frame_->must_be_idle("elements_of()");
      if (inner.frame_->state() == State::suspended) {
        static_cast<GeneratorPromiseBase*>(inner.frame_->leaf())->expect_default("elements_of()");
      }
    }
    return Delegation<Return, Result>{*this, inner.frame_ != nullptr ? &inner.promise() : nullptr};
  }

  /// The generator that goes through a plain range. It yields its elements under a name, never as temporaries.
  template <class Source>
  static Generator<Yield, Send, void> elements(std::remove_reference_t<Source>& source) {
    for (auto&& element : source) {
      using Element = decltype(element);
      using Held = std::conditional_t<std::is_reference_v<Yield>, Yield,
                                      std::conditional_t<std::is_same_v<Element, Value&&>, Value&&, Value>>;
      Held held = std::forward<Element>(element);
      co_yield Borrowed{held};
    }
  }

  Place value_;
  SentValue<Send>* sent_ = nullptr;
};

template <class Yield, class Send>
class GeneratorPromiseBase<Yield, Send>::Ended : public std::suspend_always {
 public:
  explicit Ended(GeneratorPromiseBase& promise) noexcept : promise_{promise} {}
  void await_suspend(std::coroutine_handle<>) const noexcept { promise_.body_ended(); }

 private:
  GeneratorPromiseBase& promise_;
};

template <class Yield, class Send>
class GeneratorPromiseBase<Yield, Send>::Yielded {
 public:
  explicit Yielded(GeneratorPromiseBase& promise) noexcept : promise_{promise} {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  Send await_resume() const { return promise_.resumed(); }

 private:
  GeneratorPromiseBase& promise_;
};

/// Holds the copy of an lvalue that was yielded, so that whoever steps may move from it.
template <class Yield, class Send>
class GeneratorPromiseBase<Yield, Send>::YieldedCopy {
 public:
  YieldedCopy(GeneratorPromiseBase& promise, const Value& value) : promise_{promise}, copy_(value) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) noexcept { promise_.publish(copy_); }
  Send await_resume() const { return promise_.resumed(); }

 private:
  GeneratorPromiseBase& promise_;
  Value copy_;
};

/// A generator that runs in the place of the one that delegates to it. `Result` is `Return`, or a reference to it where
/// the inner generator outlives the expression.
template <class Yield, class Send>
template <class Return, class Result>
class GeneratorPromiseBase<Yield, Send>::Delegation {
 public:
  using Inner = GeneratorPromise<Yield, Send, Return>;

  Delegation(GeneratorPromiseBase& outer, Inner* inner) noexcept : outer_{outer}, inner_{inner} {}
  bool await_ready() const noexcept { return inner_ == nullptr || inner_->state() == State::finished; }
  void await_suspend(std::coroutine_handle<>) const noexcept { outer_.delegate_to(*inner_); }
  Result await_resume() const {
    outer_.throw_pending();
    if (inner_ != nullptr) {
      inner_->throw_pending();
    }
    if constexpr (!std::is_void_v<Return>) {
      return static_cast<Result&&>(returned_by(inner_));
    }
  }

 private:
  GeneratorPromiseBase& outer_;
  Inner* inner_;
};

template <class Yield, class Send>
class GeneratorPromiseBase<Yield, Send>::RangeDelegation {
 public:
  RangeDelegation(GeneratorPromiseBase& outer, Generator<Yield, Send, void> elements)
      : elements_{std::move(elements)}, delegation_{outer.template delegation<void, void>(elements_)} {
    elements_.frame_->refuse_sent_values();
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) const noexcept { delegation_.await_suspend(self); }
  void await_resume() const { delegation_.await_resume(); }

 private:
  Generator<Yield, Send, void> elements_;
  Delegation<void, void> delegation_;
};

template <class Yield, class Send, class Return>
class GeneratorPromise final : public GeneratorPromiseBase<Yield, Send> {
 public:
  GeneratorPromise() noexcept
      : GeneratorPromiseBase<Yield, Send>{std::coroutine_handle<GeneratorPromise>::from_promise(*this)} {}

  Generator<Yield, Send, Return> get_return_object() noexcept { return Generator<Yield, Send, Return>{*this}; }
  template <class Value = Return>
    requires std::convertible_to<Value, Return>
  void return_value(Value&& value) {
    returned_.emplace(std::forward<Value>(value));
  }
  std::optional<Return>& returned() noexcept { return returned_; }

 private:
  std::optional<Return> returned_;
};

template <class Yield, class Send>
class GeneratorPromise<Yield, Send, void> final : public GeneratorPromiseBase<Yield, Send> {
 public:
  GeneratorPromise() noexcept
      : GeneratorPromiseBase<Yield, Send>{std::coroutine_handle<GeneratorPromise>::from_promise(*this)} {}

  Generator<Yield, Send, void> get_return_object() noexcept { return Generator<Yield, Send, void>{*this}; }
  void return_void() const noexcept {}
};

template <class Yield, class Send, class Return>
Return& returned_by(GeneratorPromise<Yield, Send, Return>* promise) {
  if (promise == nullptr || !promise->returned()) {
    misuse("plait::Generator: returned() of a generator that has not ended by co_return");
  }
  return *promise->returned();
}

}  // namespace detail
}  // namespace plait
