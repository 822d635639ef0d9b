// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

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
/// What a body does not do at every yield is out of line: inlined, it costs each step the saving of registers.
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
  [[gnu::cold]] void body_threw() noexcept;
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

  /// Throws `error` at the place where the leaf waits and runs up to the next value, as `step` does. If `error` is
  /// a GeneratorExit, the frames are closed one after the other, as PEP 380 wants it: each ends by that exception or by
  /// returning, and its parent is thrown the same exception; one that yields instead is left behind, and its parent is
  /// thrown a std::runtime_error.
  /// Requires: suspended.
  bool throw_in(const std::exception_ptr& error);

  /// Throws if the generator is running, or delegated to by another; says so under the name `operation`.
  void must_be_idle(const char* operation) const {
    if (state_ == State::running || state_ == State::delegated) [[unlikely]] {
      refuse(operation);
    }
  }

  /// Throws GeneratorExit into a suspended root, and swallows it when it comes out; what Generator::close promises.
  void close();

  /// Destroys a frame and those it delegates to. The chain above, if any, is thrown a std::logic_error when it is
  /// next resumed.
  static void destroy(GeneratorFrame& frame) noexcept;

 protected:
  ~GeneratorFrame() = default;

 private:
  void lead_by(GeneratorFrame& leaf) noexcept {
    leaf.root_ = this;
    leaf_ = &leaf;
    next_ = leaf.self_;
  }
  [[noreturn, gnu::cold]] void rethrow_pending();
  void close_inner(const std::exception_ptr& exit);
  GeneratorFrame* cut_off() noexcept;
  [[noreturn, gnu::cold]] void refuse(const char* operation) const;

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

}  // namespace plait::detail
