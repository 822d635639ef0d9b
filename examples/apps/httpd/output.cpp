// SPDX-License-Identifier: BSL-1.0
//
// Idea. A write that was cancelled says how much went out. So a deadline that strikes while a slow peer does take bytes
// loses nothing: the write goes on from there, with a new deadline.
#include "output.hpp"

#include <chrono>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace httpd {

plait::Task<> write_text(plait::Stream& to, std::string_view text, plait::Duration patience) {
  for (bool done = false; !done;) {
    done = co_await plait::move_on_after(patience, to.write(text));
    if (!done && to.written() == 0) throw plait::TimeoutError();
    if (!done) text.remove_prefix(to.written());
  }
}

plait::Task<> write_pieces(plait::Stream& to, std::span<const std::string_view> pieces, plait::Duration patience) {
  if (co_await plait::move_on_after(patience, to.write(pieces))) co_return;
  std::size_t out = to.written();
  if (out == 0) throw plait::TimeoutError();
  for (const std::string_view piece : pieces) {
    const std::size_t gone = std::min(out, piece.size());
    out -= gone;
    if (gone < piece.size()) co_await write_text(to, piece.substr(gone), patience);
  }
}

plait::Task<> write_file(plait::Stream& to, plait::File& file, std::uint64_t offset, std::uint64_t count,
                         plait::Duration patience) {
  while (count > 0) {
    const auto sent = co_await plait::move_on_after(patience, plait::send_file(to, file, offset, count));
    const std::uint64_t n = sent ? *sent : to.written();
    if (n == 0 && !sent) throw plait::TimeoutError();
    if (n == 0) throw std::runtime_error(file.path() + " became shorter while it was sent");
    offset += n;
    count -= n;
  }
}

plait::Task<> linger(plait::Stream& stream) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  try {
    stream.shutdown_write();
    const auto drain = [&]() -> plait::Task<> {
      std::size_t seen = 0;
      while (seen < kMost) {
        const plait::Chunk chunk = co_await stream.read_chunk();
        if (!chunk) co_return;
        seen += chunk.size();
      }
    };
    co_await plait::move_on_after(std::chrono::seconds(1), drain());
  } catch (const std::exception&) {
    // It is over in any case.
  }
}

}  // namespace httpd
