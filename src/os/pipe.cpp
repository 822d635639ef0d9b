// SPDX-License-Identifier: BSL-1.0
#include "plait/os/pipe.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "pipe_signal.hpp"
#include "plait/base/atomic.hpp"
#include "retried.hpp"

namespace plait::os {
namespace {

/// RWF_NOSIGNAL, which the headers lack.
constexpr int kNoSignal = 0x100;

/// The kernel has refused that flag.
constinit Atomic<bool> flag_refused{false};

}  // namespace

PipeEnds open_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_error(errno, "pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

void set_blocking(int fd, bool blocking) {
  const int flags = ::fcntl(fd, F_GETFL);
  const int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  if (flags < 0 || (flags != wanted && ::fcntl(fd, F_SETFL, wanted) != 0)) throw_error(errno, "fcntl(O_NONBLOCK)");
}

std::int64_t write_pipe(int fd, std::span<const Piece> pieces) noexcept {
  const auto* list = reinterpret_cast<const iovec*>(pieces.data());
  const auto count = static_cast<int>(pieces.size());
  if (!flag_refused.load(std::memory_order_relaxed)) {
    const std::int64_t n = retried([&] { return ::pwritev2(fd, list, count, -1, kNoSignal); });
    if (n != -EOPNOTSUPP && n != -EINVAL && n != -ENOSYS) return n;
    if (n == -EOPNOTSUPP) flag_refused.store(true, std::memory_order_relaxed);
  }
  PipeSignalHeld held;
  const std::int64_t n = retried([&] { return ::writev(fd, list, count); });
  if (n == -EPIPE) held.raised();
  return n;
}

std::int64_t write_pipe(int fd, const void* buffer, std::size_t length) noexcept {
  const Piece piece{buffer, length};
  return write_pipe(fd, {&piece, 1});
}

}  // namespace plait::os
