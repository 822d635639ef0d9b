// SPDX-License-Identifier: BSL-1.0
#include "io_call.hpp"

#include <cerrno>
#include <cstddef>

#include "plait/os/epoll.hpp"
#include "plait/os/file.hpp"
#include "plait/os/pipe.hpp"
#include "plait/os/socket.hpp"

namespace plait::detail {
namespace {

std::int64_t send_once(const IoOperation& operation) noexcept {
  const char* from = static_cast<const char*>(operation.buffer) + operation.done;
  const std::size_t left = operation.length - operation.done;
  if (operation.kind == IoOperation::Kind::send) return os::send(operation.fd, from, left);
  if (operation.offset < 0) return os::write_pipe(operation.fd, from, left);
  return os::write_file(operation.fd, from, left, operation.offset + static_cast<std::int64_t>(operation.done));
}

/// Sends as much as goes. The result is the count of all bytes, or an error.
std::int64_t send_more(IoOperation& operation) noexcept {
  while (true) {
    const std::int64_t n = send_once(operation);
    if (n < 0) return n;
    operation.done += static_cast<std::size_t>(n);
    if (operation.done == operation.length) return static_cast<std::int64_t>(operation.length);
    // A socket takes less than offered only when its buffer is full; other files may have reasons of their own.
    if (operation.kind == IoOperation::Kind::send) return -EAGAIN;
  }
}

std::int64_t call(IoOperation& operation) noexcept {
  switch (operation.kind) {
    case IoOperation::Kind::readable:
    case IoOperation::Kind::writable: {
      const int now = os::poll_now(operation.fd, operation.reads() ? os::kEpollIn : os::kEpollOut);
      return now > 0 ? 0 : now == 0 ? -EAGAIN : now;
    }
    case IoOperation::Kind::receive:
      return os::receive(operation.fd, operation.buffer, operation.length);
    case IoOperation::Kind::read:
      return os::read_file(operation.fd, operation.buffer, operation.length, operation.offset);
    case IoOperation::Kind::send:
    case IoOperation::Kind::write:
      return send_more(operation);
    case IoOperation::Kind::accept:
      return os::accept(operation.fd, *static_cast<os::SocketAddress*>(operation.buffer));
    case IoOperation::Kind::connect:
      if (operation.stage++ != 0) return os::pending_error(operation.fd);
      return os::connect(operation.fd, *static_cast<const os::SocketAddress*>(operation.buffer));
    case IoOperation::Kind::own_read:
    case IoOperation::Kind::own_write:
      return operation.perform(operation);
    default:
      return -ENOSYS;
  }
}

}  // namespace

void note_loss(IoDescriptor* descriptor, std::int64_t result) noexcept {
  if (result != -ECONNRESET && result != -ETIMEDOUT && result != -EHOSTUNREACH && result != -ENETUNREACH) return;
  if (descriptor) descriptor->lost.store(static_cast<std::int32_t>(result), std::memory_order_relaxed);
}

std::int64_t call_now(IoOperation& operation) noexcept {
  const std::int64_t result = call(operation);
  if (result < 0) note_loss(operation.descriptor, result);
  return result;
}

}  // namespace plait::detail
