// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "plait/sync/queue_core.hpp"

namespace plait {
namespace detail {

/// Last in, first out.
template <class T>
class QueueStack : public QueueVector<T> {
 public:
  using QueueVector<T>::QueueVector;

  void push(std::uint64_t number, T& item) noexcept { this->items_.emplace_back(number, std::move(item)); }
  void pop(std::uint64_t, QueueTaken<T>& taken) noexcept {
    this->items_.back().move_to(taken);
    this->items_.pop_back();
  }
  void restore(std::uint64_t number, T& item) {
    restore_in_order(this->items_, number, item, [](const Numbered<T>& a, std::uint64_t n) { return a.number < n; });
  }
};

}  // namespace detail

/// A Queue that gives the item first that was put last (queue.LifoQueue). All else is as in Queue: it serves those who
/// wait in the order of arrival.
template <class T>
class LifoQueue : public detail::QueueCore<T, detail::QueueStack<T>> {
 public:
  /// Holds at most `capacity` items; 0: no bound.
  explicit LifoQueue(std::size_t capacity = 0) noexcept
      : detail::QueueCore<T, detail::QueueStack<T>>("LifoQueue", capacity) {}
};

}  // namespace plait
