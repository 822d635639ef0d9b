// SPDX-License-Identifier: BSL-1.0
//
// Idea. A context is OpenSSL's SSL_CTX with everything set that can go wrong if it isn't: verification on, versions
// from 1.2 on, no renegotiation, a password that is never asked for on the terminal, sessions only for the server they
// came from.
//
// Sessions of clients are kept here and not in OpenSSL's cache, which knows no servers' names. Those of TLS 1.3 are
// taken out when they are used, so that two connections can't be told to be one client's; a server sends new ones.
#include "plait/tls/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/tls/tls_error.hpp"
#include "tls/tls_context_state.hpp"
#include "tls/tls_state.hpp"

namespace plait {
namespace detail {
namespace {

constexpr std::size_t kMostSessions = 1024;
constexpr std::string_view kPem = "-----BEGIN";

bool is_text(std::string_view source) noexcept { return source.find(kPem) != source.npos; }

/// What to call it in an error.
std::string name_of(std::string_view source) {
  if (source.empty()) return "that was not given";
  return is_text(source) ? "given as text" : std::string(source);
}

/// The PEM text of a source: itself, or what the file of that name holds; empty if it can't be read.
std::string pem_of(std::string_view source) {
  if (is_text(source)) return std::string(source);
  std::ifstream file{std::string(source), std::ios::binary};
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Gives the password that `text` points to, instead of asking the terminal for one.
int give_password(char* into, int size, int /*writing*/, void* text) {
  const auto& password = *static_cast<const std::string_view*>(text);
  if (password.empty() || password.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(into, password.data(), password.size());
  return static_cast<int>(password.size());
}

Openssl<BIO> reader_of(const std::string& text) {
  return Openssl<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Openssl<X509> next_certificate(BIO* from) {
  std::string_view no_password;
  return Openssl<X509>(PEM_read_bio_X509_AUX(from, nullptr, &give_password, &no_password));
}

/// After the last certificate of a text: whether it was the end that stopped it.
bool ended_well() noexcept {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto& state = *static_cast<TlsState*>(SSL_get_app_data(ssl));
  return state.keep_session(Openssl<SSL_SESSION>(session));
}

SSL_CTX* new_context(bool server) {
  SSL_CTX* context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  if (!context) throw TlsError({"make", "a context", take_openssl_reason(), "", false});
  return context;
}

}  // namespace

void TlsContextState::refuse(const char* operation, std::string_view source) {
  throw TlsError({operation, name_of(source), take_openssl_reason(), "", false});
}

template <class Options>
void TlsContextState::set_common(const Options& options) {
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(get(), options.minimum == TlsVersion::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(get(), SSL_OP_NO_RENEGOTIATION | (options.allow_truncation ? SSL_OP_IGNORE_UNEXPECTED_EOF : 0));
  SSL_CTX_set_mode(get(), SSL_MODE_RELEASE_BUFFERS);
  // A record is read with one call instead of two.
  SSL_CTX_set_read_ahead(get(), 1);
  if (!options.certificate.empty()) use_certificate(options.certificate, options.key, options.password);
  set_alpn(options.alpn);
}

TlsContextState::TlsContextState(const TlsClientOptions& options)
    : context_(new_context(false)), is_server_(false), verifies_(options.verify) {
  set_common(options);
  SSL_CTX_set_verify(get(), options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!options.authorities.empty()) {
    trust(options.authorities, false);
  } else if (options.verify && SSL_CTX_set_default_verify_paths(get()) != 1) {
    refuse("load the authorities", "of the system");
  }
  SSL_CTX_set_session_cache_mode(
      get(), options.resume ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
  if (options.resume) SSL_CTX_sess_set_new_cb(get(), &detail::keep_session);
  if (!alpn_.empty()) {
    SSL_CTX_set_alpn_protos(get(), reinterpret_cast<const unsigned char*>(alpn_.data()),
                            static_cast<unsigned>(alpn_.size()));
  }
}

TlsContextState::TlsContextState(const TlsServerOptions& options)
    : context_(new_context(true)), is_server_(true), verifies_(options.clients != ClientCertificates::none) {
  if (options.certificate.empty() || options.key.empty()) {
    misuse("TlsContext::server(): a server needs a certificate and its key.");
  }
  if (verifies_ && options.client_authorities.empty()) {
    misuse("TlsContext::server(): to verify clients it needs client_authorities, who may have signed them.");
  }
  set_common(options);
  if (verifies_) {
    const bool required = options.clients == ClientCertificates::required;
    SSL_CTX_set_verify(get(), SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    trust(options.client_authorities, true);
  }
  static constexpr unsigned char kName[] = "plait";
  SSL_CTX_set_session_id_context(get(), kName, sizeof kName - 1);
  if (!options.resume) {
    SSL_CTX_set_session_cache_mode(get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(get(), SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(get(), 0);
  }
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(get(), &select_protocol, this);
}

void TlsContextState::use_certificate(std::string_view certificate, std::string_view key, std::string_view password) {
  constexpr const char* kLoad = "load the certificate";
  const std::string text = pem_of(certificate);
  const Openssl<BIO> from = reader_of(text);
  const Openssl<X509> own = next_certificate(from.get());
  if (!own || SSL_CTX_use_certificate(get(), own.get()) != 1) refuse(kLoad, certificate);
  while (Openssl<X509> next = next_certificate(from.get())) {
    if (SSL_CTX_add0_chain_cert(get(), next.get()) != 1) refuse(kLoad, certificate);
    (void)next.release();
  }
  if (!ended_well()) refuse(kLoad, certificate);
  const std::string key_text = pem_of(key);
  const Openssl<EVP_PKEY> own_key(
      PEM_read_bio_PrivateKey(reader_of(key_text).get(), nullptr, &give_password, &password));
  if (!own_key || SSL_CTX_use_PrivateKey(get(), own_key.get()) != 1) refuse("load the key", key);
}

void TlsContextState::trust(std::string_view authorities, bool name_them) {
  constexpr const char* kLoad = "load the authorities";
  std::error_code ignored;
  if (!is_text(authorities) && std::filesystem::is_directory(std::filesystem::path(authorities), ignored)) {
    if (SSL_CTX_load_verify_dir(get(), std::string(authorities).c_str()) != 1) refuse(kLoad, authorities);
    return;
  }
  const std::string text = pem_of(authorities);
  const Openssl<BIO> from = reader_of(text);
  bool any = false;
  while (const Openssl<X509> next = next_certificate(from.get())) {
    any = true;
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(get()), next.get()) != 1) refuse(kLoad, authorities);
    if (name_them && SSL_CTX_add_client_CA(get(), next.get()) != 1) refuse(kLoad, authorities);
  }
  if (!any) refuse(kLoad, authorities);
  if (!ended_well()) refuse(kLoad, authorities);
}

void TlsContextState::set_alpn(std::string_view protocols) {
  while (!protocols.empty()) {
    const std::string_view name = protocols.substr(0, protocols.find(','));
    if (name.empty() || name.size() > 255) misuse("TlsContext: alpn is a list of names, as \"h2,http/1.1\".");
    alpn_ += static_cast<char>(name.size());
    alpn_ += name;
    protocols.remove_prefix(std::min(protocols.size(), name.size() + 1));
  }
}

int TlsContextState::select_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size,
                                     const unsigned char* offered, unsigned int offered_size, void* self) {
  const std::string& ours = static_cast<TlsContextState*>(self)->alpn_;
  unsigned char* found = nullptr;
  const int outcome = SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                                            static_cast<unsigned>(ours.size()), offered, offered_size);
  *chosen = found;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Openssl<SSL_SESSION> TlsContextState::session_for(const std::string& server) {
  const std::scoped_lock guard(sessions_lock_);
  const auto at = sessions_.find(server);
  if (at == sessions_.end()) return nullptr;
  Openssl<SSL_SESSION> session;
  if (SSL_SESSION_get_protocol_version(at->second.get()) >= TLS1_3_VERSION) {
    session = std::move(at->second);
    sessions_.erase(at);
  } else {
    SSL_SESSION_up_ref(at->second.get());
    session.reset(at->second.get());
  }
  return session;
}

void TlsContextState::keep_session(const std::string& server, Openssl<SSL_SESSION> session) {
  const std::scoped_lock guard(sessions_lock_);
  if (sessions_.size() >= kMostSessions) sessions_.clear();
  sessions_[server] = std::move(session);
}

}  // namespace detail

TlsContext TlsContext::client(const TlsClientOptions& options) {
  return TlsContext(std::make_shared<detail::TlsContextState>(options));
}

TlsContext TlsContext::server(const TlsServerOptions& options) {
  return TlsContext(std::make_shared<detail::TlsContextState>(options));
}

}  // namespace plait
