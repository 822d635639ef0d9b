// SPDX-License-Identifier: BSL-1.0
#include "plait/core/scope.hpp"

#include "plait/core/operation.hpp"
#include "plait/core/strand.hpp"

namespace plait::detail {

void Scope::attach(Scope* parent, Strand& strand) noexcept {
  parent_ = parent;
  strand_ = &strand;
  strand.scope = this;
  if (parent) parent->children_.push_back(*this);
  effective_ = parent && parent->effective_;
  strand.cancelled = effective_;
}

void Scope::enter(Strand& strand) noexcept {
  parent_ = strand.scope;
  strand_ = &strand;
  strand.scope = this;
  if (parent_) parent_->children_.push_back(*this);
  update();
  strand.cancelled = effective_;
}

void Scope::leave() noexcept {
  strand_->scope = parent_;
  strand_->cancelled = parent_ && parent_->effective_;
  unlink();
}

void Scope::cancel() noexcept {
  if (called_) return;
  called_ = true;
  update();
}

void Scope::shield(bool on) noexcept {
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
    if (changed && innermost) s->strand_->cancelled = effective;
    if (changed && effective) {
      if (s->on_cancel) s->on_cancel(*s);
      if (innermost) s->strand_->abort_wait();
    }
    s = s->next_in_tree(this, changed);
  }
}

}  // namespace plait::detail
