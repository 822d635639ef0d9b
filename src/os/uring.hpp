// SPDX-License-Identifier: BSL-1.0
#pragma once

#ifdef PLAIT_HAVE_LIBURING

#include <fcntl.h>
#include <liburing.h>
#include <sys/socket.h>

#include <cstdint>
#include <span>

#include "plait/base/time.hpp"

namespace plait::os {

/// An io_uring that one thread submits to and reaps from. Errors are returned as errno values, 0 for success.
class Uring {
 public:
  /// Whether the kernel grants one that can do what Plait needs: 0, or why not.
  static int probe() noexcept;

  /// Bound to the calling thread. Throws std::system_error.
  Uring();
  ~Uring();
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  /// A place in the submission queue; null if there is none, even after submitting.
  io_uring_sqe* place() noexcept;
  /// Hands what is queued to the kernel.
  int submit() noexcept;
  /// The same, and waits for a completion until `deadline` (in the past: lets the kernel post what is done).
  int submit_and_wait(TimePoint deadline) noexcept;
  /// Completions that are there; to be given back by `consume`.
  unsigned reap(std::span<io_uring_cqe*> into) noexcept;
  void consume(unsigned count) noexcept { io_uring_cq_advance(&ring_, count); }
  /// Nothing is queued that the kernel has not seen.
  bool all_submitted() const noexcept { return io_uring_sq_ready(&ring_) == 0; }

 private:
  io_uring ring_;
};

}  // namespace plait::os

#endif
