// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include "plait/base/spin_lock.hpp"
#include "plait/core/leaf.hpp"
#include "plait/sync/queue_items.hpp"
#include "plait/sync/queue_waits.hpp"

namespace plait::detail {

/// What an attempt to put or to get came to.
enum class QueueStep : std::uint8_t { done, wait, shut_down };

/// One put. The item lies in it until there is a place.
template <class Queue, class T>
class QueuePut : public Leaf<QueuePut<Queue, T>> {
 public:
  QueuePut(Queue& queue, T item) noexcept
      : Leaf<QueuePut>(WaitKind::primitive, &queue), queue_(&queue), item_(std::move(item)) {}

  bool try_now() noexcept {
    if (attempt(nullptr)) return true;
    if (!Queue::kSpins || this->strand->kind == Strand::Kind::task) return false;
    // Before it parks, a thread looks whether others get.
    return Queue::try_again(queue_->put_patience_, [this] { return attempt(nullptr); });
  }
  bool enqueue() noexcept { return !attempt(this); }
  bool withdraw() noexcept { return queue_->withdraw(*this); }
  void take() {
    if (error_) std::rethrow_exception(error_);
    if (!done_) throw QueueShutDown();
  }

  /// For the queue, under its locks.
  T& item() noexcept { return item_; }
  void finish(std::exception_ptr error) noexcept {
    done_ = !error;
    error_ = std::move(error);
  }

 private:
  /// True: there is nothing to wait for.
  bool attempt(QueuePut* waiter) noexcept {
    try {
      const QueueStep step = queue_->push(item_, waiter);
      if (step != QueueStep::wait) done_ = step == QueueStep::done;
      return step != QueueStep::wait;
    } catch (...) {
      error_ = std::current_exception();
      return true;
    }
  }

  Queue* queue_;
  T item_;
  bool done_ = false;
  std::exception_ptr error_;
};

/// One get; what it gives is up to the two classes below.
template <class Queue, class T>
class QueueGet : public Leaf<QueueGet<Queue, T>> {
 public:
  explicit QueueGet(Queue& queue) noexcept : Leaf<QueueGet>(WaitKind::primitive, &queue), queue_(&queue) {}

  bool try_now() noexcept {
    if (attempt(nullptr)) return true;
    if (!Queue::kSpins || this->strand->kind == Strand::Kind::task) return false;
    // Before it parks, a thread looks whether others put.
    return Queue::try_again(queue_->get_patience_, [this] { return attempt(nullptr); });
  }
  bool enqueue() noexcept { return !attempt(this); }
  bool withdraw() noexcept { return queue_->withdraw(*this); }
  bool give_back() noexcept { return queue_->give_back(taken_); }
  void take() const noexcept {}

  /// For the queue, under its locks.
  QueueTaken<T>& taken() noexcept { return taken_; }

 protected:
  std::optional<T>& result() {
    if (error_) std::rethrow_exception(error_);
    return taken_.item;
  }

 private:
  bool attempt(QueueGet* waiter) noexcept {
    try {
      return queue_->pop(taken_, waiter) != QueueStep::wait;
    } catch (...) {
      error_ = std::current_exception();
      return true;
    }
  }

  Queue* queue_;
  QueueTaken<T> taken_;
  std::exception_ptr error_;
};

/// Gives the item or throws QueueShutDown.
template <class Queue, class T>
class QueueGetItem : public QueueGet<Queue, T> {
 public:
  using QueueGet<Queue, T>::QueueGet;
  T await_resume() {
    QueueGet<Queue, T>::await_resume();
    return take();
  }
  T take() {
    std::optional<T>& item = this->result();
    if (!item) throw QueueShutDown();
    return std::move(*item);
  }
};

/// Gives the item or nothing.
template <class Queue, class T>
class QueueGetNext : public QueueGet<Queue, T> {
 public:
  using QueueGet<Queue, T>::QueueGet;
  std::optional<T> await_resume() {
    QueueGet<Queue, T>::await_resume();
    return take();
  }
  std::optional<T> take() { return std::move(this->result()); }
};

}  // namespace plait::detail
