// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>

#include "plait/core/generator_promise.hpp"
#include "plait/core/stop_iteration.hpp"

namespace plait {

/// A sequence that is computed as it is asked for, by a coroutine that says `co_yield` for each value.
///
/// `Yield` is what comes out. For an object type T each step gives the value itself, `T&&` to range-for and a
/// `std::optional<T>` from the functions below; a body may yield an lvalue, which is copied, or an rvalue, so T may be
/// move-only. For a reference type `T&` each step gives a reference to what the body named in its `co_yield`, valid
/// until the next step, and the functions below give a `T*`, null at the end: `while (auto x = g.next()) use(*x);` is
/// the same text for both. `Send` is what goes in: the value of a `co_yield` expression. `Return` is what the body
/// says in `co_return`.
///
/// The body starts at the first step and stands still between two steps. An exception that leaves it leaves the step
/// that ran it, and ends the generator. Destroying the object destroys the body's variables where it stands: their
/// destructors run, its handlers do not; `close()` is for those. The arguments of the coroutine that are references
/// must outlive the generator.
///
/// As a range it is an input range, and begins where it stands: a loop after `next()` sees the rest. A generator that
/// is at its end stays there. It is no view, so that `g | std::views::take(2)` borrows `g` and leaves the rest in it.
///
/// One thread at a time may use a generator; it need not always be the same one.
/// Throws: each step throws std::logic_error when the generator is running already (a body that steps itself) or when
/// another generator delegates to it.
/// Cost: a step is one resumption, at any depth of `elements_of`. One allocation, when the coroutine is called.
/// Not offered: `co_await` in the body (AsyncGenerator does that), and yielding nothing (yield a std::monostate).
/// Source: Python's generators (PEP 255, 342, 380, 479) and C++23's std::generator.
template <class Yield, class Send = void, class Return = void>
class [[nodiscard]] Generator {
  static_assert((std::is_object_v<Yield> && !std::is_const_v<Yield>) || std::is_reference_v<Yield>,
                "plait::Generator yields objects or references; for a bare yield use std::monostate");
  static_assert(std::is_object_v<Send> || std::is_void_v<Send>, "plait::Generator is sent objects, or void");
  static_assert(std::is_object_v<Return> || std::is_void_v<Return>, "plait::Generator returns an object, or void");

 public:
  using promise_type = detail::GeneratorPromise<Yield, Send, Return>;
  /// What `next()`, `send()` and `throw_in()` answer with: empty, or null, at the end.
  using Next = std::conditional_t<std::is_lvalue_reference_v<Yield>, std::remove_reference_t<Yield>*,
                                  std::optional<std::remove_reference_t<Yield>>>;

  class Iterator;

  Generator(Generator&& other) noexcept : frame_{std::exchange(other.frame_, nullptr)} { own(); }
  /// A generator that was moved from, or closed before its first step, is at its end.
  Generator& operator=(Generator&& other) noexcept {
    if (this != &other) {
      release();
      frame_ = std::exchange(other.frame_, nullptr);
      own();
    }
    return *this;
  }
  /// Destroys the body where it stands, without running its handlers. A generator that is delegated to may go first:
  /// the one that delegates is thrown a std::logic_error at its next step.
  ~Generator() { release(); }

  /// Runs up to the next value. Where the body takes sent values, the `co_yield` it waits at gives a `Send{}`; make
  /// `Send` a std::optional to tell that from a value.
  /// Throws: what leaves the body; std::logic_error where `Send` has no default, except for the first step.
  /// Source: Python's next(g, None).
  Next next() { return step() ? take() : Next{}; }

  /// Makes the `co_yield` the body waits at give `value`, and runs up to the next value.
  /// Throws: what leaves the body; std::logic_error before the first step, when no `co_yield` waits. Where the body
  /// delegates to a plain range, which takes nothing, the body is thrown a std::logic_error (Python's
  /// AttributeError) at its `elements_of`.
  /// Source: Python's generator.send.
  Next send(detail::SentValue<Send> value)
    requires(!std::is_void_v<Send>)
  {
    return send_to_leaf(value) ? take() : Next{};
  }

  /// Throws `error` at the `co_yield` where the body waits, in the innermost generator that is delegated to, and runs
  /// up to the next value. A generator not yet started ends at once, one at its end stays so; both rethrow `error`.
  /// Throws: what leaves the body; std::logic_error if `error` is null.
  /// Source: Python's generator.throw.
  Next throw_in(std::exception_ptr error) { return throw_into_leaf(std::move(error)) ? take() : Next{}; }
  /// The same, for an exception object.
  template <class Exception>
    requires(!std::convertible_to<Exception, std::exception_ptr>)
  Next throw_in(Exception exception) {
    return throw_in(std::make_exception_ptr(std::move(exception)));
  }

  /// Ends the generator: throws GeneratorExit where the body waits, innermost first, so that its handlers run. Before
  /// the first step, and at the end, nothing of the body runs. A body that catches it may `co_return` a value.
  /// Throws: std::runtime_error if the body yields once more, and the generator then stands there; what else leaves
  /// the body.
  /// Source: Python's generator.close, PEP 342 and 380.
  void close();

  /// What the body said in `co_return`.
  /// Throws: std::logic_error if it has not returned: not yet, or it ended by an exception.
  /// Source: Python's StopIteration.value.
  const detail::SentValue<Return>& returned() const
    requires(!std::is_void_v<Return>)
  {
    return detail::returned_by(frame_ != nullptr ? &promise() : nullptr);
  }

  /// Runs up to the next value and stands there. Asking twice takes two steps.
  Iterator begin() { return Iterator{step() ? &promise() : nullptr}; }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend promise_type;
  template <class, class>
  friend class detail::GeneratorPromiseBase;

  explicit Generator(promise_type& promise) noexcept : frame_{&promise} { own(); }

  promise_type& promise() const noexcept { return static_cast<promise_type&>(*frame_); }
  void own() noexcept {
    if (frame_ != nullptr) {
      frame_->set_owner(&frame_);
    }
  }
  void release() noexcept {
    if (frame_ != nullptr) {
      detail::GeneratorFrame::destroy(*frame_);
    }
  }
  bool step() { return frame_ != nullptr && promise().next(); }
  bool send_to_leaf(detail::SentValue<Send>& value);
  bool throw_into_leaf(std::exception_ptr error);
  Next take() {
    if constexpr (std::is_lvalue_reference_v<Yield>) {
      return promise().value();
    } else {
      return Next{std::move(*promise().value())};
    }
  }

  detail::GeneratorFrame* frame_;
};

/// Where a generator stands, for range-for and std::ranges. Valid as long as the generator's body, wherever the
/// Generator object is moved to.
template <class Yield, class Send, class Return>
class Generator<Yield, Send, Return>::Iterator {
 public:
  using value_type = std::remove_cvref_t<Yield>;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  Yield&& operator*() const noexcept { return static_cast<Yield&&>(*promise_->value()); }
  Iterator& operator++() {
    if (!promise_->next()) {
      promise_ = nullptr;
    }
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const noexcept { return promise_ == nullptr; }

 private:
  friend Generator;
  explicit Iterator(promise_type* promise) noexcept : promise_{promise} {}

  promise_type* promise_;
};

/// What `co_yield elements_of(…)` takes: nobody else needs to name it.
template <class Source>
class [[nodiscard]] ElementsOf {
 public:
  explicit ElementsOf(std::remove_reference_t<Source>& source) noexcept : source_{std::addressof(source)} {}
  std::remove_reference_t<Source>& source() const noexcept { return *source_; }

 private:
  std::remove_reference_t<Source>* source_;
};

/// `co_yield elements_of(source)` yields all that `source` yields, then goes on; Python's `yield from`.
///
/// A Generator of the same `Yield` and `Send` takes the place of this one: steps, sent values, exceptions and `close`
/// reach it directly, at the cost of one resumption however many generators delegate to one another. The expression
/// has the value it returns. It may be started already, and as an lvalue it is left at its end; until then only the
/// generator that delegates may be stepped, and is the one to destroy it with its own body if that ends sooner.
/// Any other input range is gone through element by element; elements are copied out of it.
/// Lifetime: `source` outlives the expression, as a temporary in it does.
/// Throws: std::logic_error if the generator is running, or is delegated to by another.
/// Source: PEP 380, std::ranges::elements_of.
template <class Source>
  requires std::ranges::input_range<Source>
ElementsOf<Source> elements_of(Source&& source) noexcept {
  static_assert(std::is_lvalue_reference_v<Source> || !detail::destroyed_twice<std::remove_cvref_t<Source>>,
                "plait::elements_of: g++-12 destroys an aggregate made in a co_yield expression twice; name it first");
  return ElementsOf<Source>{source};
}

/// The next value of `generator`: a T, or a T& where it yields references.
/// Throws: StopIteration at the end; what leaves the body.
/// Source: Python's next(g).
template <class Yield, class Send, class Return>
std::conditional_t<std::is_lvalue_reference_v<Yield>, Yield, std::remove_reference_t<Yield>> next(
    Generator<Yield, Send, Return>& generator) {
  auto value = generator.next();
  if (!value) {
    throw StopIteration{};
  }
  if constexpr (std::is_lvalue_reference_v<Yield>) {
    return *value;
  } else {
    return *std::move(value);
  }
}
/// The first value of a generator that nobody keeps.
template <class Yield, class Send, class Return>
std::remove_cvref_t<Yield> next(Generator<Yield, Send, Return>&& generator) {
  return plait::next(generator);
}

template <class Yield, class Send, class Return>
void Generator<Yield, Send, Return>::close() {
  if (frame_ == nullptr) {
    return;
  }
  frame_->must_be_idle("close()");
  if (frame_->state() == detail::GeneratorFrame::State::created) {
    release();
  } else if (frame_->state() == detail::GeneratorFrame::State::suspended) {
    frame_->close();
  }
}

template <class Yield, class Send, class Return>
bool Generator<Yield, Send, Return>::send_to_leaf(detail::SentValue<Send>& value) {
  return frame_ != nullptr && promise().send(value);
}

template <class Yield, class Send, class Return>
bool Generator<Yield, Send, Return>::throw_into_leaf(std::exception_ptr error) {
  if (!error) {
    detail::misuse("plait::Generator: throw_in() needs an exception, not a null exception_ptr");
  }
  if (frame_ != nullptr) {
    frame_->must_be_idle("throw_in()");
    if (frame_->state() == detail::GeneratorFrame::State::suspended) {
      return frame_->throw_in(error);
    }
    if (frame_->state() == detail::GeneratorFrame::State::created) {
      release();
    }
  }
  std::rethrow_exception(std::move(error));
}

}  // namespace plait
