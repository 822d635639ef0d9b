// SPDX-License-Identifier: BSL-1.0
//
// Idea. A request with a body is a race between sending it and passing the answer on. The sender never wins: when all
// is sent it waits. So the race ends with the answer, also with one that comes before the body was read, and then the
// sender is cancelled; or with an error of either, which cancels the other. Each direction has one buffer and writes it
// before it reads again, which is all the back-pressure that is needed.
#include "proxy.hpp"

#include <array>
#include <cstdio>
#include <system_error>
#include <vector>

#include "http_error.hpp"
#include "output.hpp"
#include "proxy_heads.hpp"

namespace httpd {
namespace {

constexpr std::size_t kMaxHead = std::size_t{64} << 10;

/// The pieces as they are, or as one chunk.
plait::Task<> pass_on(plait::Stream& to, std::span<const std::string_view> pieces, bool chunked,
                      plait::Duration patience) {
  if (!chunked) {
    co_await write_pieces(to, pieces, patience);
    co_return;
  }
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  std::array<char, 32> line;
  const int n = std::snprintf(line.data(), line.size(), "%zx\r\n", size);
  std::vector<std::string_view> framed;
  framed.reserve(pieces.size() + 2);
  framed.emplace_back(line.data(), static_cast<std::size_t>(n));
  framed.insert(framed.end(), pieces.begin(), pieces.end());
  framed.emplace_back("\r\n");
  co_await write_pieces(to, framed, patience);
}

constexpr std::string_view kLastChunk = "0\r\n\r\n";

/// One exchange with the other server.
class Forwarding {
 public:
  Forwarding(Exchange& exchange, plait::Stream upstream)
      : exchange_(exchange),
        upstream_(std::move(upstream)),
        input_(upstream_),
        parser_(MessageParser::Kind::response),
        patience_(exchange.settings.upstream_timeout) {}

  plait::Task<> run(std::string head) {
    const bool sent = co_await to_upstream({&kNothing, 0}, false, &head);
    if (sent && exchange_.request.has_body) {
      co_await plait::race(send_body(), pass_answer());
    } else {
      co_await pass_answer();
    }
  }

 private:
  static constexpr std::string_view kNothing{};

  /// Writes to the other server; false if that reads no more: it may have answered all the same.
  plait::Task<bool> to_upstream(std::span<const std::string_view> pieces, bool chunked,
                                const std::string* text = nullptr) {
    try {
      if (text) {
        co_await write_text(upstream_, *text, patience_);
      } else {
        co_await pass_on(upstream_, pieces, chunked, patience_);
      }
    } catch (const std::system_error&) {
      co_return false;
    } catch (const plait::TimeoutError&) {
      throw HttpError(504, "the server behind does not read");
    }
    co_return true;
  }

  plait::Task<> send_body() {
    const bool chunked = exchange_.request.chunked;
    if (!exchange_.request.get("Expect").empty()) {
      co_await write_text(exchange_.stream, "HTTP/1.1 100 Continue\r\n\r\n", exchange_.settings.write_timeout);
    }
    bool reads = true;
    for (bool more = true; more && reads;) {
      const std::span<const std::string_view> pieces = co_await exchange_.body.next();
      more = !pieces.empty();
      if (more) reads = co_await to_upstream(pieces, chunked);
    }
    const std::string last(kLastChunk);
    if (reads && chunked) co_await to_upstream({&kNothing, 0}, false, &last);
    sent_ = true;
    plait::Event never;
    co_await never.wait();
  }

  plait::Task<> pass_answer() {
    const Head* response = co_await read_head();
    bool chunked = false;
    Answer answer = downstream_head(exchange_, *response, chunked);
    co_await send_answer(exchange_, answer);
    Body body(parser_, input_, {patience_});
    for (bool more = response->has_body; more;) {
      const std::span<const std::string_view> pieces = co_await body.next();
      more = !pieces.empty();
      if (!more) break;
      co_await pass_on(exchange_.stream, pieces, chunked, exchange_.settings.write_timeout);
      for (const std::string_view piece : pieces) exchange_.sent += piece.size();
    }
    if (chunked) co_await write_text(exchange_.stream, kLastChunk, exchange_.settings.write_timeout);
  }

  plait::Task<const Head*> read_head() {
    try {
      while (true) {
        const auto size = co_await plait::move_on_after(patience_, input_.until_head(kMaxHead));
        // While the client still sends, the other server may wait as we do.
        const bool sending = exchange_.request.has_body && !sent_;
        if (!size && sending) continue;
        if (!size) throw HttpError(504, "the server behind does not answer");
        if (*size == 0) throw HttpError(502, "the server behind ended without an answer");
        const Head& head = parser_.begin(input_.at_hand().substr(0, *size), exchange_.is_head());
        input_.take(*size);
        if (head.status == 101) throw HttpError(502, "the server behind speaks something else");
        if (head.status >= 200) co_return &head;
      }
    } catch (const std::system_error&) {
      throw HttpError(502, "the connection to the server behind broke");
    } catch (const HttpError& error) {
      if (error.status() >= 502 && error.status() <= 504) throw;
      throw HttpError(502, std::string("the answer of the server behind is not HTTP: ") + error.what());
    }
  }

  Exchange& exchange_;
  plait::Stream upstream_;
  Input input_;
  MessageParser parser_;
  const plait::Duration patience_;
  bool sent_ = false;
};

plait::Task<plait::Stream> connect(const Route& route, plait::Duration patience) {
  try {
    co_return co_await plait::timeout(patience, plait::connect_tcp(route.host, route.port));
  } catch (const plait::TimeoutError&) {
    throw HttpError(504, "the server behind can't be reached in time");
  } catch (const std::system_error&) {
    throw HttpError(502, "the server behind can't be reached");
  }
}

}  // namespace

const Route* find_route(const std::vector<Route>& routes, std::string_view path) noexcept {
  const Route* best = nullptr;
  for (const Route& route : routes) {
    const std::string_view prefix = route.prefix;
    const bool whole = prefix.ends_with('/') || path.size() == prefix.size() ||
                       path.substr(std::min(prefix.size(), path.size())).starts_with('/');
    if (!path.starts_with(prefix) || !whole) continue;
    if (!best || best->prefix.size() < prefix.size()) best = &route;
  }
  return best;
}

plait::Task<> forward(Exchange& exchange, const Route& route, const Target& target) {
  if (exchange.request.method == "CONNECT") throw HttpError(501, "no tunnels");
  if (goes_up(target.path)) throw HttpError(400, "a path that goes up");
  Forwarding forwarding(exchange, co_await connect(route, exchange.settings.upstream_timeout));
  co_await forwarding.run(upstream_head(exchange, route, target));
}

}  // namespace httpd
