// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace plait::tool {

/// A regular file that is open for reading to its end. Opening anything else, a FIFO for instance, fails without
/// waiting for it.
class RegularFile {
 public:
  /// Throws: nothing; see `reason`.
  explicit RegularFile(const char* name);
  RegularFile(RegularFile&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), reason_(other.reason_), announced_(other.announced_), got_(other.got_) {}
  RegularFile& operator=(RegularFile&&) = delete;
  ~RegularFile();

  /// Reads the next part; 0 at the end, or when it can't go on: then `reason` says why.
  std::size_t read(std::span<std::byte> into);

  /// 0, or why it can't be read (see reasons.hpp): among others, that it shrank.
  [[nodiscard]] int reason() const { return reason_; }
  /// Bytes read so far.
  [[nodiscard]] std::uint64_t got() const { return got_; }
  /// Whether all that it announced when it was opened has been read; asking for more only finds what was appended.
  [[nodiscard]] bool complete() const { return reason_ != 0 || (announced_ > 0 && got_ >= announced_); }

 private:
  int fd_;
  int reason_ = 0;
  std::uint64_t announced_ = 0;
  std::uint64_t got_ = 0;
};

}  // namespace plait::tool
