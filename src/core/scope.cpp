// SPDX-License-Identifier: BSL-1.0
#include "plait/core/scope.hpp"

#include <atomic>

#include "plait/core/home.hpp"
#include "plait/core/operation.hpp"
#include "plait/core/strand.hpp"

namespace plait::detail {

void Scope::attach(Scope* parent, Strand& strand) noexcept {
  const HomeGuard guard(strand.home);
  parent_ = parent;
  strand_ = &strand;
  strand.scope = this;
  if (parent) parent->children_.push_back(*this);
  effective_ = parent && parent->effective_;
  strand.cancelled_flag.store(effective_, std::memory_order_relaxed);
}

void Scope::enter(Strand& strand) noexcept {
  const HomeGuard guard(strand.home);
  parent_ = strand.scope;
  strand_ = &strand;
  strand.scope = this;
  if (parent_) parent_->children_.push_back(*this);
  update();
  strand.cancelled_flag.store(effective_, std::memory_order_relaxed);
}

void Scope::enter_around(Scope& outer, Strand& strand, bool (*belongs)(const Scope&, const void*),
                         const void* whom) noexcept {
  const HomeGuard guard(strand.home);
  parent_ = &outer;
  strand_ = &strand;
  put_ = true;
  effective_ = outer.effective_;
  for (Scope* child = outer.children_.front(); child;) {
    Scope* next = outer.children_.after(*child);
    if (belongs(*child, whom)) {
      child->unlink();
      children_.push_back(*child);
      child->parent_ = this;
    }
    child = next;
  }
  outer.children_.push_back(*this);
  // The strand itself may look at this meanwhile, without the lock, as it begins a gather.
  if (strand.scope == &outer) std::atomic_ref(strand.scope).store(this, std::memory_order_relaxed);
}

void Scope::leave() noexcept {
  const HomeGuard guard(home());
  strand_->scope = parent_;
  strand_->cancelled_flag.store(parent_ && parent_->effective_, std::memory_order_relaxed);
  unlink();
}

HomeLock* Scope::home() const noexcept { return strand_ ? strand_->home : nullptr; }

bool Scope::called() const noexcept {
  const HomeGuard guard(home());
  return called_;
}

bool Scope::effective() const noexcept {
  const HomeGuard guard(home());
  return effective_;
}

bool Scope::cancelled_from_outside() const noexcept {
  const HomeGuard guard(home());
  return !shield_ && parent_ && parent_->effective_;
}

bool Scope::catches() const noexcept {
  const HomeGuard guard(home());
  return called_ && !cancelled_from_outside();
}

void Scope::cancel() noexcept {
  const HomeGuard guard(home());
  if (called_) return;
  called_ = true;
  update();
}

void Scope::shield(bool on) noexcept {
  const HomeGuard guard(home());
  shield_ = on;
  update();
}

/// Depth first without recursion: a chain of scopes may be long.
Scope* Scope::next_in_tree(const Scope* top, bool descend) noexcept {
  if (descend) {
    if (Scope* child = children_.front()) return child;
  }
  for (Scope* s = this; s != top; s = s->parent_) {
    if (Scope* sibling = s->parent_->children_.after(*s)) return sibling;
  }
  return nullptr;
}

/// Recomputes `effective_` from here down [W5] and aborts what is suspended under a flag that rose. A subtree whose
/// top does not change is left alone. Aborting only schedules strands, so the tree stands still meanwhile.
void Scope::update() noexcept {
  for (Scope* s = this; s;) {
    const bool effective = s->called_ || (!s->shield_ && s->parent_ && s->parent_->effective_);
    const bool changed = effective != s->effective_;
    s->effective_ = effective;
    const bool innermost = s->strand_ && s->strand_->scope == s;
    if (changed && innermost) s->strand_->cancelled_flag.store(effective, std::memory_order_relaxed);
    if (changed && effective) {
      if (s->on_cancel) s->on_cancel(*s);
      if (innermost) s->strand_->abort_wait();
    }
    s = s->next_in_tree(this, changed);
  }
}

}  // namespace plait::detail
