// SPDX-License-Identifier: BSL-1.0
//
// Idea. A datagram is one system call, made when the socket is ready, so what a receive has not given is still in the
// kernel, and a cancelled one has taken nothing.
#include "plait/io/udp.hpp"

#include <system_error>

#include "plait/base/contract.hpp"

namespace plait {

void UdpSocket::refuse_moved_from() { detail::misuse("UdpSocket: it was moved from and holds no socket."); }

Task<UdpSocket> bind_udp(std::string host, int port, UdpOptions options, std::source_location at) {
  const ResolveOptions passive{.passive = true, .datagram = true};
  const auto addresses = co_await resolve(std::move(host), port, passive, at);
  const SocketAddress& address = addresses.front();
  os::Fd fd = os::udp_socket(address.family());
  os::bind_udp(fd.get(), address, options.reuse_port, options.broadcast);
  std::string name = os::local_address(fd.get()).text();
  co_return UdpSocket(std::make_unique<detail::DatagramState>(std::move(fd), std::move(name)));
}

Task<UdpSocket> connect_udp(std::string host, int port, std::source_location at) {
  const ResolveOptions which{.datagram = true};
  const auto addresses = co_await resolve(std::move(host), port, which, at);
  const SocketAddress& address = addresses.front();
  os::Fd fd = os::udp_socket(address.family());
  if (const int error = os::connect(fd.get(), address)) os::throw_error(-error, "connect to " + address.text());
  std::string name = os::local_address(fd.get()).text() + ", which is connected to " + address.text();
  co_return UdpSocket(std::make_unique<detail::DatagramState>(std::move(fd), std::move(name)));
}

}  // namespace plait
