// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <source_location>
#include <string>
#include <string_view>

#include "plait/core/task.hpp"
#include "plait/io/stream.hpp"
#include "plait/tls/tls_context.hpp"
#include "plait/tls/tls_error.hpp"

namespace plait {

// A TLS connection is a Stream as any other: read_line, write, shutdown_write, close do there what they do on a socket.
// What differs: a read throws TlsError when the connection ends without the peer having said that it is through;
// `written` counts what TLS has taken, of which a cancelled write may leave up to 16 KiB that go out with the next
// operation; shutdown_write and close say that nothing more comes (close_notify). They do not wait: what a full socket
// has no room for goes out with the next read, and after a close never.

/// With whom a client wants to speak. Trivially destructible.
struct TlsConnectOptions {
  /// The name, or the address in figures, that the server's certificate must be for; servers with several certificates
  /// choose by it (SNI). Must be given unless the context does not verify.
  std::string_view server_name{};
};

/// Does the client's half of the handshake on a connection, and gives the connection inside. Throws TlsError with the
/// reason, std::system_error if the connection fails, std::logic_error if somebody reads or writes `stream`. On cancel:
/// at any point of the handshake; the connection is closed.
[[nodiscard]] Task<Stream> tls_connect(Stream stream, const TlsContext& context, TlsConnectOptions options = {},
                                       std::source_location at = std::source_location::current());

/// `connect_tcp` and then `tls_connect` with `host` as the server's name. Throws what they throw. On cancel: as they.
[[nodiscard]] Task<Stream> connect_tls(std::string host, int port, const TlsContext& context,
                                       std::source_location at = std::source_location::current());

/// Does the server's half. Clients may take as long as they like, so put `timeout` round it; `tls_handler` does. Throws
/// and on cancel: as `tls_connect`.
[[nodiscard]] Task<Stream> tls_accept(Stream stream, const TlsContext& context,
                                      std::source_location at = std::source_location::current());

/// What was agreed on in a handshake.
struct TlsInfo {
  std::string version;  ///< "TLSv1.3"
  std::string cipher;   ///< "TLS_AES_256_GCM_SHA384"
  std::string alpn;     ///< the protocol inside; empty if none was agreed on
  /// Of the peer's certificate, as "CN=example.org,O=Example"; empty if it has shown none.
  std::string peer_subject;
  std::string server_name;  ///< that the client asked for; empty if for none
  bool resumed = false;     ///< an earlier session was gone on with
};

/// What was agreed on; nothing if `stream` is not TLS. Never waits.
std::optional<TlsInfo> tls_info(const Stream& stream);

}  // namespace plait
