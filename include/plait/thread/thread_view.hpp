// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "plait/base/time.hpp"
#include "plait/core/clock.hpp"
#include "plait/thread/thread_identity.hpp"
#include "plait/thread/thread_state.hpp"

namespace plait {

/// A thread as others see it: one of Plait's, the main thread, or one that somebody else started. Copying costs one
/// atomic step; a view may outlive the thread and its handle. From any thread.
class ThreadView {
 public:
  ThreadView(const ThreadView& other) noexcept : identity_(other.identity_) { identity_->retain(); }
  ThreadView& operator=(const ThreadView& other) noexcept {
    ThreadView copy(other);
    std::swap(identity_, copy.identity_);
    return *this;
  }
  ~ThreadView() { identity_->release(); }

  /// "main" for the main thread; for a thread that Plait did not start, what the kernel called it when it first asked
  /// for itself.
  const std::string& name() const noexcept { return identity_->name(); }
  /// As Thread::ident.
  std::uint64_t ident() const noexcept { return identity_->ident(); }
  /// As Thread::native_id.
  int native_id() const noexcept { return identity_->native_id(); }
  /// As Thread::daemon; false for threads that Plait did not start.
  bool daemon() const noexcept { return identity_->daemon(); }
  /// It has not ended. The main thread has when it returned from main or called exit(); a thread that Plait did not
  /// start, when its thread-local objects are destroyed.
  bool is_alive() const noexcept { return identity_->alive(); }

  /// As Thread::join; std::logic_error for a thread that Plait did not start, main included.
  void join() const { static_cast<void>(state("join()").join_until(detail::kNever)); }
  /// The same, at most for `limit`: true if it has ended.
  template <class Rep, class Period>
  bool join(std::chrono::duration<Rep, Period> limit) const {
    return state("join()").join_until(detail::add(now(), detail::to_duration(limit)));
  }
  /// As of a Thread. std::logic_error for a thread that Plait did not start. On cancel: the waiting ends.
  auto operator co_await() const { return detail::ThreadAwait(state("co_await")); }

  /// The same thread.
  friend bool operator==(const ThreadView& a, const ThreadView& b) noexcept { return a.identity_ == b.identity_; }

  /// For the library: one more who holds `identity`.
  explicit ThreadView(detail::ThreadIdentity& identity) noexcept : identity_(&identity) { identity.retain(); }

 private:
  detail::ThreadState& state(const char* operation) const;

  detail::ThreadIdentity* identity_;
};

/// The thread that calls it (threading.current_thread): in a task, that of its loop.
ThreadView current_thread();
/// The thread that main runs on (threading.main_thread); in a forked child the one that forked.
ThreadView main_thread();
/// All threads that are alive (threading.enumerate): main, those of Plait, daemons included, and others that have
/// called `current_thread`. It may be out of date when it returns.
std::vector<ThreadView> enumerate();
/// How many `enumerate` would give.
std::size_t active_count() noexcept;

}  // namespace plait
