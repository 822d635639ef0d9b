// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <plait/plait.hpp>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "input.hpp"
#include "message_parser.hpp"

namespace httpd {

/// How long the sender of a body may let us wait.
struct Patience {
  plait::Duration base;
  /// Bytes a second: the time that was waited, over all of the body, may be `base` and as long as what came takes at
  /// this rate, so that a byte now and then does not hold a connection for ever. 0: each wait may be `base`.
  std::uint64_t rate = 0;
};

/// The body of the message that a parser has begun with, piece by piece, as it comes: none of it is collected.
class Body {
 public:
  Body(MessageParser& parser, Input& input, Patience patience) noexcept
      : parser_(parser), input_(input), patience_(patience) {}

  /// All of it has been read.
  bool done() const noexcept { return parser_.done(); }
  /// Waits for the next pieces, at least one, which are good until the next call; none at the end. Throws HttpError,
  /// with 408 if the sender is too slow.
  plait::Task<std::span<const std::string_view>> next();
  /// Reads and forgets the rest if that is not more than `limit` bytes; whether it was.
  plait::Task<bool> discard(std::uint64_t limit);

 private:
  plait::Task<> wait();

  MessageParser& parser_;
  Input& input_;
  const Patience patience_;
  plait::Duration waited_{};
  std::uint64_t came_ = 0;
  std::vector<std::string_view> pieces_;
};

}  // namespace httpd
