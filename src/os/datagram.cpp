// SPDX-License-Identifier: BSL-1.0
#include "plait/os/datagram.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "retried.hpp"

namespace plait::os {
namespace {

void allow(int fd, int option, const char* what) {
  const int on = 1;
  if (::setsockopt(fd, SOL_SOCKET, option, &on, sizeof on) != 0) throw_error(errno, what);
}

/// One datagram in one piece, from or to somebody.
msghdr message_of(iovec& piece, const RawAddress& peer) noexcept {
  msghdr message{};
  message.msg_name = peer.data;
  message.msg_namelen = peer.length;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  return message;
}

}  // namespace

Fd udp_socket(int family) {
  Fd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) throw_error(errno, "socket");
  return fd;
}

void bind_udp(int fd, const SocketAddress& address, bool reuse_port, bool broadcast) {
  if (reuse_port) allow(fd, SO_REUSEPORT, "setsockopt(SO_REUSEPORT)");
  if (broadcast) allow(fd, SO_BROADCAST, "setsockopt(SO_BROADCAST)");
  if (::bind(fd, static_cast<const sockaddr*>(address.data()), address.length()) != 0) {
    throw_error(errno, "bind to " + address.text());
  }
}

SocketAddress remote_address(int fd) noexcept {
  SocketAddress address;
  socklen_t length = SocketAddress::kCapacity;
  if (::getpeername(fd, static_cast<sockaddr*>(address.data()), &length) == 0) address.set_length(length);
  return address;
}

std::int64_t receive_datagram(int fd, void* buffer, std::size_t length, RawAddress& from) noexcept {
  iovec piece{buffer, length};
  msghdr message = message_of(piece, from);
  const std::int64_t n = retried([&] { return ::recvmsg(fd, &message, MSG_TRUNC); });
  if (n >= 0) from.length = message.msg_namelen;
  return n;
}

std::int64_t send_datagram(int fd, const void* buffer, std::size_t length, const RawAddress& to) noexcept {
  iovec piece{const_cast<void*>(buffer), length};
  const msghdr message = message_of(piece, to);
  return retried([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); });
}

}  // namespace plait::os
