// SPDX-License-Identifier: BSL-1.0
//
// Idea. Beast's parser knows the grammar; what it lets pass and a server must not is refused here: two lengths, even
// the same ones, and transfer codings other than "chunked", both of which others in front of us or behind us may
// understand differently (request smuggling). Texts are copied once, into memory that is reused for the next message.
#include "message_parser.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/verb.hpp>
#include <optional>
#include <string>

#include "http_error.hpp"

namespace httpd {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using View = boost::beast::string_view;

std::string_view std_view(View text) noexcept { return {text.data(), text.size()}; }

/// What both kinds note.
struct Notes {
  Head head;
  std::string text;
  std::vector<std::string_view>* pieces = nullptr;
  bool in_head = true;

  void clear() noexcept {
    text.clear();
    head.fields.clear();
    head.method = head.target = head.reason = {};
    head.version = 11;
    head.has_body = head.chunked = head.keep_alive = false;
    head.length.reset();
    in_head = true;
  }
  /// Never more than was reserved, as no text is longer than what it is read from.
  std::string_view keep(View copied) {
    const std::size_t at = text.size();
    text.append(copied.data(), copied.size());
    return std::string_view(text).substr(at);
  }
};

template <bool is_request>
class Parser final : public http::basic_parser<is_request> {
 public:
  explicit Parser(Notes& notes) : notes_(notes) {}

 private:
  void on_request_impl(http::verb verb, View method, View target, int version, error_code&) override {
    notes_.head.known_method = verb != http::verb::unknown;
    notes_.head.method = notes_.keep(method);
    notes_.head.target = notes_.keep(target);
    notes_.head.version = version;
  }
  void on_response_impl(int status, View reason, int version, error_code&) override {
    notes_.head.status = status;
    notes_.head.reason = notes_.keep(reason);
    notes_.head.version = version;
  }
  void on_field_impl(http::field, View name, View value, error_code&) override {
    // Trailers are read and forgotten.
    if (notes_.in_head) notes_.head.fields.push_back({notes_.keep(name), notes_.keep(value)});
  }
  void on_header_impl(error_code&) override { notes_.in_head = false; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(View piece, error_code&) override { return add(piece); }
  void on_chunk_header_impl(std::uint64_t, View, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View piece, error_code&) override { return add(piece); }
  void on_finish_impl(error_code&) override {}

  std::size_t add(View piece) {
    if (!piece.empty()) notes_.pieces->push_back(std_view(piece));
    return piece.size();
  }

  Notes& notes_;
};

[[noreturn]] void refuse(const error_code& error, std::string_view head) {
  if (error == http::error::body_limit) throw HttpError(413, "the body is too long");
  if (error == http::error::header_limit) throw HttpError(431, "the head is too long");
  if (error == http::error::bad_version && head.substr(0, head.find('\r')).find(" HTTP/") != std::string_view::npos) {
    throw HttpError(505, "only HTTP/1.0 and HTTP/1.1 are spoken");
  }
  throw HttpError(400, error.message());
}

/// What Beast lets pass.
void check(const Head& head) {
  const int codings = head.count("Transfer-Encoding");
  const int lengths = head.count("Content-Length");
  if (lengths > 1 || head.get("Content-Length").find(',') != std::string_view::npos) {
    throw HttpError(400, "more than one Content-Length");
  }
  if (codings == 0) return;
  if (lengths != 0 || codings > 1) throw HttpError(400, "the length of the body is ambiguous");
  if (head.version < 11) throw HttpError(400, "HTTP/1.0 has no Transfer-Encoding");
  if (!same_word(head.get("Transfer-Encoding"), "chunked")) throw HttpError(501, "this Transfer-Encoding is not known");
}

}  // namespace

struct MessageParser::Machine {
  Machine(Kind kind, std::uint64_t limit) : kind(kind), limit(limit) {}

  template <class F>
  decltype(auto) with(F f) {
    return kind == Kind::request ? f(*request) : f(*response);
  }
  template <class P>
  void read_head(P& parser, std::string_view head, bool without_body) {
    parser.header_limit(UINT32_MAX);
    parser.body_limit(limit);  // never "none", which Beast 1.74 takes for zero where a length is told
    parser.skip(without_body);
    error_code error;
    parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
    if (error) refuse(error, head);
    if (!parser.is_header_done()) throw HttpError(400, "the head is not complete");
    notes.head.has_body = !parser.is_done();
    notes.head.chunked = parser.chunked();
    if (const auto length = parser.content_length()) notes.head.length = *length;
    notes.head.keep_alive = parser.keep_alive();
    parser.eager(true);
    if (!without_body) check(notes.head);
  }

  const Kind kind;
  const std::uint64_t limit;
  Notes notes;
  std::optional<Parser<true>> request;
  std::optional<Parser<false>> response;
  std::size_t wanted = 1;
};

MessageParser::MessageParser(Kind kind, std::uint64_t body_limit)
    : machine_(std::make_unique<Machine>(kind, body_limit)) {}
MessageParser::~MessageParser() = default;

const Head& MessageParser::begin(std::string_view head, bool without_body) {
  Machine& m = *machine_;
  m.notes.clear();
  m.notes.text.reserve(head.size());
  m.wanted = 1;
  if (m.kind == Kind::request) {
    m.read_head(m.request.emplace(m.notes), head, without_body);
  } else {
    m.read_head(m.response.emplace(m.notes), head, without_body);
  }
  return m.notes.head;
}

const Head& MessageParser::head() const noexcept { return machine_->notes.head; }

void MessageParser::clear() noexcept {
  machine_->notes.clear();
  machine_->request.reset();
  machine_->response.reset();
}

bool MessageParser::done() const noexcept {
  const Machine& m = *machine_;
  return m.kind == Kind::request ? !m.request || m.request->is_done() : !m.response || m.response->is_done();
}

std::size_t MessageParser::feed(std::string_view bytes, std::vector<std::string_view>& pieces) {
  Machine& m = *machine_;
  // After an incomplete line of chunks at least five bytes follow, which Beast relies on.
  if (bytes.size() < m.wanted) return 0;
  m.notes.pieces = &pieces;
  error_code error;
  const std::size_t used =
      m.with([&](auto& parser) { return parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error); });
  m.wanted = error == http::error::need_more && used < bytes.size() ? 5 : 1;
  if (error && error != http::error::need_more) refuse(error, {});
  return used;
}

void MessageParser::end() {
  error_code error;
  machine_->with([&](auto& parser) { parser.put_eof(error); });
  if (error) throw HttpError(400, "the message ended too early");
}

}  // namespace httpd
