// SPDX-License-Identifier: BSL-1.0
#include "exchange.hpp"

#include <array>

#include "output.hpp"

namespace httpd {

std::string_view reason_of(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

Answer::Answer(Exchange& exchange, int status, bool own) : status_(status) {
  text_.reserve(512);
  text_.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason_of(status)).append("\r\n");
  if (own) field("Server", "plait-httpd").field("Date", exchange.clock.date());
  if (!exchange.keep_alive) {
    field("Connection", "close");
  } else if (exchange.request.version < 11) {
    field("Connection", "keep-alive");
  }
}

Answer& Answer::field(std::string_view name, std::string_view value) {
  text_.append(name).append(": ").append(value).append("\r\n");
  return *this;
}

Answer& Answer::length(std::uint64_t bytes) { return field("Content-Length", std::to_string(bytes)); }

std::string_view Answer::text() {
  if (!text_.ends_with("\r\n\r\n")) text_.append("\r\n");
  return text_;
}

plait::Task<> send_answer(Exchange& exchange, Answer& answer, std::string_view body) {
  exchange.status = answer.status();
  if (exchange.is_head()) body = {};
  const std::array<std::string_view, 2> pieces{answer.text(), body};
  co_await write_pieces(exchange.stream, std::span(pieces).first(body.empty() ? 1 : 2),
                        exchange.settings.write_timeout);
  exchange.sent += body.size();
}

plait::Task<> send_error(Exchange& exchange, int status, std::string_view why, std::string_view allow) {
  std::string page = "<!doctype html><title>" + std::to_string(status) + "</title><h1>" + std::to_string(status) + " ";
  page.append(reason_of(status)).append("</h1><p>").append(why).append("</p>\n");
  Answer answer(exchange, status);
  if (!allow.empty()) answer.field("Allow", allow);
  answer.field("Content-Type", "text/html; charset=utf-8").length(page.size());
  co_await send_answer(exchange, answer, page);
}

}  // namespace httpd
