// SPDX-License-Identifier: BSL-1.0
#pragma once

#ifdef PLAIT_HAVE_LIBURING

#include <cstdint>
#include <optional>

#include "os/uring.hpp"
#include "plait/os/epoll.hpp"
#include "plait/sched/poller.hpp"

namespace plait::detail {

/// A doubly linked list of operations; each is in one at most.
class IoList {
 public:
  IoOperation* first() const noexcept { return first_; }
  void push_back(IoOperation& operation) noexcept;
  void remove(IoOperation& operation) noexcept;

 private:
  IoOperation* first_ = nullptr;
  IoOperation* last_ = nullptr;
};

/// Operations by io_uring(7). src/sched/uring_poller.cpp has the idea.
class UringPoller final : public Poller {
 public:
  std::string_view name() const noexcept override { return "io_uring"; }
  bool waits_for_files() const noexcept override { return true; }
  void enter() override;
  bool start(IoOperation& operation) noexcept override;
  bool abort(IoOperation& operation) noexcept override;
  void forget(int fd) noexcept override;
  void flush() noexcept override;
  std::size_t in_flight() const noexcept override { return in_flight_; }
  void wait(TimePoint deadline) noexcept override;
  void wake() noexcept override { waker_.signal(); }

 private:
  IoList& list_of(const IoOperation& operation) noexcept;
  void queue(IoOperation& operation) noexcept;
  void queue_waker() noexcept;
  bool queue_cancel(IoOperation& operation) noexcept;
  void retry_queueing() noexcept;
  void end_foreign(IoList& list, int fd) noexcept;
  bool reap() noexcept;
  void on_completion(std::uint64_t mark, int result) noexcept;
  void finish(IoOperation& operation, std::int64_t outcome) noexcept;

  os::EventFd waker_;
  std::optional<os::Uring> ring_;
  /// The thread that the ring is bound to.
  std::uint64_t thread_ = 0;
  /// With the kernel, on Plait's descriptors and on foreign ones; and those that found no place in the queue.
  IoList owned_, foreign_, unqueued_;
  std::size_t in_flight_ = 0;
  std::size_t cancels_due_ = 0;
  bool waker_due_ = false;
  std::uint16_t sequence_ = 0;
};

}  // namespace plait::detail

#endif
