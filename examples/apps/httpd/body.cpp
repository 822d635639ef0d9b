// SPDX-License-Identifier: BSL-1.0
//
// Idea. Only the time in which we wait for the sender counts: while we wait for those who get the body, that is
// back-pressure, and nobody's fault here.
#include "body.hpp"

#include <chrono>
#include <optional>

#include "http_error.hpp"

namespace httpd {

plait::Task<std::span<const std::string_view>> Body::next() {
  pieces_.clear();
  while (pieces_.empty() && !parser_.done()) {
    const std::string_view bytes = input_.at_hand();
    const std::size_t used = bytes.empty() ? 0 : parser_.feed(bytes, pieces_);
    input_.take(used);
    if (used == bytes.size() || used == 0) {
      // The pieces are views of what is at hand, so they go first.
      if (pieces_.empty() && !parser_.done()) co_await wait();
    }
  }
  for (const std::string_view piece : pieces_) came_ += piece.size();
  co_return std::span<const std::string_view>(pieces_);
}

plait::Task<> Body::wait() {
  // The framing of chunks is short; who makes it long wants us to collect it.
  if (input_.at_hand().size() > std::size_t{16} << 10) throw HttpError(400, "a line of chunked framing is too long");
  plait::Duration most = patience_.base;
  if (patience_.rate != 0) most += std::chrono::seconds(came_ / patience_.rate) - waited_;
  const plait::TimePoint begin = plait::now();
  const std::optional<bool> more = co_await plait::move_on_after(most, input_.more());
  if (!more) throw HttpError(408, "the body came too slowly");
  waited_ += plait::now() - begin;
  if (!*more) parser_.end();
}

plait::Task<bool> Body::discard(std::uint64_t limit) {
  std::uint64_t seen = 0;
  while (!done() && seen <= limit) {
    for (const std::string_view piece : co_await next()) seen += piece.size();
  }
  co_return done();
}

}  // namespace httpd
