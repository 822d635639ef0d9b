// SPDX-License-Identifier: BSL-1.0
#ifdef PLAIT_HAVE_LIBURING

#include "uring.hpp"

#include <algorithm>
#include <cerrno>

#include "plait/os/fd.hpp"

namespace plait::os {
namespace {

constexpr unsigned kPlaces = 256, kCompletions = 4096;

int set_up(io_uring& ring, unsigned places) noexcept {
  // Newest first; a kernel that lacks a flag says EINVAL. The first needs Linux 6.1, the second 5.19.
  static constexpr unsigned kWays[] = {
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL,
      IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
      0,
  };
  int error = EINVAL;
  for (const unsigned way : kWays) {
    io_uring_params params{};
    params.flags = way | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
    params.cq_entries = std::max(places, kCompletions);
    error = -io_uring_queue_init_params(places, &ring, &params);
    if (error == EINVAL) continue;
    if (error != 0) return error;
    constexpr unsigned kNeeded = IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG;
    if ((params.features & kNeeded) == kNeeded) return 0;
    io_uring_queue_exit(&ring);
    return ENOSYS;
  }
  return error;
}

bool has_operations(io_uring& ring) noexcept {
  io_uring_probe* known = io_uring_get_probe_ring(&ring);
  if (!known) return false;
  bool all = true;
  for (const int operation : {IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL, IORING_OP_READ, IORING_OP_WRITE,
                              IORING_OP_RECV, IORING_OP_SEND, IORING_OP_ACCEPT, IORING_OP_CONNECT, IORING_OP_OPENAT}) {
    all = all && io_uring_opcode_supported(known, operation);
  }
  io_uring_free_probe(known);
  return all;
}

}  // namespace

int Uring::probe() noexcept {
  io_uring ring;
  if (const int error = set_up(ring, 4)) return error;
  const bool enough = has_operations(ring);
  io_uring_queue_exit(&ring);
  return enough ? 0 : ENOSYS;
}

Uring::Uring() {
  if (const int error = set_up(ring_, kPlaces)) throw_error(error, "io_uring_setup");
  io_uring_ring_dontfork(&ring_);
}

Uring::~Uring() { io_uring_queue_exit(&ring_); }

io_uring_sqe* Uring::place() noexcept {
  if (io_uring_sqe* free = io_uring_get_sqe(&ring_)) return free;
  submit();
  return io_uring_get_sqe(&ring_);
}

int Uring::submit() noexcept {
  const int n = io_uring_submit(&ring_);
  return n < 0 ? -n : 0;
}

int Uring::submit_and_wait(TimePoint deadline) noexcept {
  int result;
  if (deadline == TimePoint::max()) {
    result = io_uring_submit_and_wait(&ring_, 1);
  } else {
    const Duration left = deadline == TimePoint{} ? Duration{} : deadline - std::chrono::steady_clock::now();
    if (left <= Duration::zero()) {
      result = io_uring_submit_and_get_events(&ring_);
    } else {
      __kernel_timespec limit{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
      io_uring_cqe* first;
      result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
    }
  }
  return result < 0 && result != -ETIME && result != -EINTR ? -result : 0;
}

unsigned Uring::reap(std::span<io_uring_cqe*> into) noexcept {
  return io_uring_peek_batch_cqe(&ring_, into.data(), static_cast<unsigned>(into.size()));
}

}  // namespace plait::os

#endif
