// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include "plait/process/shared_handle.hpp"
#include "plait/process/shared_leaf.hpp"
#include "plait/process/shared_message.hpp"
#include "plait/process/shared_queue_state.hpp"
#include "plait/sync/queue_waits.hpp"

namespace plait::detail {

/// std::logic_error if it is said too often.
void finish_one(SharedQueueState& state);
/// Throws std::logic_error: descriptors can't go through shared memory.
[[noreturn]] void refuse_descriptors();

/// One put. The message lies in it until there is a place.
template <class T>
class SharedQueuePut : public SharedLeaf<SharedQueuePut<T>> {
 public:
  template <class U>
  SharedQueuePut(const SharedHandle& handle, U&& item)
      : SharedLeaf<SharedQueuePut>(WaitKind::primitive, handle.segment(), &state_of(handle).room()),
        message_(std::forward<U>(item)) {
    if (message_.has_descriptors()) refuse_descriptors();
    Family::self();
  }

  bool attempt(SharedWait* wait) noexcept {
    try {
      step_ = state().put(*this->segment, message_.bytes(), wait);
    } catch (...) {
      error_ = std::current_exception();
      return true;
    }
    return step_ != SharedStep::wait;
  }
  bool promising() const noexcept { return state().may_put(); }
  void take() {
    if (error_) std::rethrow_exception(error_);
    if (step_ == SharedStep::shut_down) throw QueueShutDown();
  }
  bool try_once() {
    pass(Point::primitive, this->segment);
    if (!attempt(nullptr)) return false;
    take();
    return true;
  }

 private:
  static SharedQueueState& state_of(const SharedHandle& handle) noexcept { return handle.at<SharedQueueState>(); }
  SharedQueueState& state() const noexcept { return this->segment->template at<SharedQueueState>(); }

  OutgoingMessage<T> message_;
  SharedStep step_ = SharedStep::wait;
  std::exception_ptr error_;
};

/// One get; what it gives is up to the two classes below.
template <class T>
class SharedQueueGet : public SharedLeaf<SharedQueueGet<T>> {
 public:
  explicit SharedQueueGet(const SharedHandle& handle)
      : SharedLeaf<SharedQueueGet>(WaitKind::primitive, handle.segment(), &handle.at<SharedQueueState>().items()) {
    Family::self();
  }

  bool attempt(SharedWait* wait) noexcept {
    try {
      return state().get(*this->segment, number_, wait,
                         [this](std::span<const std::byte> bytes) { message_.assign(bytes); }) != SharedStep::wait;
    } catch (...) {
      error_ = std::current_exception();
      return true;
    }
  }
  bool promising() const noexcept { return state().may_get(); }
  bool give_back() noexcept {
    if (!message_.is_there()) return false;
    if (!state().unget(number_)) return false;
    message_.clear();
    return true;
  }
  void take() const noexcept {}
  bool try_once() {
    pass(Point::primitive, this->segment);
    return attempt(nullptr);
  }

 protected:
  std::optional<T> result() {
    if (error_) std::rethrow_exception(error_);
    if (!message_.is_there()) return std::nullopt;
    return message_.take();
  }

 private:
  SharedQueueState& state() const noexcept { return this->segment->template at<SharedQueueState>(); }

  IncomingMessage<T> message_;
  std::uint64_t number_ = 0;
  std::exception_ptr error_;
};

/// Gives the item or throws QueueShutDown.
template <class T>
class SharedQueueGetItem : public SharedQueueGet<T> {
 public:
  using SharedQueueGet<T>::SharedQueueGet;
  T await_resume() {
    SharedQueueGet<T>::await_resume();
    return take();
  }
  T take() {
    std::optional<T> item = this->result();
    if (!item) throw QueueShutDown();
    return std::move(*item);
  }
};

/// Gives the item or nothing.
template <class T>
class SharedQueueGetNext : public SharedQueueGet<T> {
 public:
  using SharedQueueGet<T>::SharedQueueGet;
  std::optional<T> await_resume() {
    SharedQueueGet<T>::await_resume();
    return take();
  }
  std::optional<T> take() { return this->result(); }
};

/// Waits until all is done.
class SharedQueueJoin : public SharedLeaf<SharedQueueJoin> {
 public:
  explicit SharedQueueJoin(const SharedHandle& handle) noexcept
      : SharedLeaf(WaitKind::primitive, handle.segment(), nullptr) {}
  bool attempt(SharedWait* wait) noexcept {
    if (wait) wait->arm(state().finished());
    return state().all_done();
  }
  bool promising() const noexcept { return state().all_done(); }
  void take() const noexcept {}

 private:
  SharedQueueState& state() const noexcept { return segment->at<SharedQueueState>(); }
};

}  // namespace plait::detail
