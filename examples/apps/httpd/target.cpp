// SPDX-License-Identifier: BSL-1.0
//
// Idea. A path is decoded once, segment by segment, and what could be understood in two ways is refused and not mended.
// That the file is below the root is the kernel's to see to (static_files.cpp); this is the first of two fences.
#include "target.hpp"

#include <algorithm>

#include "http_error.hpp"
#include "text.hpp"

namespace httpd {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

std::string decoded(std::string_view segment) {
  std::string out;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    char c = segment[i];
    if (c == '%') {
      const int high = i + 2 < segment.size() ? hex_digit(segment[i + 1]) : -1;
      const int low = i + 2 < segment.size() ? hex_digit(segment[i + 2]) : -1;
      if (high < 0 || low < 0) throw HttpError(400, "a % that escapes nothing");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0' || c == '/') throw HttpError(400, "an encoded NUL or slash");
    out += c;
  }
  return out;
}

}  // namespace

Target read_target(std::string_view target) {
  constexpr std::string_view kScheme = "http://", kTlsScheme = "https://";
  for (const std::string_view scheme : {kScheme, kTlsScheme}) {
    if (!same_word(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t slash = target.find_first_of("/?");
    if (slash == std::string_view::npos) return {"/", {}};
    target.remove_prefix(slash);
    if (target.front() == '?') return {"/", target};
  }
  if (!target.starts_with('/')) throw HttpError(400, "this is no path");
  target = target.substr(0, target.find('#'));
  const std::size_t question = std::min(target.find('?'), target.size());
  return {target.substr(0, question), target.substr(question)};
}

std::string file_name(std::string_view path) {
  std::string name;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t slash = std::min(path.find('/', begin), path.size());
    const std::string segment = decoded(path.substr(begin, slash - begin));
    if (segment == "..") throw HttpError(400, "a path that goes up");
    if (segment.starts_with('.') && segment != "." && segment != ".well-known") throw HttpError(404, "a hidden file");
    if (!segment.empty() && segment != ".") {
      name += segment;
      if (slash < path.size()) name += '/';
    }
    begin = slash + 1;
  }
  return name.empty() ? "." : name;
}

bool goes_up(std::string_view path) {
  std::string plain;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string_view escape = path.substr(i, 3);
    const bool dot = same_word(escape, "%2e"), slash = same_word(escape, "%2f") || same_word(escape, "%5c");
    plain += dot ? '.' : slash || path[i] == '\\' ? '/' : path[i];
    if (dot || slash) i += 2;
  }
  plain += '/';
  return plain.find("/../") != std::string::npos;
}

}  // namespace httpd
