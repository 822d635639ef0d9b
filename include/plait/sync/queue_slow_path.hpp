// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

#include "plait/sync/queue_core.hpp"

// What a queue does under both of its locks; included by queue_core.hpp. The argument is in src/sync/queue_waits.cpp.
namespace plait::detail {

template <class T, class Items>
QueueStep QueueCore<T, Items>::push_slow(T& item, PutOperation* waiter) {
  typename Items::Storage storage;  // made, and the old one freed, without the locks
  for (std::size_t wanted = 0;;) {
    if (wanted) storage = Items::make(wanted);
    Strand* woken = nullptr;
    {
      Both both(*this);
      if (shut_down_) return QueueStep::shut_down;
      if (wanted) items_.adopt(storage, puts());
      if (!getters_.empty()) {
        const std::uint64_t number = puts();
        puts_.store(number + 1, std::memory_order_release);
        items_.skip(number);
        woken = hand_over(number, item);
        choose_path();
      } else if (!has_place() || !putters_.empty()) {
        if (waiter) putters_.push_back(*waiter);
        choose_path();
        return QueueStep::wait;
      } else if (items_.has_room(puts())) {
        append(item);
        choose_path();
        return QueueStep::done;
      } else {
        wanted = items_.wanted();
      }
    }
    if (!woken) continue;
    woken->unpark();
    return QueueStep::done;
  }
}

template <class T, class Items>
QueueStep QueueCore<T, Items>::pop_slow(QueueTaken<T>& taken, GetOperation* waiter) {
  Strand* woken = nullptr;
  bool more = false;
  {
    Both both(*this);
    if (count() == 0) {
      if (shut_down_) return QueueStep::shut_down;
      if (waiter) getters_.push_back(*waiter);
      choose_path();
      return QueueStep::wait;
    }
    items_.pop(puts(), taken);
    woken = admit(more);
    choose_path();
  }
  while (woken) {
    woken->unpark();
    if (!more) break;
    Both both(*this);
    woken = admit(more);
    choose_path();
  }
  return QueueStep::done;
}

/// Puts the item of the first putter if there is a place for it; `more`: there is another one, and a place. If Compare
/// or the memory refuses, that putter gets the error.
template <class T, class Items>
Strand* QueueCore<T, Items>::admit(bool& more) noexcept {
  more = false;
  if (putters_.empty() || !has_place()) return nullptr;
  auto& putter = static_cast<PutOperation&>(*putters_.pop_front());
  try {
    if (!items_.has_room(puts())) {  // rare: given back items took the places of others
      auto storage = Items::make(items_.wanted());
      items_.adopt(storage, puts());
    }
    append(putter.item());
    putter.finish(nullptr);
  } catch (...) {
    putter.finish(std::current_exception());
  }
  more = !putters_.empty() && has_place();
  return &putter.choose();
}

/// [W10] False if there is no memory to put it back: then it stays with its getter.
template <class T, class Items>
bool QueueCore<T, Items>::give_back(QueueTaken<T>& taken) noexcept {
  if (!taken.item) return true;  // told of the end, or of an error
  Strand* woken = nullptr;
  Waiters ready;
  bool done = false;
  {
    Both both(*this);
    if (dropping_) {
      finish(1, ready);
      done = !ready.empty();
    } else if (!getters_.empty()) {
      woken = hand_over(taken.number, *taken.item);
    } else {
      try {
        items_.restore(taken.number, *taken.item);
      } catch (...) {
        return false;
      }
    }
    choose_path();
  }
  taken.item.reset();
  if (woken) woken->unpark();
  if (done) release(ready);
  return true;
}

template <class T, class Items>
void QueueCore<T, Items>::shutdown(bool immediate) {
  pass(Point::primitive, this);
  Waiters ready;
  typename Items::Storage dropped;  // dies without the locks
  {
    Both both(*this);
    end(ready);
    if (immediate) {
      dropping_ = true;
      finish(count(), ready);
      items_.release(dropped, puts());
    }
  }
  release(ready);
}

}  // namespace plait::detail
