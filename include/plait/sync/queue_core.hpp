// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "plait/sync/queue_operations.hpp"
#include "plait/sync/queue_waits.hpp"

namespace plait::detail {

/// What Queue, LifoQueue and PriorityQueue have in common: everything but the order. `Items` keeps the items:
///
///     static constexpr bool kTwoEnded;           // push_end and pop_end exist, for one side under its own lock
///     std::size_t size(std::uint64_t puts) const;
///     bool regular() const;                      // nothing was given back: the ends alone tell everything
///     bool has_room(std::uint64_t puts) const;   // without allocating
///     Storage; std::size_t wanted() const; static Storage make(std::size_t); void adopt(Storage&, puts) noexcept;
///     void push(std::uint64_t number, T&); void pop(std::uint64_t puts, QueueTaken<T>&);  // all or nothing
///     void restore(std::uint64_t number, T&);                                            // all or nothing
///     void skip(std::uint64_t number) noexcept;  // an item passed by while it was empty
///     void release(Storage&, std::uint64_t puts) noexcept;  // gives all that it holds away
template <class T, class Items>
class QueueCore : public QueueWaits {
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "What a queue holds must move without throwing, so that nothing is lost: declare its move constructor "
                "noexcept, or put a std::unique_ptr to it.");
  using PutOperation = QueuePut<QueueCore, T>;
  using GetOperation = QueueGet<QueueCore, T>;

 public:
  /// Puts an item; waits while the queue is full, in the order of arrival. In a task `co_await`, in a thread
  /// `sync_wait`. Throws QueueShutDown if the queue is or gets shut down; the item was then not put, and dies with the
  /// operation: `try_put` leaves it to you. On cancel: it was not put, and dies too; if it had just been put that
  /// stays so, and the next checkpoint throws. On g++-12 name an aggregate before you put it, and std::move the name
  /// (docs/design/compilers.md).
  [[nodiscard]] auto put(T item) noexcept { return PutOperation(*this, std::move(item)); }
  /// Gives the next item; waits while there is none, in the order of arrival. Throws QueueShutDown once the queue is
  /// shut down and empty. On cancel: nothing was taken; an item that had just been granted goes back to where it was,
  /// or to the next who waits.
  [[nodiscard]] auto get() noexcept { return QueueGetItem<QueueCore, T>(*this); }
  /// As `get`, but empty once the queue is shut down and drained: `while (auto x = co_await queue.next())`. On cancel:
  /// as `get`.
  [[nodiscard]] auto next() noexcept { return QueueGetNext<QueueCore, T>(*this); }
  /// Puts an item if there is room and nobody waits for it; else false, and `item` is as it was. Never waits; from any
  /// strand (put_nowait). Throws QueueShutDown after `shutdown`; `item` is as it was.
  [[nodiscard]] bool try_put(T&& item) {
    pass(Point::primitive, this);
    return accepted(push(item, nullptr));
  }
  [[nodiscard]] bool try_put(const T& item) {
    T copy(item);
    return try_put(std::move(copy));
  }
  /// Gives the next item, or nothing if there is none. Never waits; from any strand (get_nowait). Throws QueueShutDown
  /// once the queue is shut down and empty.
  [[nodiscard]] std::optional<T> try_get() {
    pass(Point::primitive, this);
    QueueTaken<T> taken;
    static_cast<void>(accepted(pop(taken, nullptr)));
    return std::move(taken.item);
  }

  /// Says that the work on one item that was got is done, for `join`. From any strand. std::logic_error if it is said
  /// more often than items were put.
  void task_done() { finish_one(); }
  /// Waits until `task_done` was said for every item that was put; in a task `co_await`, in a thread `sync_wait`. Never
  /// throws QueueShutDown. On cancel: the waiting ends.
  [[nodiscard]] auto join() noexcept { return Join(*this); }
  /// Ends the queue (Python 3.13's Queue.shutdown): whoever puts, or waits to, gets QueueShutDown; getters get what is
  /// left, and then QueueShutDown. With `immediate`, what is left is dropped as if it were got and done, so that all
  /// waiters get QueueShutDown, and `join` waits only for what was got before. May be called again, also to drop later
  /// what the first call left. Never waits; from any strand.
  void shutdown(bool immediate = false);
  /// `shutdown` was called (Queue.is_shutdown).
  bool is_shut_down() const noexcept {
    Both both(*this);
    return shut_down_;
  }

  /// Items that can be got (qsize). As the next three it may be stale when it is there, if others use the queue.
  std::size_t size() const noexcept {
    Both both(*this);
    return count();
  }
  /// No item can be got.
  bool empty() const noexcept { return size() == 0; }
  /// It has a bound, and as many items; a put would wait.
  bool full() const noexcept { return capacity_ != 0 && size() >= capacity_; }
  /// The most items that are held; 0: no bound (maxsize).
  std::size_t capacity() const noexcept { return capacity_; }
  /// All of it at one instant. Takes time in proportion to the number of waiters.
  QueueStatistics statistics() const noexcept {
    Both both(*this);
    return statistics_of(count());
  }

 protected:
  template <class... Args>
  QueueCore(const char* name, std::size_t capacity, Args&&... args)
      : QueueWaits(name, capacity), items_(capacity, std::forward<Args>(args)...) {}
  ~QueueCore() {
    typename Items::Storage last;
    // The locks are waited for: who served the last one may still be about to let go of them.
    Both both(*this);
    items_.release(last, puts());
  }

 private:
  template <class Queue, class U>
  friend class QueuePut;
  template <class Queue, class U>
  friend class QueueGet;

  /// Whether a thread that would have to wait looks again for a while: where looking takes no lock.
  static constexpr bool kSpins = Items::kTwoEnded;

  /// What an attempt came to.
  static bool accepted(QueueStep step) {
    if (step == QueueStep::shut_down) throw QueueShutDown();
    return step == QueueStep::done;
  }

  /// Moves `item` in; if it would have to wait, links `waiter`, unless that is null. Throws what Compare throws, and
  /// std::bad_alloc; then nothing has happened.
  QueueStep push(T& item, PutOperation* waiter) {
    if constexpr (Items::kTwoEnded) {
      std::scoped_lock guard(put_lock_);
      if (!slow_) [[likely]] {
        if (items_.push_end(puts_, item)) [[likely]]
          return QueueStep::done;
        if (!waiter && items_.is_full()) return QueueStep::wait;
      }
    }
    return push_slow(item, waiter);
  }
  QueueStep pop(QueueTaken<T>& taken, GetOperation* waiter) {
    if constexpr (Items::kTwoEnded) {
      std::scoped_lock guard(get_lock_);
      if (!slow_) [[likely]] {
        if (items_.pop_end(puts_, taken)) [[likely]]
          return QueueStep::done;
        if (!waiter) return QueueStep::wait;  // empty
      }
    }
    return pop_slow(taken, waiter);
  }
  [[gnu::noinline]] QueueStep push_slow(T& item, PutOperation* waiter);
  [[gnu::noinline]] QueueStep pop_slow(QueueTaken<T>& taken, GetOperation* waiter);
  bool give_back(QueueTaken<T>& taken) noexcept;

  // All below under both locks.
  std::uint64_t puts() const noexcept { return puts_.load(std::memory_order_relaxed); }
  std::size_t count() const noexcept { return items_.size(puts()); }
  bool has_place() const noexcept { return capacity_ == 0 || count() < capacity_; }
  void append(T& item) {
    const std::uint64_t number = puts();
    items_.push(number, item);
    puts_.store(number + 1, std::memory_order_release);
  }
  /// Gives an item to the first getter.
  Strand* hand_over(std::uint64_t number, T& item) noexcept {
    auto& getter = static_cast<GetOperation&>(*getters_.pop_front());
    getter.taken().item.emplace(std::move(item));
    getter.taken().number = number;
    return &getter.choose();
  }
  Strand* admit(bool& more) noexcept;
  void choose_path() noexcept { slow_ = shut_down_ || !putters_.empty() || !getters_.empty() || !items_.regular(); }

  Items items_;
};

}  // namespace plait::detail

#include "plait/sync/queue_slow_path.hpp"
