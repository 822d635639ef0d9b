// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cxxabi.h>

#include <coroutine>
#include <exception>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/core/stop_iteration.hpp"

/// How generators that delegate to one another are resumed, thrown into and destroyed, whatever they yield.
///
/// Idea. A generator that says `co_yield elements_of(inner)` and the generator it names form a chain, from the `root`,
/// which somebody steps, to the `leaf`, which runs. The root knows its leaf, so a step resumes the leaf and nothing
/// else, at any depth. Every event of a body (it yields, it delegates, it ends) returns to the loop in `step`, which
/// looks at what is next; no coroutine ever resumes another one. That needs no tail call, so a chain of a million
/// generators uses the same stack in every build type.
///
/// Invariants.
/// 1. `root->next` is the handle of the root's leaf. It changes only when a body delegates or ends, and is null after
///    the end of the root. So a resumption that leaves it unchanged yielded, and a step writes nothing that the next
///    step has to wait for.
/// 2. `frame->root` is right for the leaf only; a frame that becomes the leaf is told its root then. So joining two
///    chains costs the same whatever their length.
/// 3. Exactly the frames below the root of a chain are `delegated`, and only those have a parent.
/// 4. `*frame->owner` is the pointer by which a Generator object holds the frame; who destroys the frame clears it.
/// 5. A chain is destroyed from the leaf up, in a loop, so that the Generator objects inside the frames find nothing
///    left to destroy.
///
/// Sources: the loop instead of symmetric transfer because g++-12 makes tail calls neither at -O0 nor under ASan and
/// TSan; PEP 380 for what `send`, `throw_in` and `close` mean on a chain; std::generator (P2502) for the direct
/// resumption of the leaf.
namespace plait::detail {

class GeneratorFrame {
 public:
  enum class State : unsigned char { created, suspended, running, delegated, finished };

  explicit GeneratorFrame(std::coroutine_handle<> self) noexcept : next_{self}, self_{self} {}
  GeneratorFrame(const GeneratorFrame&) = delete;
  GeneratorFrame& operator=(const GeneratorFrame&) = delete;

  State state() const noexcept { return state_; }
  GeneratorFrame* leaf() const noexcept { return leaf_; }
  GeneratorFrame* root() const noexcept { return root_; }
  void set_owner(GeneratorFrame** owner) noexcept { owner_ = owner; }

  /// Marks a frame that goes through a plain range, where nobody takes what is sent.
  void refuse_sent_values() noexcept { refuses_sent_values_ = true; }
  bool refuses_sent_values() const noexcept { return refuses_sent_values_; }

  /// Throws into the body, at the place where it waits, when it is next resumed.
  void set_pending(std::exception_ptr error) noexcept { pending_ = std::move(error); }
  /// Throws what was thrown into the body, or what left it if it has ended.
  void throw_pending() {
    if (pending_) [[unlikely]] {
      rethrow_pending();
    }
  }

  /// Hands the chain to the parent, or ends it.
  void body_ended() noexcept {
    const bool delegated = state_ == State::delegated;
    state_ = State::finished;
    leaf_ = nullptr;
    next_ = nullptr;
    if (delegated) {
      root_->lead_by(*std::exchange(parent_, nullptr));
    }
  }
  /// Called in the handler that catches what leaves the body.
  void body_threw() noexcept;
  /// Puts the chain of `inner` below this frame, which runs.
  void delegate_to(GeneratorFrame& inner) noexcept {
    inner.state_ = State::delegated;
    inner.parent_ = this;
    root_->lead_by(*inner.leaf_);
  }

  /// Runs the chain of this root up to its next value and tells whether there is one; throws what left its body.
  /// Throws: std::logic_error if the generator is running or delegated to.
  bool step() {
    if (state_ > State::suspended) [[unlikely]] {
      must_be_idle("a step");
      return false;
    }
    state_ = State::running;
    for (std::coroutine_handle<> running = next_;;) {
      running.resume();
      const std::coroutine_handle<> next = next_;
      if (next == running) {
        state_ = State::suspended;
        return true;
      }
      if (!next) {
        throw_pending();
        return false;
      }
      running = next;
    }
  }

  /// Throws `error` at the place where the leaf waits and runs up to the next value, as `step` does. With `exits`
  /// (`error` is a GeneratorExit) the frames are closed one after the other, as PEP 380 wants it: each ends by that
  /// exception or by returning, and its parent is thrown the same exception; one that yields instead is left behind,
  /// and its parent is thrown a std::runtime_error.
  /// Requires: suspended.
  bool throw_in(const std::exception_ptr& error, bool exits) {
    leaf_->pending_ = error;
    if (exits) {
      close_inner(error);
    }
    return step();
  }

  /// Throws if the generator is running, or delegated to by another; says so under the name `operation`.
  void must_be_idle(const char* operation) const {
    if (state_ == State::running || state_ == State::delegated) [[unlikely]] {
      refuse(operation);
    }
  }

  /// Destroys a frame and those it delegates to. The chain above, if any, is thrown a std::logic_error when it is
  /// next resumed.
  static void destroy(GeneratorFrame& frame) noexcept;

  static constexpr const char* ignored_exit =
      "plait::Generator: the generator yielded while it was being closed; after GeneratorExit it must end";

 protected:
  ~GeneratorFrame() = default;

 private:
  void lead_by(GeneratorFrame& leaf) noexcept {
    leaf.root_ = this;
    leaf_ = &leaf;
    next_ = leaf.self_;
  }
  /// Out of line, so that the body of a generator saves no registers for it.
  [[noreturn, gnu::noinline, gnu::cold]] void rethrow_pending() {
    std::rethrow_exception(std::exchange(pending_, nullptr));
  }
  void close_inner(const std::exception_ptr& exit);
  GeneratorFrame* cut_off() noexcept;
  [[noreturn]] void refuse(const char* operation) const;

  std::coroutine_handle<> next_;
  GeneratorFrame* leaf_ = this;
  GeneratorFrame* root_ = this;
  GeneratorFrame* parent_ = nullptr;
  GeneratorFrame** owner_ = nullptr;
  std::exception_ptr pending_;
  std::coroutine_handle<> self_;
  State state_ = State::created;
  bool exited_ = false;
  bool refuses_sent_values_ = false;
};

inline void GeneratorFrame::body_threw() noexcept {
  const std::type_info* type = abi::__cxa_current_exception_type();
  exited_ = type != nullptr && *type == typeid(GeneratorExit);
  if (type == nullptr || *type != typeid(StopIteration)) {
    pending_ = std::current_exception();
    return;
  }
  try {
    std::throw_with_nested(std::runtime_error(
        "plait::Generator: a StopIteration left the body of the generator; catch it there and end with co_return"));
  } catch (...) {
    pending_ = std::current_exception();
  }
}

/// Runs the chain until only the root is left to be closed, or until one of its frames did not end as it should.
inline void GeneratorFrame::close_inner(const std::exception_ptr& exit) {
  state_ = State::running;
  for (GeneratorFrame* closing = leaf_; closing != nullptr && closing != this;) {
    const std::coroutine_handle<> running = next_;
    running.resume();
    if (next_ == running) {
      GeneratorFrame& parent = *std::exchange(closing->parent_, nullptr);
      closing->state_ = State::suspended;
      closing->lead_by(*leaf_);
      lead_by(parent);
      parent.pending_ = std::make_exception_ptr(std::runtime_error(ignored_exit));
      closing = nullptr;
    } else if (closing->state_ == State::finished) {
      const bool closed = closing->exited_ || !closing->pending_;
      if (closed) {
        leaf_->pending_ = exit;
      }
      closing = closed ? leaf_ : nullptr;
    }
  }
  state_ = State::suspended;
}

inline void GeneratorFrame::destroy(GeneratorFrame& frame) noexcept {
  GeneratorFrame* lowest = &frame;
  if (frame.state_ == State::delegated) {
    lowest = frame.cut_off();
  } else if (frame.state_ == State::running) {
    fail("plait::Generator: a generator was destroyed by its own body, while it was running");
  } else if (frame.state_ == State::suspended) {
    lowest = frame.leaf_;
  }
  frame.state_ = State::running;
  for (GeneratorFrame *next = lowest, *parent = nullptr; next != nullptr; next = parent) {
    parent = next == &frame ? nullptr : next->parent_;
    *next->owner_ = nullptr;
    next->self_.destroy();
  }
}

/// Ends the delegation to this frame by a chain that does not run; returns the leaf of what is below.
inline GeneratorFrame* GeneratorFrame::cut_off() noexcept {
  GeneratorFrame* root = parent_;
  while (root->parent_ != nullptr) {
    root = root->parent_;
  }
  if (root->state_ == State::running) {
    fail("plait::Generator: a generator was destroyed while another that is running delegates to it");
  }
  GeneratorFrame* leaf = root->leaf_;
  parent_->pending_ = std::make_exception_ptr(
      std::logic_error("plait::Generator: the generator that elements_of delegates to was destroyed"));
  root->lead_by(*parent_);
  return leaf;
}

inline void GeneratorFrame::refuse(const char* operation) const {
  misuse(std::string("plait::Generator: ") + operation +
         (state_ == State::delegated ? " was asked of a generator that another one delegates to; step that one"
                                     : " was asked of a generator that is running; a body must not step itself"));
}

}  // namespace plait::detail
