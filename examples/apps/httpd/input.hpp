// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <plait/plait.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace httpd {

/// The bytes that have come and have not been used. While there are none it holds no memory: `read_chunk` lends a
/// buffer once there is data, so an idle connection costs nothing but its coroutines.
class Input {
 public:
  explicit Input(plait::Stream& stream) noexcept : stream_(stream) {}

  /// Good until the next `more`.
  std::string_view at_hand() const noexcept {
    return (pending_.empty() ? chunk_.text() : std::string_view(pending_)).substr(at_);
  }
  void take(std::size_t n) noexcept { at_ += n; }

  /// Waits for more bytes, which come behind those at hand; false at the end.
  plait::Task<bool> more();

  /// The size of the head at hand, with the empty line at its end; 0 if that has not come. Throws HttpError if it is
  /// longer than `limit`, or if its lines end in no way that HTTP knows.
  std::size_t head_size(std::size_t limit);
  /// Waits for all of a head, and gives its size; 0 if the end comes first.
  plait::Task<std::size_t> until_head(std::size_t limit);

 private:
  plait::Stream& stream_;
  plait::Chunk chunk_;
  std::string pending_;  ///< what came in more than one piece
  std::size_t at_ = 0;
  std::size_t searched_ = 0;
};

}  // namespace httpd
