// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>
#include <string>

namespace plait {

/// TLS failed: a handshake, a certificate, bytes that are not what the peer must have sent, or a stream that ended
/// without saying so (ssl.SSLError). What the system refuses, as a reset, stays std::system_error. After one the stream
/// is of no more use.
class TlsError : public std::runtime_error {
 public:
  /// What is known of a failure.
  struct Facts {
    std::string operation;     ///< "handshake with", "read from", "load the certificate"
    std::string peer;          ///< "127.0.0.1:443 (example.org)"; of a context, the file or what stands for it
    std::string reason;        ///< OpenSSL's sentence: "certificate verify failed"
    std::string verification;  ///< why the peer's certificate was refused: "certificate has expired"; else empty
    bool truncated = false;    ///< the connection ended without TLS having ended
  };
  explicit TlsError(Facts facts);

  /// What failed, and with whom.
  const std::string& operation() const noexcept { return facts_.operation; }
  const std::string& peer() const noexcept { return facts_.peer; }
  /// OpenSSL's sentence.
  const std::string& reason() const noexcept { return facts_.reason; }
  /// Why the peer's certificate was refused, as "certificate has expired", "hostname mismatch", "self-signed
  /// certificate"; empty if it was something else (ssl.SSLCertVerificationError.verify_message).
  const std::string& verification() const noexcept { return facts_.verification; }
  /// The connection ended, but the peer has not said that nothing more comes: somebody may have cut it
  /// (ssl.SSLEOFError).
  bool truncated() const noexcept { return facts_.truncated; }

 private:
  Facts facts_;
};

}  // namespace plait
