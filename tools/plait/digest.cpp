// SPDX-License-Identifier: BSL-1.0
#include "digest.hpp"

#include <openssl/evp.h>

#include <stdexcept>

#include "regular_file.hpp"

namespace plait::tool {
namespace {

// Fetched once: an implicit fetch for every message costs more than hashing a small header, and takes a lock.
const EVP_MD* sha256() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr) throw std::bad_alloc();
  begin();
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::begin() {
  if (EVP_DigestInit_ex2(context_, sha256(), nullptr) != 1) throw std::runtime_error("OpenSSL has no SHA-256");
}

void Sha256::update(std::span<const std::byte> part) {
  if (EVP_DigestUpdate(context_, part.data(), part.size()) != 1) throw std::runtime_error("SHA-256 failed");
}

Digest Sha256::finish() {
  Digest digest;
  if (EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(digest.data()), nullptr) != 1) {
    throw std::runtime_error("SHA-256 failed");
  }
  begin();
  return digest;
}

std::string to_hex(const Digest& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * digest.size());
  for (std::byte b : digest) {
    hex += kDigits[std::to_integer<unsigned>(b) >> 4];
    hex += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return hex;
}

FileResult hash_file(const char* name, HashBench& bench) {
  RegularFile file(name);
  while (!file.complete()) {
    const std::size_t got = file.read(bench.room());
    if (got == 0) break;
    bench.hash.update(bench.room().first(got));
  }
  return finished(bench, file.got(), file.reason());
}

FileResult finished(HashBench& bench, std::uint64_t size, int reason) {
  FileResult result;
  result.digest = bench.hash.finish();
  result.size = size;
  result.reason = reason;
  result.settled = 1;
  return result;
}

}  // namespace plait::tool
