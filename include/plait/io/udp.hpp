// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "plait/core/task.hpp"
#include "plait/io/datagram_state.hpp"
#include "plait/io/resolve.hpp"

namespace plait {

/// What `UdpSocket::receive_from` gives.
struct Datagram {
  std::size_t size = 0;    ///< Bytes of it in the buffer.
  bool truncated = false;  ///< It was longer than the buffer, and the rest is lost.
  SocketAddress from;      ///< Who sent it.

  static SocketAddress sender(const SocketAddress& from) noexcept { return from; }
};

/// Datagrams over UDP: each arrives whole, twice or not at all (loop.create_datagram_endpoint, trio.socket). Made by
/// `bind_udp` and `connect_udp`. Move-only. One strand may receive and one may send at a time; tasks `co_await`,
/// threads `sync_wait`. Errors are std::system_error with the addresses. Buffers must live until the operation has
/// ended. Destroying it closes it; as for a Stream, on the loop of those who wait for it.
class UdpSocket {
 public:
  /// Waits for a datagram, which may be empty. On cancel: none was taken.
  [[nodiscard]] detail::ReceiveFrom<SocketAddress, Datagram> receive_from(std::span<std::byte> into) {
    return {state(), into.data(), into.size()};
  }
  [[nodiscard]] detail::ReceiveFrom<SocketAddress, Datagram> receive_from(std::span<char> into) {
    return {state(), into.data(), into.size()};
  }
  /// The same where the sender is known or does not matter: the number of bytes in the buffer. A peer that a connected
  /// socket could not reach is an error here (ECONNREFUSED), once.
  [[nodiscard]] detail::ReceiveDatagram receive(std::span<std::byte> into) {
    return {state(), into.data(), into.size()};
  }
  [[nodiscard]] detail::ReceiveDatagram receive(std::span<char> into) { return {state(), into.data(), into.size()}; }

  /// Sends one datagram; waits only while the system has no room for it. On cancel: nothing was sent.
  [[nodiscard]] detail::SendTo<SocketAddress> send_to(const SocketAddress& to, std::span<const std::byte> data) {
    return {state(), data.data(), data.size(), to};
  }
  [[nodiscard]] detail::SendTo<SocketAddress> send_to(const SocketAddress& to, std::string_view data) {
    return {state(), data.data(), data.size(), to};
  }
  /// The same to whom it is connected.
  [[nodiscard]] detail::SendTo<SocketAddress> send(std::span<const std::byte> data) {
    return {state(), data.data(), data.size(), SocketAddress()};
  }
  [[nodiscard]] detail::SendTo<SocketAddress> send(std::string_view data) {
    return {state(), data.data(), data.size(), SocketAddress()};
  }

  /// Its own address and port; the peer's, empty if it is not connected.
  SocketAddress address() const { return os::local_address(state().fd.get()); }
  SocketAddress peer_address() const { return os::remote_address(state().fd.get()); }
  /// The port that it is bound to.
  int port() const { return address().port(); }
  /// The descriptor, which the socket goes on owning; -1 when closed.
  int native_handle() const { return state().fd.get(); }
  /// Closes it; who waits for it gets std::system_error (EBADF). Idempotent, never waits. Where a Stream may be closed.
  void close() { state().close(); }

  /// For the library.
  explicit UdpSocket(std::unique_ptr<detail::DatagramState> state) noexcept : state_(std::move(state)) {}

 private:
  detail::DatagramState& state() const {
    if (!state_) [[unlikely]]
      refuse_moved_from();
    return *state_;
  }
  [[noreturn]] static void refuse_moved_from();

  std::unique_ptr<detail::DatagramState> state_;
};

/// How `bind_udp` binds. Trivially destructible.
struct UdpOptions {
  /// Others may be bound to the same port if they all set this; each datagram goes to one of them (SO_REUSEPORT).
  bool reuse_port = false;
  /// It may send to broadcast addresses.
  bool broadcast = false;
};

/// A socket that receives what is sent to `host`, figures or a name ("": all interfaces), and `port` (0: a free one).
/// Throws std::system_error with the address. On cancel: nothing is bound.
[[nodiscard]] Task<UdpSocket> bind_udp(std::string host, int port, UdpOptions options = {},
                                       std::source_location at = std::source_location::current());
/// A socket on a free port that exchanges datagrams with one peer only: `host` (see `resolve`; its first address) and
/// `port`. Nothing is sent, so it does not matter whether anybody is there. Throws std::system_error with the address.
/// On cancel: there is no socket.
[[nodiscard]] Task<UdpSocket> connect_udp(std::string host, int port,
                                          std::source_location at = std::source_location::current());

}  // namespace plait
