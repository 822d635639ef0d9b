// SPDX-License-Identifier: BSL-1.0
#include "digest.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "reasons.hpp"

namespace plait::tool {
namespace {

// Fetched once: an implicit fetch for every message costs more than hashing a small header, and takes a lock.
const EVP_MD* sha256() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

struct OpenFile {
  int fd;
  explicit OpenFile(const char* name) : fd(::open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~OpenFile() {
    if (fd >= 0) ::close(fd);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
};

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
  FileResult result;
  result.settled = 1;
  auto fail = [&](int reason) {
    bench.hash.finish();
    result.reason = reason;
    return result;
  };
  OpenFile file(name);
  struct stat before{};
  if (file.fd < 0 || ::fstat(file.fd, &before) != 0) return fail(errno);
  if (Unread reason = unread_for_mode(before.st_mode); reason != kRead) return fail(reason);
  for (;;) {
    ssize_t got = ::read(file.fd, bench.buffer.get(), HashBench::kBufferSize);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(errno);
    if (got == 0) break;
    bench.hash.update({bench.buffer.get(), static_cast<std::size_t>(got)});
    result.size += static_cast<std::uint64_t>(got);
  }
  // Fewer bytes than announced is not yet a shrunk file: files of /sys announce a page and hold a line.
  struct stat after{};
  if (result.size < static_cast<std::uint64_t>(before.st_size) && ::fstat(file.fd, &after) == 0 &&
      after.st_size < before.st_size) {
    return fail(kShrank);
  }
  result.digest = bench.hash.finish();
  return result;
}

}  // namespace plait::tool
