// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "plait/tls/tls_context.hpp"
#include "tls/openssl.hpp"

namespace plait::detail {

/// OpenSSL's context, and what callbacks of it need. Any thread.
class TlsContextState {
 public:
  explicit TlsContextState(const TlsClientOptions& options);
  explicit TlsContextState(const TlsServerOptions& options);
  TlsContextState(const TlsContextState&) = delete;
  TlsContextState& operator=(const TlsContextState&) = delete;

  SSL_CTX* get() const noexcept { return context_.get(); }
  bool is_server() const noexcept { return is_server_; }
  bool verifies() const noexcept { return verifies_; }

  /// The session to go on with at `server`; null if there is none. One of TLS 1.3 is given once.
  Openssl<SSL_SESSION> session_for(const std::string& server);
  /// Keeps one.
  void keep_session(const std::string& server, Openssl<SSL_SESSION> session);

 private:
  template <class Options>
  void set_common(const Options& options);
  void use_certificate(std::string_view certificate, std::string_view key, std::string_view password);
  void trust(std::string_view authorities, bool name_them);
  void set_alpn(std::string_view protocols);
  [[noreturn]] static void refuse(const char* operation, std::string_view source);
  static int select_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                             unsigned int offered_size, void* self);

  const Openssl<SSL_CTX> context_;
  const bool is_server_;
  const bool verifies_;
  /// As it goes over the wire: each with its length before it.
  std::string alpn_;
  std::mutex sessions_lock_;
  std::map<std::string, Openssl<SSL_SESSION>> sessions_;
};

}  // namespace plait::detail
