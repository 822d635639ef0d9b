// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace plait::detail {

/// OpenSSL's objects, each with an owner.
struct OpensslFreer {
  void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
  void operator()(SSL* p) const noexcept { SSL_free(p); }
  void operator()(SSL_SESSION* p) const noexcept { SSL_SESSION_free(p); }
  void operator()(BIO* p) const noexcept { BIO_free_all(p); }
  void operator()(BIO_METHOD* p) const noexcept { BIO_meth_free(p); }
  void operator()(X509* p) const noexcept { X509_free(p); }
  void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
};
template <class T>
using Openssl = std::unique_ptr<T, OpensslFreer>;

/// The sentence of the first error that OpenSSL noted in this thread, which are forgotten by that.
std::string take_openssl_reason();

}  // namespace plait::detail
