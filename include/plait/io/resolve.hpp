// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

#include "plait/core/task.hpp"
#include "plait/os/socket.hpp"

namespace plait {

/// The address and port of an internet socket: `text()` is "127.0.0.1:80" or "[::1]:80", `port()` the port;
/// `SocketAddress::from_figures("127.0.0.1", 80)` makes one, or none if the host is a name. A value of 32 bytes.
using os::SocketAddress;

/// Which kind of addresses is asked for.
enum class AddressFamily : std::uint8_t {
  any,  ///< both, in the order in which the system prefers them
  v4,   ///< IPv4
  v6,   ///< IPv6
};

/// What `resolve` looks for. Trivially destructible.
struct ResolveOptions {
  /// Of which family.
  AddressFamily family = AddressFamily::any;
  /// For a socket that listens: an empty host means all interfaces and not this machine.
  bool passive = false;
  /// A service's port for UDP.
  bool datagram = false;
};

/// The addresses of `host`, a name or figures (loop.getaddrinfo): the system's order, at least one. getaddrinfo(3)
/// blocks, so it runs in a thread of `to_thread`'s pool; figures and "localhost" are known without. It may take as long
/// as the system's resolver lets it: put `timeout` round it. Throws std::system_error with the name, in a category
/// "getaddrinfo" of its own where that is where the error comes from. On cancel: ends at once; a lookup that runs keeps
/// its thread until it returns, and its answer is dropped.
[[nodiscard]] Task<std::vector<SocketAddress>> resolve(std::string host, int port, ResolveOptions options = {},
                                                       std::source_location at = std::source_location::current());
/// The same with a service, by its name in /etc/services ("http") or in figures.
[[nodiscard]] Task<std::vector<SocketAddress>> resolve(std::string host, std::string service,
                                                       ResolveOptions options = {},
                                                       std::source_location at = std::source_location::current());

namespace detail {

/// `port` as the system has it; throws std::invalid_argument if there is none such.
std::uint16_t checked_port(int port);

}  // namespace detail
}  // namespace plait
