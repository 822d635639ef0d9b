// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace plait::detail {

/// A link of a circular doubly linked list. A link that is in no list points to itself, so unlinking twice is harmless.
struct Link {
  Link* previous = this;
  Link* next = this;

  Link() = default;
  /// Links do not move: a moved object starts in no list, and only unlinked ones are moved.
  Link(Link&&) noexcept {}
  Link& operator=(const Link&) = delete;

  bool linked() const noexcept { return next != this; }

  void unlink() noexcept {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
  }
};

/// A list that owns nothing: nodes are objects derived from `Link`. Nothing allocates, nothing throws; each step
/// takes constant time unless said otherwise. `Tag` lets an object be in several lists: derive from `TaggedLink<Tag>`.
template <class T, class L = Link>
class IntrusiveList {
 public:
  bool empty() const noexcept { return !head_.linked(); }
  void push_back(T& node) noexcept { insert(head_.previous, node); }
  void push_front(T& node) noexcept { insert(&head_, node); }
  T* front() noexcept { return empty() ? nullptr : cast(head_.next); }

  T* pop_front() noexcept {
    T* first = front();
    if (first) static_cast<L*>(first)->unlink();
    return first;
  }

  /// The link of the last node; in an empty list that of the list itself.
  const Link* last() const noexcept { return head_.previous; }

  /// The node after `node`, or null at the end.
  T* after(T& node) noexcept {
    Link* next = static_cast<L&>(node).next;
    return next == &head_ ? nullptr : cast(next);
  }

  /// Moves all nodes of `other` to the end of this list.
  void splice_back(IntrusiveList& other) noexcept {
    if (other.empty()) return;
    Link *first = other.head_.next, *last = other.head_.previous;
    other.head_.next = other.head_.previous = &other.head_;
    first->previous = head_.previous;
    head_.previous->next = first;
    last->next = &head_;
    head_.previous = last;
  }

  /// Linear.
  std::size_t size() const noexcept {
    std::size_t n = 0;
    for (const Link* l = head_.next; l != &head_; l = l->next) ++n;
    return n;
  }

 private:
  static T* cast(Link* link) noexcept { return static_cast<T*>(static_cast<L*>(link)); }

  void insert(Link* where, T& node) noexcept {
    L& link = node;
    link.previous = where;
    link.next = where->next;
    where->next->previous = &link;
    where->next = &link;
  }

  Link head_;
};

/// A link for one of several lists that an object is in.
template <class Tag>
struct TaggedLink : Link {};

}  // namespace plait::detail
