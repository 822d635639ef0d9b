// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <string_view>
#include <utility>

#include "text.hpp"

namespace httpd {

/// What a file is, by the end of its name.
inline std::string_view mime_type(std::string_view name) noexcept {
  using Entry = std::pair<std::string_view, std::string_view>;
  static constexpr Entry kTypes[] = {
      {"html", "text/html; charset=utf-8"},
      {"htm", "text/html; charset=utf-8"},
      {"txt", "text/plain; charset=utf-8"},
      {"md", "text/markdown; charset=utf-8"},
      {"css", "text/css; charset=utf-8"},
      {"js", "text/javascript; charset=utf-8"},
      {"mjs", "text/javascript; charset=utf-8"},
      {"json", "application/json"},
      {"xml", "application/xml"},
      {"csv", "text/csv; charset=utf-8"},
      {"svg", "image/svg+xml"},
      {"png", "image/png"},
      {"jpg", "image/jpeg"},
      {"jpeg", "image/jpeg"},
      {"gif", "image/gif"},
      {"webp", "image/webp"},
      {"ico", "image/x-icon"},
      {"pdf", "application/pdf"},
      {"wasm", "application/wasm"},
      {"woff2", "font/woff2"},
      {"mp3", "audio/mpeg"},
      {"mp4", "video/mp4"},
      {"gz", "application/gzip"},
      {"zip", "application/zip"},
  };
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return "application/octet-stream";
  const std::string_view end = name.substr(dot + 1);
  const auto* const found =
      std::ranges::find_if(kTypes, [&](const Entry& entry) { return same_word(entry.first, end); });
  return found == std::end(kTypes) ? "application/octet-stream" : found->second;
}

}  // namespace httpd
