// SPDX-License-Identifier: BSL-1.0
//
// Idea. OpenSSL reads and writes through a BIO that is this layer's, and that uses the stream below without waiting.
// What the stream below does not take is kept in `out_`, so that to OpenSSL every write succeeds: SSL_write, SSL_read
// and the handshake are never in the middle of a write that would have to be repeated with the same bytes, and a write
// may be cancelled between any two calls. A record is made only when `out_` is empty, so it holds little more than one
// record.
//
// Invariants. 1. -EAGAIN comes from the stream below, in the same call, as pollers demand: OpenSSL wants to read only
// when the BIO could not. 2. One thread at a time is in OpenSSL; the lock is never held while something waits. 3. After
// a failure OpenSSL is not asked again, and everybody hears of the same one. 4. The bytes that OpenSSL holds, decrypted
// or not, are seen by nobody else: so reads are tried before the descriptor is waited for (`eager`).
#include "tls/tls_state.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/os/socket.hpp"

namespace plait::detail {
namespace {

/// What one record holds.
constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;
/// A peer that asks for answers and doesn't read them gets no more than this.
constexpr std::size_t kMostKept = std::size_t{1} << 20;
/// How often the end is tried to be said if the stream below stops for no reason.
constexpr int kTries = 100;

bool is_address(const std::string& name) { return os::SocketAddress::from_figures(name, 0).has_value(); }

}  // namespace

TlsState::TlsState(Stream stream, std::shared_ptr<TlsContextState> context, const std::string& server_name)
    : LayerState(std::move(stream)), context_(std::move(context)), peer_(LayerState::describe()) {
  ERR_clear_error();
  ssl_.reset(SSL_new(context_->get()));
  Openssl<BIO> bio(ssl_ ? BIO_new(bio_method()) : nullptr);
  if (!bio) throw TlsError({"prepare the connection with", peer_, take_openssl_reason(), "", false});
  BIO_set_data(bio.get(), this);
  BIO_set_init(bio.get(), 1);
  BIO* const both = bio.release();
  SSL_set_bio(ssl_.get(), both, both);
  SSL_set_app_data(ssl_.get(), this);
  if (context_->is_server()) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    aim_at(server_name);
  }
}

/// Says whom it wants to speak with, and makes sure that it is him.
void TlsState::aim_at(const std::string& server_name) {
  std::string name = server_name;
  if (!name.empty() && name.back() == '.') name.pop_back();
  if (name.empty()) {
    if (!context_->verifies()) return;
    misuse(peer_ + ": TLS verifies the server, so it has to know its name: {.server_name = \"example.org\"}.");
  }
  peer_ += " (" + name + ")";
  bool understood = true;
  if (is_address(name)) {
    understood = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    understood =
        SSL_set1_host(ssl_.get(), name.c_str()) == 1 && SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) == 1;
  }
  if (!understood) throw TlsError({"prepare the connection with", peer_, take_openssl_reason(), "", false});
  has_session_key_ = true;
  if (const Openssl<SSL_SESSION> session = context_->session_for(peer_)) SSL_set_session(ssl_.get(), session.get());
}

int TlsState::keep_session(Openssl<SSL_SESSION> session) noexcept {
  try {
    if (has_session_key_) context_->keep_session(peer_, std::move(session));
  } catch (const std::exception&) {
    // Without memory the next connection does a whole handshake.
  }
  return 1;
}

// ---- What OpenSSL calls ----

const BIO_METHOD* TlsState::bio_method() {
  static const Openssl<BIO_METHOD> method = [] {
    Openssl<BIO_METHOD> made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "plait"));
    if (!made) throw TlsError({"prepare", "OpenSSL", take_openssl_reason(), "", false});
    BIO_meth_set_write_ex(made.get(), &on_write);
    BIO_meth_set_read_ex(made.get(), &on_read);
    BIO_meth_set_ctrl(made.get(), &on_control);
    return made;
  }();
  return method.get();
}

int TlsState::on_write(BIO* bio, const char* from, std::size_t size, std::size_t* written) noexcept {
  auto& self = *static_cast<TlsState*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  std::size_t taken = 0;
  if (self.out_.empty()) {
    self.moved_ = self.below().try_write(self.fd_, from, size);
    if (self.moved_ < 0 && self.moved_ != -EAGAIN && self.moved_ != -EINTR) return 0;
    taken = static_cast<std::size_t>(std::max<std::int64_t>(self.moved_, 0));
  }
  if (taken < size) {
    try {
      if (self.out_.size() - self.sent_ > kMostKept) throw std::bad_alloc();
      self.out_.append(from + taken, size - taken);
    } catch (const std::exception&) {
      self.moved_ = -ENOBUFS;
      return 0;
    }
  }
  *written = size;
  return 1;
}

int TlsState::on_read(BIO* bio, char* into, std::size_t size, std::size_t* read) noexcept {
  auto& self = *static_cast<TlsState*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *read = 0;
  if (self.ended_below_) return 0;
  self.moved_ = self.below().try_read(self.fd_, into, size);
  if (self.moved_ == -EAGAIN || self.moved_ == -EINTR) BIO_set_retry_read(bio);
  if (self.moved_ == 0) self.moved_ = self.lost.load(std::memory_order_relaxed);  // a write has heard of it
  if (self.moved_ == 0) self.ended_below_ = true;
  if (self.moved_ <= 0) return 0;
  *read = static_cast<std::size_t>(self.moved_);
  return 1;
}

long TlsState::on_control(BIO* bio, int command, long /*number*/, void* /*pointer*/) noexcept {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return static_cast<TlsState*>(BIO_get_data(bio))->ended_below_ ? 1 : 0;
  return 0;
}

// ---- What streams call ----

void TlsState::begin(int fd) noexcept {
  fd_ = fd;
  moved_ = 0;
  ERR_clear_error();
}

/// What a call of OpenSSL that returned no success means.
std::int64_t TlsState::outcome(int returned) noexcept {
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_ZERO_RETURN:
      // An end that nobody said is let pass on demand, but not in the middle of a record.
      if (!ended_below_ || SSL_has_pending(ssl_.get()) == 0) return 0;
      break;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return moved_ == -EINTR ? -EINTR : -EAGAIN;
    case SSL_ERROR_SYSCALL:
      if (moved_ < 0) return moved_;
      break;
    default:
      break;
  }
  note_failure();
  flush();  // OpenSSL tells the peer what is wrong
  return -EPROTO;
}

void TlsState::note_failure() noexcept {
  failed_ = true;
  try {
    failure_.peer = peer_;
    failure_.truncated = ended_below_;
    failure_.reason = ended_below_ ? "the connection ended before TLS did" : take_openssl_reason();
    const long verified = SSL_get_verify_result(ssl_.get());
    if (!SSL_is_init_finished(ssl_.get()) && verified != X509_V_OK) {
      failure_.verification = X509_verify_cert_error_string(verified);
    }
  } catch (const std::exception&) {
    // No memory for the reason.
  }
}

void TlsState::explain(std::int64_t result, std::string_view verb) const {
  if (result == -EPROTO) {
    const std::scoped_lock guard(mutex_);
    if (failed_) {
      TlsError::Facts facts = failure_;
      facts.operation = verb;
      throw TlsError(std::move(facts));
    }
  }
  LayerState::explain(result, verb);
}

std::int64_t TlsState::flush() noexcept {
  while (sent_ < out_.size()) {
    const std::int64_t n = below().try_write(fd_, out_.data() + sent_, out_.size() - sent_);
    if (n < 0) return n;
    sent_ += static_cast<std::size_t>(n);
  }
  if (sent_ != 0) {
    std::string().swap(out_);
    sent_ = 0;
  }
  return below().try_flush(fd_);
}

std::int64_t TlsState::try_handshake(int fd) noexcept {
  const std::scoped_lock guard(mutex_);
  begin(fd);
  if (failed_) return -EPROTO;
  const auto room = [](std::int64_t flushed) { return flushed == -EAGAIN || flushed == -EINTR ? kNeedsRoom : flushed; };
  if (const std::int64_t flushed = flush()) return room(flushed);
  const int returned = SSL_do_handshake(ssl_.get());
  const std::int64_t result = returned == 1 ? kDone : outcome(returned);
  if (result != kDone && result != -EAGAIN && result != -EINTR) return result;
  if (returned != 1 && result == kDone) return -ECONNRESET;  // the peer said goodbye instead
  const std::int64_t flushed = flush();
  return flushed != 0 ? room(flushed) : result;
}

std::int64_t TlsState::try_read(int fd, void* into, std::size_t size) noexcept {
  const std::scoped_lock guard(mutex_);
  begin(fd);
  if (failed_) return -EPROTO;
  std::size_t n = 0;
  const int returned = SSL_read_ex(ssl_.get(), into, size, &n);
  const std::int64_t result = returned == 1 ? static_cast<std::int64_t>(n) : outcome(returned);
  // An answer that the peer asked for, or an end that the socket had no room for.
  if (!out_.empty()) flush();
  return result;
}

std::int64_t TlsState::try_peek(int fd) noexcept {
  const std::scoped_lock guard(mutex_);
  begin(fd);
  if (failed_) return 0;
  char byte = 0;
  std::size_t n = 0;
  const int returned = SSL_peek_ex(ssl_.get(), &byte, 1, &n);
  const std::int64_t result = returned == 1 ? 0 : outcome(returned);
  if (!out_.empty()) flush();
  return result;
}

std::int64_t TlsState::try_write(int fd, const void* from, std::size_t size) noexcept {
  const std::scoped_lock guard(mutex_);
  begin(fd);
  if (failed_) return -EPROTO;
  if (said_end_) return -EPIPE;
  if (const std::int64_t flushed = flush()) return flushed;
  std::size_t n = 0;
  const int returned = SSL_write_ex(ssl_.get(), from, std::min(size, kRecord), &n);
  if (returned == 1) return static_cast<std::int64_t>(n);
  const std::int64_t result = outcome(returned);
  return result == 0 ? -EPIPE : result;
}

std::int64_t TlsState::try_flush(int fd) noexcept {
  const std::scoped_lock guard(mutex_);
  begin(fd);
  return flush();
}

std::int64_t TlsState::try_shutdown(int fd) noexcept {
  const std::scoped_lock guard(mutex_);
  begin(fd);
  return say_end();
}

/// Once; what the socket does not take of it goes out with the next read.
std::int64_t TlsState::say_end() noexcept {
  if (failed_ || !SSL_is_init_finished(ssl_.get())) return 0;
  if (!std::exchange(said_end_, true)) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  for (int i = 0; i < kTries && flush() == -EINTR; ++i) {
  }
  return 0;
}

void TlsState::part(int fd) noexcept {
  {
    const std::scoped_lock guard(mutex_);
    begin(fd);
    say_end();
    // Sessions that a server sent after the handshake: if they were left unread the kernel would reset the connection,
    // and the peer lose what is on its way to it.
    char byte = 0;
    std::size_t n = 0;
    if (!failed_ && SSL_is_init_finished(ssl_.get())) SSL_peek_ex(ssl_.get(), &byte, 1, &n);
    ERR_clear_error();
  }
  LayerState::part(fd);
}

TlsInfo TlsState::info() const {
  const std::scoped_lock guard(mutex_);
  TlsInfo info;
  info.version = SSL_get_version(ssl_.get());
  info.cipher = SSL_get_cipher_name(ssl_.get());
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  if (size != 0) info.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  if (const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name)) info.server_name = name;
  info.resumed = SSL_session_reused(ssl_.get()) == 1;
  if (X509* certificate = SSL_get0_peer_certificate(ssl_.get())) {
    const Openssl<BIO> text(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    char* bytes = nullptr;
    const long length = BIO_get_mem_data(text.get(), &bytes);
    info.peer_subject.assign(bytes, static_cast<std::size_t>(std::max(length, 0L)));
  }
  return info;
}

}  // namespace plait::detail
