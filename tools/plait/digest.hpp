// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct evp_md_ctx_st;

namespace plait::tool {

using Digest = std::array<std::byte, 32>;

/// SHA-256 by OpenSSL, kept warm: one object hashes any number of messages, one after the other.
/// Threads: one at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const std::byte> part);
  /// Ends the message; the next `update` begins a new one.
  Digest finish();

 private:
  void begin();

  evp_md_ctx_st* context_;
};

std::string to_hex(const Digest& digest);

/// What came of one file.
struct FileResult {
  Digest digest{};
  std::uint64_t size = 0;     ///< bytes read
  std::int32_t reason = 0;    ///< 0, or why it was not read (see reasons.hpp)
  std::uint32_t settled = 0;  ///< 1 once the way has dealt with this file
};

/// What a strand needs to hash files: one hash and one buffer, used again for each file.
struct HashBench {
  static constexpr std::size_t kBufferSize = 128 * 1024;
  Sha256 hash;
  std::unique_ptr<std::byte[]> buffer = std::make_unique_for_overwrite<std::byte[]>(kBufferSize);
  [[nodiscard]] std::span<std::byte> room() const { return {buffer.get(), kBufferSize}; }
};

/// Reads a regular file to its end and hashes it; never waits for a FIFO or a device.
/// Throws: nothing; what went wrong is in the result.
FileResult hash_file(const char* name, HashBench& bench);

/// The result of a file whose parts have gone through the bench, which is then ready for the next file.
FileResult finished(HashBench& bench, std::uint64_t size, int reason);

}  // namespace plait::tool
