// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "plait/sync/queue_core.hpp"

namespace plait {
namespace detail {

/// First in, first out: a ring that grows up to its bound. One side may push while the other pops. The item number n
/// lies in slot n mod size; what was given back lies apart, and is older than all in the ring.
template <class T>
class QueueRing {
 public:
  static constexpr bool kTwoEnded = true;

  /// Slots with the items [head, tail).
  struct Storage {
    Storage() = default;
    Storage(Storage&& other) noexcept { swap(other); }
    Storage& operator=(Storage&& other) noexcept {
      swap(other);
      return *this;
    }
    ~Storage() {
      for (; head != tail; ++head) std::destroy_at(slots + (head & (size - 1)));
      if (slots) std::allocator<T>().deallocate(slots, size);
    }
    void swap(Storage& other) noexcept {
      std::swap(slots, other.slots);
      std::swap(size, other.size);
      std::swap(head, other.head);
      std::swap(tail, other.tail);
      returned.swap(other.returned);
    }

    T* slots = nullptr;
    std::size_t size = 0;  // a power of two, or 0
    std::uint64_t head = 0, tail = 0;
    std::vector<Numbered<T>> returned;
  };

  explicit QueueRing(std::size_t capacity) noexcept : capacity_(capacity) {}

  /// Under the put lock; false if it is full or has to grow.
  bool push_end(Atomic<std::uint64_t>& puts, T& item) noexcept {
    const std::uint64_t tail = puts.load(std::memory_order_relaxed);
    if (tail - head_seen_ >= limit_) [[unlikely]] {
      // Acquire pairs with the release in leave(): the slots up to there are free.
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ >= limit_) return false;
    }
    std::construct_at(slots_ + (tail & mask_), std::move(item));
    // Release pairs with the acquire in pop_end().
    puts.store(tail + 1, std::memory_order_release);
    return true;
  }
  /// Under the put lock, after push_end gave false: it has reached its bound, and need not grow.
  bool is_full() const noexcept { return capacity_ != 0 && limit_ == capacity_; }
  /// Under the get lock; false if it is empty.
  bool pop_end(Atomic<std::uint64_t>& puts, QueueTaken<T>& taken) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_seen_) [[unlikely]] {
      tail_seen_ = puts.load(std::memory_order_acquire);
      if (head == tail_seen_) return false;
    }
    leave(head, taken);
    return true;
  }
  // All below under both locks.
  std::size_t size(std::uint64_t puts) const noexcept { return in_ring(puts) + returned_.size(); }
  bool regular() const noexcept { return returned_.empty(); }
  bool has_room(std::uint64_t puts) const noexcept { return in_ring(puts) < slot_count_; }
  std::size_t wanted() const noexcept { return slot_count_ ? 2 * slot_count_ : kFirst; }
  static Storage make(std::size_t wanted) {
    Storage storage;
    storage.slots = std::allocator<T>().allocate(wanted);
    storage.size = wanted;
    return storage;
  }
  void adopt(Storage& storage, std::uint64_t puts) noexcept {
    if (storage.size <= slot_count_) return;  // somebody else was faster
    for (std::uint64_t i = head_.load(std::memory_order_relaxed); i != puts; ++i) {
      T& item = slots_[i & mask_];
      std::construct_at(storage.slots + (i & (storage.size - 1)), std::move(item));
      std::destroy_at(&item);
    }
    exchange_slots(storage);
  }
  void push(std::uint64_t number, T& item) noexcept { std::construct_at(slots_ + (number & mask_), std::move(item)); }
  void pop(std::uint64_t puts, QueueTaken<T>& taken) noexcept {
    tail_seen_ = puts;
    if (returned_.empty()) return leave(head_.load(std::memory_order_relaxed), taken);
    returned_.back().move_to(taken);
    returned_.pop_back();
  }
  void restore(std::uint64_t number, T& item) {
    restore_in_order(returned_, number, item, [](const Numbered<T>& a, std::uint64_t n) { return a.number > n; });
  }
  void skip(std::uint64_t number) noexcept { set_ends(number + 1); }
  /// Empties it; all that it held is now `storage`'s.
  void release(Storage& storage, std::uint64_t puts) noexcept {
    storage.head = head_.load(std::memory_order_relaxed);
    storage.tail = puts;
    storage.returned.swap(returned_);
    exchange_slots(storage);
    set_ends(puts);
  }

 private:
  static constexpr std::size_t kFirst = 16;

  std::size_t in_ring(std::uint64_t puts) const noexcept {
    return static_cast<std::size_t>(puts - head_.load(std::memory_order_relaxed));
  }
  void leave(std::uint64_t head, QueueTaken<T>& taken) noexcept {
    T& item = slots_[head & mask_];
    taken.item.emplace(std::move(item));
    taken.number = head;
    std::destroy_at(&item);
    head_.store(head + 1, std::memory_order_release);
  }
  void set_ends(std::uint64_t end) noexcept {
    head_.store(end, std::memory_order_relaxed);
    head_seen_ = tail_seen_ = end;
  }
  void exchange_slots(Storage& storage) noexcept {
    std::swap(slots_, storage.slots);
    std::swap(slot_count_, storage.size);
    mask_ = slot_count_ - 1;
    limit_ = capacity_ ? std::min(capacity_, slot_count_) : slot_count_;
  }

  /// Of the putting side: how far it knows that items have left.
  alignas(64) std::uint64_t head_seen_ = 0;
  /// Of the getting side: how far it knows that items are there; and how many have left, which the other side reads.
  alignas(64) std::uint64_t tail_seen_ = 0;
  alignas(64) Atomic<std::uint64_t> head_{0};
  /// Read by both sides, changed under both locks.
  alignas(64) const std::size_t capacity_;
  T* slots_ = nullptr;
  std::size_t slot_count_ = 0;
  std::uint64_t mask_ = 0;
  std::size_t limit_ = 0;
  /// The oldest last.
  std::vector<Numbered<T>> returned_;
};

}  // namespace detail

/// First in, first out, for tasks of any loop and plain threads at the same time (queue.Queue and asyncio.Queue in
/// one). In a task `co_await queue.put(x)`, `x = co_await queue.get()`; in a thread `sync_wait(queue.get())`.
///
/// Fairness: putters and getters are each served in the order of arrival, and nobody passes one who waits. Orders: a
/// put happens before the get of its item. T is anything that moves without throwing; it need not be copyable. Memory
/// grows with what it holds. Lifetime: it dies when no operation on it is in progress; with waiters the program stops
/// with a sentence. `shutdown` ends it for all, and is how consumers learn that nothing more will come.
template <class T>
class Queue : public detail::QueueCore<T, detail::QueueRing<T>> {
 public:
  /// Holds at most `capacity` items; 0: no bound.
  explicit Queue(std::size_t capacity = 0) noexcept : detail::QueueCore<T, detail::QueueRing<T>>("Queue", capacity) {}
};

}  // namespace plait
