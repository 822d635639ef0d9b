// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "message.hpp"

namespace httpd {

/// Reads messages, one after the other, out of bytes that somebody else has received: Boost.Beast's parser behind a
/// door, so that one file alone is compiled with it. What must not pass throws HttpError.
class MessageParser {
 public:
  enum class Kind { request, response };
  static constexpr std::uint64_t kNoLimit = UINT64_MAX;

  explicit MessageParser(Kind kind, std::uint64_t body_limit = kNoLimit);
  ~MessageParser();
  MessageParser(const MessageParser&) = delete;
  MessageParser& operator=(const MessageParser&) = delete;

  /// Begins with a message: all of its head, with the empty line at its end. `without_body`: the answer to a HEAD.
  const Head& begin(std::string_view head, bool without_body = false);
  const Head& head() const noexcept;
  /// Forgets the last message.
  void clear() noexcept;

  /// All of the message has been read.
  bool done() const noexcept;
  /// Reads on in the body: the pieces of it in `bytes` are added, and the number of bytes that were used is returned.
  /// If that is not all of them, and the message is not done, more are needed before another try.
  std::size_t feed(std::string_view bytes, std::vector<std::string_view>& pieces);
  /// Nothing more comes.
  void end();

 private:
  struct Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace httpd
