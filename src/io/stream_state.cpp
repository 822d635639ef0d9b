// SPDX-License-Identifier: BSL-1.0
//
// The `try_` functions of a socket and of a pipe, and the operations of a stream whose bytes go through a layer: calls
// of those functions until they are through.
#include "plait/io/stream_state.hpp"

#include <cerrno>

#include "plait/os/epoll.hpp"
#include "plait/os/file.hpp"
#include "plait/os/pipe.hpp"

namespace plait::detail {

std::int64_t StreamState::try_read(int fd, void* into, std::size_t size) noexcept {
  return kind == Kind::pipe ? os::read_file(fd, into, size, -1) : os::receive(fd, into, size);
}

std::int64_t StreamState::try_write(int fd, const void* from, std::size_t size) noexcept {
  return kind == Kind::pipe ? os::write_pipe(fd, from, size) : os::send(fd, from, size);
}

std::int64_t StreamState::try_flush(int /*fd*/) noexcept { return 0; }

std::int64_t StreamState::try_peek(int fd) noexcept {
  const std::int64_t now = os::poll_now(fd, os::kEpollIn);
  return now > 0 ? 0 : now == 0 ? -EAGAIN : now;
}

std::int64_t StreamState::try_shutdown(int fd) noexcept {
  const int result = os::shutdown_write(fd);
  return result == -ENOTCONN ? 0 : result;
}

void StreamState::part(int /*fd*/) noexcept {}

void StreamState::end() {
  if (kind == Kind::layer) {
    const int number = [&] {
      const DescriptorGuard guard(this);
      return fd.get();
    }();
    if (number >= 0) part(number);
  }
  close();
}

void StreamState::end_or_fail() noexcept {
  if (kind == Kind::layer && fd.valid()) part(fd.get());
  close_or_fail();
}

std::int64_t ReadSome::read_layer(IoOperation& operation) noexcept {
  if (operation.length == 0) return 0;
  return static_cast<StreamState*>(operation.descriptor)->try_read(operation.fd, operation.buffer, operation.length);
}

std::int64_t AwaitInput::peek_layer(IoOperation& operation) noexcept {
  return static_cast<StreamState*>(operation.descriptor)->try_peek(operation.fd);
}

std::int64_t WriteAll::write_layer(IoOperation& operation) noexcept {
  auto& stream = *static_cast<StreamState*>(operation.descriptor);
  while (operation.done < operation.length) {
    const char* const rest = static_cast<const char*>(operation.buffer) + operation.done;
    const std::int64_t n = stream.try_write(operation.fd, rest, operation.length - operation.done);
    if (n < 0) return n;
    operation.done += static_cast<std::size_t>(n);
  }
  return stream.try_flush(operation.fd);
}

}  // namespace plait::detail
