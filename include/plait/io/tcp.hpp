// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <source_location>
#include <span>
#include <string>
#include <vector>

#include "plait/base/time.hpp"
#include "plait/core/task.hpp"
#include "plait/io/listener.hpp"
#include "plait/io/resolve.hpp"

namespace plait {

/// How `listen_tcp` and `listen_unix` listen. Trivially destructible.
struct ListenOptions {
  /// Connections that wait to be accepted, at most (the system may have a lower limit).
  int backlog = 4096;
  /// Others may listen on the same port if they all set this, loops of one process or other processes of the same user;
  /// the kernel spreads the connections over them (SO_REUSEPORT). Of `listen_tcp` only.
  bool reuse_port = false;
};

/// Listens on `host`, an address in figures or a name, of which the first address counts ("": all interfaces), and
/// `port` (0: a free one, see `Listener::port`). SO_REUSEADDR is set, so a restarted server gets its port at once.
/// Throws std::system_error with the address. On cancel: nobody listens.
[[nodiscard]] Task<Listener> listen_tcp(std::string host, int port, ListenOptions options = {},
                                        std::source_location at = std::source_location::current());

/// How `connect_tcp` connects. Trivially destructible.
struct ConnectOptions {
  /// How long one address may take before the next one is tried beside it (asyncio's happy_eyeballs_delay).
  Duration stagger = std::chrono::milliseconds(250);
  /// Only addresses of this family.
  AddressFamily family = AddressFamily::any;
};

/// Connects to `host`, a name (see `resolve`) or an address in figures, and `port`. Of several addresses the first that
/// answers (happy eyeballs, RFC 8305): they are tried in the system's order, but IPv6 and IPv4 in turn; each begins
/// when the one before has failed or is `stagger` old; the first connection wins, and the other attempts are cancelled
/// and closed. Throws std::system_error if none answers: the code is that of the first address, and the text names all.
/// TCP_NODELAY is set, as asyncio and Go do. On cancel: there is no connection.
[[nodiscard]] Task<Stream> connect_tcp(std::string host, int port, ConnectOptions options = {},
                                       std::source_location at = std::source_location::current());
/// The same with addresses at hand, at least one, in the order in which they are to be tried (else
/// std::invalid_argument).
[[nodiscard]] Task<Stream> connect_tcp(std::vector<SocketAddress> addresses, ConnectOptions options = {},
                                       std::source_location at = std::source_location::current());

namespace detail {

/// The order of RFC 8305: the family of the first one leads, and then they take turns.
std::vector<SocketAddress> interleaved(std::span<const SocketAddress> addresses);

}  // namespace detail
}  // namespace plait
