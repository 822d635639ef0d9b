// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <string_view>

namespace plait {
namespace detail {
class TlsContextState;
}

/// The oldest version of TLS that is spoken. What came before 1.2 is broken.
enum class TlsVersion : unsigned char { tls1_2, tls1_3 };

/// Whether a server wants to know its clients by their certificates (ssl.CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED).
enum class ClientCertificates : unsigned char { none, optional, required };

/// How a client speaks TLS. Certificates, keys and authorities are PEM: a file's path, or the text itself, which begins
/// with "-----BEGIN". Trivially destructible.
struct TlsClientOptions {
  /// Whom to trust: PEM, or a directory as `openssl rehash` makes it. "": the system's.
  std::string_view authorities{};
  /// The server has to prove that it is who it was asked for. To switch it off is for tests: whoever sits between can
  /// then read and change everything.
  bool verify = true;
  /// For servers that ask who their client is: its certificate, with those up to the authority behind it, and its key.
  std::string_view certificate{};
  /// Of that certificate.
  std::string_view key{};
  /// That the key is encrypted with.
  std::string_view password{};
  /// Protocols to be spoken inside, the best first: "h2,http/1.1" (ALPN).
  std::string_view alpn{};
  /// The oldest version to be spoken.
  TlsVersion minimum = TlsVersion::tls1_2;
  /// Sessions are kept, and a later connection to the same server begins where they ended, with less work.
  bool resume = true;
  /// The connection's end counts as the stream's, also when the server has not said so. Only for protocols that know by
  /// themselves when all has come.
  bool allow_truncation = false;
};

/// How a server speaks TLS. Sources of PEM are those of TlsClientOptions.
struct TlsServerOptions {
  /// The server's certificate, with those up to the authority behind it. Must be given.
  std::string_view certificate{};
  /// Of that certificate. Must be given.
  std::string_view key{};
  /// That the key is encrypted with.
  std::string_view password{};
  /// Mutual TLS: whether clients have to show a certificate.
  ClientCertificates clients = ClientCertificates::none;
  /// Who has to have signed those.
  std::string_view client_authorities{};
  /// Protocols that are spoken inside, the best first; a client that speaks none of them is refused.
  std::string_view alpn{};
  /// The oldest version to be spoken.
  TlsVersion minimum = TlsVersion::tls1_2;
  /// Clients may come back to a session.
  bool resume = true;
  /// As TlsClientOptions::allow_truncation.
  bool allow_truncation = false;
};

/// How TLS is spoken on any number of connections, made once and shared (ssl.SSLContext). Copies are the same context.
/// Any thread may use it. Reads its files when it is made, which blocks. Throws TlsError with the file.
class TlsContext {
 public:
  /// For connections that we make. Without options, what a browser would do.
  static TlsContext client(const TlsClientOptions& options = {});
  /// For connections that we accept.
  static TlsContext server(const TlsServerOptions& options);

  /// For the library.
  const std::shared_ptr<detail::TlsContextState>& state() const noexcept { return state_; }

 private:
  explicit TlsContext(std::shared_ptr<detail::TlsContextState> state) noexcept : state_(std::move(state)) {}
  std::shared_ptr<detail::TlsContextState> state_;
};

}  // namespace plait
