// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace plait::tool {

/// How far the reading of a regular file is.
class Extent {
 public:
  Extent() = default;
  /// `announced` is the size that the system gave before the first read.
  explicit Extent(std::uint64_t announced) : announced_(announced) {}
  void add(std::size_t got) { got_ += got; }
  /// Bytes read so far.
  [[nodiscard]] std::uint64_t got() const { return got_; }
  /// Whether all that was announced has been read; asking for more would only find what was appended since.
  [[nodiscard]] bool complete() const { return announced_ > 0 && got_ >= announced_; }
  /// What it means that the end came now: 0, or that the file shrank (see reasons.hpp).
  [[nodiscard]] int reason_at_end(int fd) const;

 private:
  std::uint64_t announced_ = 0;
  std::uint64_t got_ = 0;
};

/// A regular file that is open for reading to its end. Opening anything else, a FIFO for instance, fails without
/// waiting for it.
class RegularFile {
 public:
  /// Throws: nothing; see `reason`.
  explicit RegularFile(const char* name);
  RegularFile(RegularFile&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), reason_(other.reason_), extent_(other.extent_) {}
  RegularFile& operator=(RegularFile&&) = delete;
  ~RegularFile();

  /// Reads the next part; 0 at the end, or when it can't go on: then `reason` says why.
  std::size_t read(std::span<std::byte> into);

  /// 0, or why it can't be read (see reasons.hpp): among others, that it shrank.
  [[nodiscard]] int reason() const { return reason_; }
  [[nodiscard]] std::uint64_t got() const { return extent_.got(); }
  [[nodiscard]] bool complete() const { return extent_.complete(); }

 private:
  int fd_;
  int reason_ = 0;
  Extent extent_;
};

}  // namespace plait::tool
