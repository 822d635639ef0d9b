// SPDX-License-Identifier: BSL-1.0
#include "proxy_heads.hpp"

#include <algorithm>
#include <array>

#include "text.hpp"

namespace httpd {
namespace {

bool is_hop_by_hop(const Head& head, std::string_view name) {
  static constexpr std::array<std::string_view, 9> kNames = {
      "Connection", "Keep-Alive",        "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE",
      "Trailer",    "Transfer-Encoding", "Upgrade"};
  const auto is = [&](std::string_view other) { return same_word(name, other); };
  if (std::ranges::any_of(kNames, is) || is("Content-Length")) return true;
  // Those that Connection names, but not what the other server could not do without.
  if (is("Host")) return false;
  return std::ranges::any_of(head.fields, [&](const Field& field) {
    return same_word(field.name, "Connection") && any_element(field.value, is);
  });
}

void add(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::string upstream_head(const Exchange& exchange, const Route& route, const Target& target) {
  const Head& request = exchange.request;
  std::string path;
  if (route.base.empty()) {
    path = target.path;
  } else {
    path = route.base;
    const std::string_view rest = target.path.substr(route.prefix.size());
    if (path.ends_with('/') && rest.starts_with('/')) path.pop_back();
    path += rest;
  }
  std::string text;
  text.reserve(1024);
  text.append(request.method).append(" ").append(path).append(target.query).append(" HTTP/1.1\r\n");
  if (request.count("Host") == 0) add(text, "Host", route.host);
  std::string forwarded;
  for (const Field& field : request.fields) {
    if (is_hop_by_hop(request, field.name) || same_word(field.name, "Expect")) continue;
    if (same_word(field.name, "X-Forwarded-For")) {
      forwarded.append(field.value).append(", ");
    } else if (!same_word(field.name, "X-Forwarded-Proto")) {
      add(text, field.name, field.value);
    }
  }
  add(text, "X-Forwarded-For", forwarded.append(exchange.peer));
  add(text, "X-Forwarded-Proto", exchange.settings.tls_certificate.empty() ? "http" : "https");
  add(text, "Via", "1.1 plait-httpd");
  if (request.chunked) {
    add(text, "Transfer-Encoding", "chunked");
  } else if (request.length) {
    add(text, "Content-Length", std::to_string(*request.length));
  }
  text.append("Connection: close\r\n\r\n");
  return text;
}

Answer downstream_head(Exchange& exchange, const Head& response, bool& chunked) {
  chunked = response.has_body && !response.length && exchange.request.version >= 11;
  // Without a length or chunks, the end of the connection is the end of the body.
  if (response.has_body && !response.length && !chunked) exchange.keep_alive = false;
  Answer answer(exchange, response.status, false);
  for (const Field& field : response.fields) {
    if (!is_hop_by_hop(response, field.name)) answer.field(field.name, field.value);
  }
  if (response.count("Date") == 0) answer.field("Date", exchange.clock.date());
  answer.field("Via", "1.1 plait-httpd");
  if (chunked) {
    answer.field("Transfer-Encoding", "chunked");
  } else if (response.length && response.status != 204) {
    answer.length(*response.length);
  }
  return answer;
}

}  // namespace httpd
