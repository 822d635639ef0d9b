// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/core/future.hpp"
#include "plait/thread/to_thread.hpp"

namespace plait {
namespace detail {

/// Hands the end of a Future on to a std::promise, on the thread where it ends, and frees itself.
template <class T>
class StdFutureLink final : private FutureListener {
 public:
  static std::future<T> make(Future<T> from) {
    auto link = std::unique_ptr<StdFutureLink>(new StdFutureLink(std::move(from)));
    std::future<T> future = link->promise_.get_future();
    StdFutureLink* waiting = link.release();
    if (!waiting->from_.state()->enqueue(*waiting, true)) waiting->hand_on();
    return future;
  }

 private:
  explicit StdFutureLink(Future<T> from)
      : FutureListener([](FutureListener& self) noexcept { static_cast<StdFutureLink&>(self).hand_on(); }),
        from_(std::move(from)) {}

  void hand_on() noexcept {
    FutureState<T>& state = *from_.state();
    state.look();
    try {
      if constexpr (std::is_void_v<T>) {
        state.result.take();
        promise_.set_value();
      } else {
        promise_.set_value(state.result.take());
      }
    } catch (...) {
      promise_.set_exception(std::current_exception());
    }
    delete this;
  }

  std::promise<T> promise_;
  Future<T> from_;
};

}  // namespace detail

/// A std::future for the end of a strand, for code that knows nothing of Plait: its value or its exception (`Cancelled`
/// if it was cancelled). Destroying it neither waits nor cancels; an error counts as retrieved. Costs no thread. From
/// any thread. Waiting for it on a loop's thread blocks the loop, which nothing can detect.
template <class T>
std::future<T> to_std_future(Future<T>&& future) {
  if (!future.valid()) detail::misuse("to_std_future(): the Future is empty.");
  return detail::StdFutureLink<T>::make(std::move(future));
}

/// An awaitable for a std::future of foreign code: `co_await` or `sync_wait` gives its value or throws its exception.
/// The standard has no other way than to wait for it in a thread, so this is `to_thread` of its get(), with the same
/// options: by default a cancel waits until it is ready.
template <class T>
auto from_std_future(std::future<T>&& future, ToThreadOptions options = {}) {
  return to_thread(options, [](std::future<T> f) -> T { return f.get(); }, std::move(future));
}

}  // namespace plait
