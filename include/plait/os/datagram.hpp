// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "plait/os/fd.hpp"
#include "plait/os/socket.hpp"

namespace plait::os {

/// A datagram's sender or receiver: a sockaddr and its length, wherever they lie.
struct RawAddress {
  void* data = nullptr;
  /// Bytes of it; of one that is to be filled the room, and after that what was filled.
  std::uint32_t length = 0;
};

/// A non-blocking, close-on-exec UDP socket. Throws std::system_error.
Fd udp_socket(int family);
/// Binds it; with `reuse_port` others may be bound there, too (SO_REUSEPORT); with `broadcast` it may send to
/// everybody. Throws std::system_error with the address.
void bind_udp(int fd, const SocketAddress& address, bool reuse_port, bool broadcast);
/// The address that a socket is connected to.
SocketAddress remote_address(int fd) noexcept;

// Minus an errno for an error; they go on after EINTR.

/// recvmsg(2): how long the datagram was, which may be more than `length`; then the rest is lost. `from` may be empty.
std::int64_t receive_datagram(int fd, void* buffer, std::size_t length, RawAddress& from) noexcept;
/// sendmsg(2) without SIGPIPE, to `to`, or, if that is empty, to whom the socket is connected to.
std::int64_t send_datagram(int fd, const void* buffer, std::size_t length, const RawAddress& to) noexcept;

}  // namespace plait::os
