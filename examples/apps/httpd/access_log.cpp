// SPDX-License-Identifier: BSL-1.0
//
// Idea. Lines are collected and written together by a task of their own, twice a second. A disk that is too slow for
// them makes lines go missing, which the log says, and never makes requests wait.
#include "access_log.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace httpd {
namespace {

constexpr std::size_t kMost = std::size_t{4} << 20;

/// What clients write is made harmless: quotes, and what is not printed.
void append_quoted(std::string& line, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      line += c;
      continue;
    }
    std::array<char, 8> escape;
    std::snprintf(escape.data(), escape.size(), "\\x%02x", byte);
    line += escape.data();
  }
}

}  // namespace

void AccessLog::add(const Exchange& exchange, const Head* request, plait::Duration took) {
  if (!file_) return;
  if (lines_.size() > kMost) {
    ++dropped_;
    return;
  }
  lines_.append(exchange.peer).append(" - - [").append(exchange.clock.log_time()).append("] \"");
  if (request) {
    append_quoted(lines_, request->method);
    lines_ += ' ';
    append_quoted(lines_, request->target);
    lines_.append(request->version < 11 ? " HTTP/1.0" : " HTTP/1.1");
  } else {
    lines_ += '-';
  }
  lines_.append("\" ").append(std::to_string(exchange.status)).append(" ").append(std::to_string(exchange.sent));
  for (const std::string_view name : {"Referer", "User-Agent"}) {
    const std::string_view value = request ? request->get(name) : std::string_view();
    lines_.append(" \"");
    append_quoted(lines_, value.empty() ? "-" : value);
    lines_ += '"';
  }
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  lines_.append(" ").append(std::to_string(us)).append("\n");
}

plait::Task<> AccessLog::run() {
  while (true) {
    co_await plait::sleep(std::chrono::milliseconds(500));
    co_await flush();
  }
}

plait::Task<> AccessLog::flush() {
  if (dropped_ != 0) {
    lines_.append("# ").append(std::to_string(std::exchange(dropped_, 0))).append(" lines are missing\n");
  }
  if (!file_ || lines_.empty()) co_return;
  const std::string lines = std::exchange(lines_, {});
  try {
    co_await file_->write(lines);
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "httpd: %s\n", error.what());
  }
}

}  // namespace httpd
