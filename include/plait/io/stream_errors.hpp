// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

namespace plait {

/// A Stream ended before all was there that was asked for. The bytes that came are in it and no more in the stream
/// (asyncio.IncompleteReadError).
class IncompleteReadError : public std::runtime_error {
 public:
  IncompleteReadError(const std::string& message, std::string partial)
      : std::runtime_error(message), partial_(std::move(partial)) {}
  /// What came before the end.
  const std::string& partial() const noexcept { return partial_; }

 private:
  std::string partial_;
};

/// A separator did not come within the limit. Nothing is lost: all is still in the stream, where a read with a higher
/// limit, or any other read, finds it (asyncio.LimitOverrunError).
class LimitOverrunError : public std::runtime_error {
 public:
  LimitOverrunError(const std::string& message, std::size_t buffered)
      : std::runtime_error(message), buffered_(buffered) {}
  /// How many bytes wait in the stream's buffer.
  std::size_t buffered() const noexcept { return buffered_; }

 private:
  std::size_t buffered_;
};

}  // namespace plait
