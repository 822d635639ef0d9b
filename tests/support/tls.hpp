// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "plait/tls.hpp"
#include "support/certificates.hpp"
#include "support/tcp.hpp"
#include "tls/tls_context_state.hpp"

namespace plait::test {

/// One authority for all tests, and a server that it vouches for.
inline const Authority& authority() {
  static const Authority one;
  return one;
}
inline const Identity& localhost() {
  static const Identity one = authority().issue({.name = "localhost", .alternatives = "DNS:localhost,IP:127.0.0.1"});
  return one;
}

inline TlsContext server_context(TlsServerOptions options = {}) {
  if (options.certificate.empty()) {
    options.certificate = localhost().certificate;
    options.key = localhost().key;
  }
  return TlsContext::server(options);
}
inline TlsContext client_context(TlsClientOptions options = {}) {
  const std::string trusted = authority().certificate();
  if (options.authorities.empty()) options.authorities = trusted;
  return TlsContext::client(options);
}

/// OpenSSL's own.
inline SSL_CTX* raw(const TlsContext& context) { return context.state()->get(); }

/// What a handshake ended with: the stream, or the error.
struct Shaken {
  std::optional<Stream> stream;
  std::optional<TlsError> error;
};

inline Task<Shaken> shaken(Task<Stream> handshake) {
  Shaken end;
  try {
    end.stream.emplace(co_await std::move(handshake));
  } catch (const TlsError& error) {
    end.error.emplace(error);
  }
  co_return end;
}

struct ShakenPair {
  Shaken client, server;
};

/// Both halves of a handshake over `pair`.
inline Task<ShakenPair> shake(Pair pair, TlsContext client, TlsContext server, std::string name = "localhost") {
  auto accepting = spawn(shaken(tls_accept(std::move(pair.server), server)));
  ShakenPair ends;
  ends.client = co_await shaken(tls_connect(std::move(pair.client), client, {.server_name = name}));
  if (ends.client.error) ends.client.stream.reset();
  ends.server = co_await std::move(accepting);
  co_return ends;
}

/// A connection on which TLS is spoken.
inline Task<Pair> tls_pair(Pair pair, TlsContext client, TlsContext server) {
  ShakenPair ends = co_await shake(std::move(pair), std::move(client), std::move(server));
  if (ends.client.error) throw *ends.client.error;
  if (ends.server.error) throw *ends.server.error;
  co_return Pair{std::move(*ends.client.stream), std::move(*ends.server.stream)};
}
inline Task<Pair> tls_pair() {
  co_return co_await tls_pair(co_await connected_pair(), client_context(), server_context());
}

}  // namespace plait::test
