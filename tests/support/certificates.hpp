// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace plait::test {

/// A certificate and its key, as PEM.
struct Identity {
  std::string certificate, key;
};

/// What a certificate says.
struct CertificateOptions {
  std::string name = "localhost";
  /// "DNS:localhost", "IP:127.0.0.1"; several with commas. Empty: "DNS:" and the name.
  std::string alternatives{};
  /// Seconds from now.
  long from = -3600, to = 24L * 3600;
  bool is_authority = false;
};

/// Makes certificates, its own first, which it signs itself.
class Authority {
 public:
  explicit Authority(const std::string& name = "Test Authority") : key_(new_key(), &EVP_PKEY_free) {
    CertificateOptions options;
    options.name = name;
    options.is_authority = true;
    own_ = {make(options, key_.get(), nullptr), &X509_free};
  }
  /// One that another vouches for; with a certificate that does not let it sign any, unless `may_sign`.
  Authority(const std::string& name, const Authority& above, bool may_sign) : key_(new_key(), &EVP_PKEY_free) {
    CertificateOptions options;
    options.name = name;
    options.is_authority = may_sign;
    own_ = {above.make(options, key_.get(), above.own_.get()), &X509_free};
  }

  /// Its own certificate, for those who trust it.
  std::string certificate() const { return text_of(own_.get()); }

  /// One that it signs.
  Identity issue(const CertificateOptions& options = {}) const {
    const Key key(new_key(), &EVP_PKEY_free);
    const Certificate made(make(options, key.get(), own_.get()), &X509_free);
    return {text_of(made.get()), text_of(key.get())};
  }
  Identity issue_for(const std::string& name) const {
    CertificateOptions options;
    options.name = name;
    return issue(options);
  }
  /// Itself, as one that signed itself.
  Identity self() const { return {certificate(), text_of(key_.get())}; }

 private:
  using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

  static EVP_PKEY* new_key() { return EVP_EC_gen("P-256"); }

  X509* make(const CertificateOptions& options, EVP_PKEY* key, X509* issuer) const {
    static long serial = 1;
    X509* made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made), options.from);
    X509_gmtime_adj(X509_getm_notAfter(made), options.to);
    X509_NAME* name = X509_get_subject_name(made);
    const auto* common = reinterpret_cast<const unsigned char*>(options.name.c_str());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, common, -1, -1, 0);
    X509_set_issuer_name(made, issuer ? X509_get_subject_name(issuer) : name);
    X509_set_pubkey(made, key);
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer ? issuer : made, made, nullptr, nullptr, 0);
    const auto extend = [&](int what, const std::string& value) {
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
      if (!extension) throw std::runtime_error("no extension " + value);
      X509_add_ext(made, extension, -1);
      X509_EXTENSION_free(extension);
    };
    extend(NID_basic_constraints, options.is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    extend(NID_subject_alt_name, options.alternatives.empty() ? "DNS:" + options.name : options.alternatives);
    X509_sign(made, key_.get(), EVP_sha256());
    return made;
  }

  template <class Write>
  static std::string written(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new(BIO_s_mem()), &BIO_free_all);
    write(bio.get());
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
  }
  static std::string text_of(X509* certificate) {
    return written([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
  }
  static std::string text_of(EVP_PKEY* key) {
    return written([&](BIO* bio) { PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
  }

  Key key_;
  Certificate own_{nullptr, &X509_free};
};

}  // namespace plait::test
