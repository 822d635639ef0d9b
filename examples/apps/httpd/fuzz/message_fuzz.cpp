// SPDX-License-Identifier: BSL-1.0
//
// A message comes in pieces of any size; however they are cut, the same head, the same body and the same verdict come
// out. The first byte chooses the kind and how it is cut.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http_error.hpp"
#include "message_parser.hpp"

namespace {

using httpd::MessageParser;

/// The body as it is read in pieces of at most `step` bytes, and how that ended.
std::string body_of(MessageParser::Kind kind, std::string_view head, std::string_view rest, std::size_t step) {
  MessageParser parser(kind, std::size_t{1} << 16);
  std::string body;
  try {
    const httpd::Head& read = parser.begin(head);
    body = std::to_string(read.fields.size()) + (read.keep_alive ? "k" : "c") + (read.chunked ? "c:" : "l:");
    std::size_t known = 0;
    std::vector<std::string_view> pieces;
    while (!parser.done()) {
      const std::size_t used = known == 0 ? 0 : parser.feed(rest.substr(0, known), pieces);
      if (used > known) std::abort();
      for (const std::string_view piece : pieces) body += piece;
      pieces.clear();
      rest.remove_prefix(used);
      known -= used;
      if (used != 0 || parser.done()) continue;
      if (known == rest.size()) {
        parser.end();
        break;
      }
      known = std::min(known + step, rest.size());
    }
    body += parser.done() ? " done" : " open";
  } catch (const httpd::HttpError& error) {
    // What came before the fault may differ, the fault may not.
    return "refused " + std::to_string(error.status());
  }
  return body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto kind = data[0] % 2 == 0 ? MessageParser::Kind::request : MessageParser::Kind::response;
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view head = text.substr(0, end + 4), rest = text.substr(end + 4);
  const std::string whole = body_of(kind, head, rest, SIZE_MAX / 2);
  if (body_of(kind, head, rest, 1 + data[0] / 2) != whole) std::abort();
  return 0;
}
