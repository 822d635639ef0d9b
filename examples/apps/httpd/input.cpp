// SPDX-License-Identifier: BSL-1.0
#include "input.hpp"

#include <algorithm>

#include "http_error.hpp"

namespace httpd {

plait::Task<bool> Input::more() {
  if (at_hand().empty()) {
    pending_.clear();
    at_ = 0;
    chunk_ = {};
    chunk_ = co_await stream_.read_chunk();
    co_return static_cast<bool>(chunk_);
  }
  // Most messages come in one piece; those that do not are put together here.
  if (pending_.empty()) {
    pending_ = at_hand();
    chunk_ = {};
  } else {
    pending_.erase(0, at_);
  }
  at_ = 0;
  const plait::Chunk next = co_await stream_.read_chunk();
  pending_ += next.text();
  co_return static_cast<bool>(next);
}

std::size_t Input::head_size(std::size_t limit) {
  // Empty lines before a request are no fault (RFC 9112, 2.2).
  while (searched_ == 0 && at_hand().starts_with("\r\n")) take(2);
  const std::string_view all = at_hand();
  const std::size_t end = all.find("\r\n\r\n", searched_);
  const std::size_t size = end == std::string_view::npos ? all.size() : end + 4;
  if (size > limit) {
    const bool in_first_line = all.substr(0, limit).find("\r\n") == std::string_view::npos;
    throw HttpError(in_first_line ? 414 : 431, "the head is too long");
  }
  if (const std::size_t bare = all.substr(0, size).find("\n\n", searched_); bare != std::string_view::npos) {
    throw HttpError(400, "lines end with CR LF");
  }
  searched_ = end == std::string_view::npos ? all.size() - std::min<std::size_t>(all.size(), 3) : 0;
  return end == std::string_view::npos ? 0 : size;
}

plait::Task<std::size_t> Input::until_head(std::size_t limit) {
  std::size_t size = head_size(limit);
  for (bool more_comes = true; size == 0 && more_comes;) {
    more_comes = co_await more();
    size = head_size(limit);
  }
  co_return size;
}

}  // namespace httpd
