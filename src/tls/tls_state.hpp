// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "plait/io/layer.hpp"
#include "plait/tls/tls_error.hpp"
#include "plait/tls/tls_stream.hpp"
#include "tls/openssl.hpp"
#include "tls/tls_context_state.hpp"

namespace plait::detail {

/// A stream of TLS over another stream.
class TlsState final : public LayerState {
 public:
  /// `server_name` is whom a client wants to speak with, empty for a server. Throws TlsError.
  TlsState(Stream stream, std::shared_ptr<TlsContextState> context, const std::string& server_name);

  /// What `try_handshake` gives besides errors.
  static constexpr std::int64_t kDone = 0, kNeedsRoom = 1;
  /// A step of the handshake: kDone; kNeedsRoom if `try_flush` has to come first; -EAGAIN if the peer's turn is next.
  std::int64_t try_handshake(int fd) noexcept;

  std::int64_t try_read(int fd, void* into, std::size_t size) noexcept override;
  std::int64_t try_write(int fd, const void* from, std::size_t size) noexcept override;
  std::int64_t try_flush(int fd) noexcept override;
  std::int64_t try_peek(int fd) noexcept override;
  std::int64_t try_shutdown(int fd) noexcept override;
  void part(int fd) noexcept override;
  void explain(std::int64_t result, std::string_view verb) const override;

  TlsInfo info() const;
  /// OpenSSL has a session that a later connection may go on with. 1, as it is taken over.
  int keep_session(Openssl<SSL_SESSION> session) noexcept;

 private:
  static const BIO_METHOD* bio_method();
  static int on_write(BIO* bio, const char* from, std::size_t size, std::size_t* written) noexcept;
  static int on_read(BIO* bio, char* into, std::size_t size, std::size_t* read) noexcept;
  static long on_control(BIO* bio, int command, long number, void* pointer) noexcept;

  void aim_at(const std::string& server_name);
  void begin(int fd) noexcept;
  std::int64_t outcome(int returned) noexcept;
  std::int64_t flush() noexcept;
  std::int64_t say_end() noexcept;
  void note_failure() noexcept;

  const std::shared_ptr<TlsContextState> context_;
  /// In figures of errors: "127.0.0.1:443 (example.org)". Of sessions, the same.
  std::string peer_;
  bool has_session_key_ = false;

  /// Guards all below: OpenSSL knows one user of a connection at a time, and a reader and a writer are two.
  mutable std::mutex mutex_;
  Openssl<SSL> ssl_;
  /// What TLS has made and the stream below has not taken, from `sent_` on.
  std::string out_;
  std::size_t sent_ = 0;
  /// During a call: the descriptor, and what the stream below said last.
  int fd_ = -1;
  std::int64_t moved_ = 0;
  bool ended_below_ = false;
  /// Nothing more is to be written.
  bool said_end_ = false;
  bool failed_ = false;
  TlsError::Facts failure_;
};

}  // namespace plait::detail
