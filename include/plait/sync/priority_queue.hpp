// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "plait/sync/queue_core.hpp"

namespace plait {
namespace detail {

/// The least first; among equals the one that was put first. A heap whose steps compare first, which may throw, and
/// then only move.
template <class T, class Compare>
class QueueHeap : public QueueVector<T> {
 public:
  QueueHeap(std::size_t capacity, Compare compare) : QueueVector<T>(capacity), compare_(std::move(compare)) {}

  void push(std::uint64_t number, T& item) {
    std::size_t place = items_.size();
    while (place > 0 && before(item, number, items_[parent(place)])) place = parent(place);
    std::size_t i = items_.size();
    items_.emplace_back(number, std::move(item));
    for (; i != place; i = parent(i)) std::swap(items_[i], items_[parent(i)]);
  }
  void pop(std::uint64_t, QueueTaken<T>& taken) {
    // The last one replaces the first: how deep it sinks when smaller children rise.
    const std::size_t last = items_.size() - 1;
    std::size_t place = 0;
    for (std::size_t child; (child = 2 * place + 1) < last; place = child) {
      if (child + 1 < last && before(items_[child + 1].item, items_[child + 1].number, items_[child])) ++child;
      if (!before(items_[child].item, items_[child].number, items_[last])) break;
    }
    Numbered<T> moving = std::move(items_[last]);
    items_.pop_back();
    // From there up to the first, each takes its parent's place; the first one is left over.
    for (std::size_t i = place; last > 0; i = parent(i)) {
      std::swap(moving, items_[i]);
      if (i == 0) break;
    }
    moving.move_to(taken);
  }
  void restore(std::uint64_t number, T& item) {
    if (items_.size() == items_.capacity()) items_.reserve(this->wanted());
    push(number, item);
  }

 private:
  using QueueVector<T>::items_;

  static std::size_t parent(std::size_t i) noexcept { return (i - 1) / 2; }
  bool before(const T& a, std::uint64_t number, const Numbered<T>& b) {
    return compare_(a, b.item) || (!compare_(b.item, a) && number < b.number);
  }

  [[no_unique_address]] Compare compare_;
};

}  // namespace detail

/// A Queue that gives the least item first, as Python's queue.PriorityQueue (and unlike std::priority_queue); equal
/// ones in the order in which they were put. All else is as in Queue: it serves those who wait in the order of arrival.
///
/// `Compare(a, b)` says that a comes before b. It runs under the queue's own locks, so it is short and does not use the
/// queue. If it throws, nothing is lost: the put or get that asked fails with what it threw, and has not happened; a
/// cancelled get whose item can't be put back then keeps it.
template <class T, class Compare = std::less<T>>
class PriorityQueue : public detail::QueueCore<T, detail::QueueHeap<T, Compare>> {
 public:
  /// Holds at most `capacity` items; 0: no bound.
  explicit PriorityQueue(std::size_t capacity = 0, Compare compare = Compare())
      : detail::QueueCore<T, detail::QueueHeap<T, Compare>>("PriorityQueue", capacity, std::move(compare)) {}
};

}  // namespace plait
