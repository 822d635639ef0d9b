// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/base/intrusive_list.hpp"

namespace plait::detail {

class HomeLock;
class Strand;

/// A node of the cancellation tree: a block of code, or the root of a strand. docs/design/waiting.md, "Cancellation".
///
/// All members are for the strand's home: the thread of its loop [W6], or on a pool any worker, for the scope takes the
/// home's lock by itself [W12].
class Scope : private Link {
 public:
  Scope() = default;
  ~Scope() { unlink(); }

  /// Hangs this scope, the outermost of `strand`, under `parent` (null: a root of its own).
  void attach(Scope* parent, Strand& strand) noexcept;
  /// Becomes the innermost scope of `strand`, until `leave`.
  void enter(Strand& strand) noexcept;
  void leave() noexcept;
  /// Becomes a scope of `strand` just inside `outer`, round all scopes in that which `belongs(scope, whom)` to it.
  void enter_around(Scope& outer, Strand& strand, bool (*belongs)(const Scope&, const void*),
                    const void* whom) noexcept;

  /// Cancels this scope: `effective` is set downwards, and suspended operations are aborted. Idempotent.
  void cancel() noexcept;
  /// Hides outer cancellation while set. Clearing it delivers what was hidden.
  void shield(bool on) noexcept;

  /// Somebody cancelled this very scope.
  bool called() const noexcept;
  /// This scope or, not through a shield, one around it is cancelled: checkpoints throw.
  bool effective() const noexcept;
  /// A scope around this one is cancelled, so that a `Cancelled` passes on.
  bool cancelled_from_outside() const noexcept;
  /// A `Cancelled` that comes out of this scope's block is its own, and ends here.
  bool catches() const noexcept;
  Scope* parent() const noexcept { return parent_; }
  /// This scope, or the next one around it that its strand has entered by itself: none that was put there by
  /// `enter_around`. With the home held.
  const Scope* entered() const noexcept {
    const Scope* scope = this;
    while (scope->put_) scope = scope->parent_;
    return scope;
  }
  Strand* strand() const noexcept { return strand_; }
  /// The lock of the home, or null where that is a thread.
  HomeLock* home() const noexcept;

  /// Called when `effective` rises, on the home thread, before operations are aborted. Set before the scope is entered.
  void (*on_cancel)(Scope&) noexcept = nullptr;

 private:
  friend class IntrusiveList<Scope>;
  void update() noexcept;
  Scope* next_in_tree(const Scope* top, bool descend) noexcept;

  Scope* parent_ = nullptr;
  Strand* strand_ = nullptr;
  IntrusiveList<Scope> children_;
  bool called_ = false;
  bool effective_ = false;
  bool shield_ = false;
  bool put_ = false;
};

}  // namespace plait::detail
