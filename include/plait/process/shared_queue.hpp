// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "plait/process/shared_handle.hpp"
#include "plait/process/shared_message.hpp"
#include "plait/process/shared_queue_operations.hpp"
#include "plait/process/shared_queue_state.hpp"

namespace plait::shared {

/// First in, first out, between processes, their tasks and their threads (multiprocessing.Queue and JoinableQueue). A
/// handle: copies are the same Queue, also in another process. In a task `co_await queue.put(x)`, `x = co_await
/// queue.get()`; in a thread `sync_wait(queue.get())`.
///
/// T is anything that may cross to another process (Portable), of any size, but no descriptors: a Connection carries
/// those. No thread feeds it: when a put is over, the item is there, whatever becomes of the producer; one that is
/// killed before has put nothing, and one that is killed while it gets has taken nothing, or all of an item, which is
/// lost with it. Nobody else is held up. Fairness: who runs may be quicker than who waits, until one has waited 1 ms.
/// Orders: a put happens before the get of its item. Lifetime: items live as long as a handle does anywhere; the handle
/// outlives its operations.
template <class T>
class Queue {
 public:
  /// A new Queue that holds at most `capacity` items (maxsize); 0: no bound. Throws std::system_error.
  explicit Queue(std::size_t capacity = 0)
      : handle_(detail::SharedQueueState::create(detail::message_form<T>(), capacity), detail::message_form<T>()) {
    detail::require_portable<T>();
  }

  /// Puts an item; waits while the queue is full. In a task `co_await`, in a thread `sync_wait`. The item is encoded
  /// here, and throws what that throws. Throws QueueShutDown if the queue is or gets shut down; the item was then not
  /// put. On cancel: it was not put; if it had just been put that stays so, and the next checkpoint throws.
  /// On g++-12 name an aggregate before you put it, and std::move the name (docs/design/compilers.md).
  template <class U = T>
  [[nodiscard]] auto put(U&& item) const {
    return detail::SharedQueuePut<T>(handle_, std::forward<U>(item));
  }
  /// Gives the next item; waits while there is none. Throws QueueShutDown once the queue is shut down and empty. On
  /// cancel: nothing was taken; an item that had just been granted goes back to where it was, or, if others have taken
  /// items since, is given all the same, and the next checkpoint throws.
  [[nodiscard]] auto get() const { return detail::SharedQueueGetItem<T>(handle_); }
  /// As `get`, but empty once the queue is shut down and drained: `while (auto x = co_await queue.next())`. On cancel:
  /// as `get`.
  [[nodiscard]] auto next() const { return detail::SharedQueueGetNext<T>(handle_); }
  /// Puts an item if there is room; else false (put_nowait). Never waits; from any strand. Throws QueueShutDown.
  template <class U = T>
  [[nodiscard]] bool try_put(U&& item) const {
    return detail::SharedQueuePut<T>(handle_, std::forward<U>(item)).try_once();
  }
  /// Gives the next item, or nothing if there is none (get_nowait). Never waits; from any strand. Throws QueueShutDown
  /// once the queue is shut down and empty.
  [[nodiscard]] std::optional<T> try_get() const {
    detail::SharedQueueGetItem<T> get(handle_);
    if (!get.try_once()) return std::nullopt;
    return get.take();
  }

  /// Says that the work on one item that was got is done, for `join`. From any strand. std::logic_error if it is said
  /// more often than items were put.
  void task_done() const { detail::finish_one(state()); }
  /// Waits until `task_done` was said for every item that was put; in a task `co_await`, in a thread `sync_wait`. On
  /// cancel: the waiting ends.
  [[nodiscard]] auto join() const { return detail::SharedQueueJoin(handle_); }
  /// Ends the queue for all processes: whoever puts gets QueueShutDown; getters get what is left, and then
  /// QueueShutDown. With `immediate`, what is left is dropped. Never waits; from any strand.
  void shutdown(bool immediate = false) const { state().shut_down(immediate); }
  /// `shutdown` was called.
  bool is_shut_down() const noexcept { return state().is_shut_down(); }

  /// Items that can be got (qsize). As the next three it may be stale when it is there.
  std::size_t size() const noexcept { return static_cast<std::size_t>(state().size()); }
  /// No item can be got.
  bool empty() const noexcept { return size() == 0; }
  /// It has a bound, and as many items; a put would wait.
  bool full() const noexcept { return capacity() != 0 && size() >= capacity(); }
  /// The most items that are held; 0: no bound (maxsize).
  std::size_t capacity() const noexcept { return static_cast<std::size_t>(state().capacity()); }

 private:
  friend Codec<Queue>;
  explicit Queue(const detail::SharedHandle& handle) noexcept : handle_(handle) {}
  detail::SharedQueueState& state() const noexcept { return handle_.at<detail::SharedQueueState>(); }

  detail::SharedHandle handle_;
};

}  // namespace plait::shared

/// A Queue crosses as its memory file: both processes have the same Queue.
template <class T>
struct plait::Codec<plait::shared::Queue<T>> {
  /// The memory file, as a descriptor.
  static void write(Encoder& encoder, const shared::Queue<T>& queue) { queue.handle_.write(encoder); }
  /// A handle of the same.
  static shared::Queue<T> read(Decoder& decoder) {
    return shared::Queue<T>(
        detail::SharedHandle::read(decoder, detail::SharedKind::queue, sizeof(detail::SharedQueueState)));
  }
};
