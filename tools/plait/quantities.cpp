// SPDX-License-Identifier: BSL-1.0
#include "quantities.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace plait::tool {
namespace {

std::string three_digits(double value) {
  return value < 9.995   ? fmt::format("{:.2f}", value)
         : value < 99.95 ? fmt::format("{:.1f}", value)
                         : fmt::format("{:.0f}", value);
}

}  // namespace

std::string show_seconds(double seconds) {
  if (seconds < 0.9995e-3) return fmt::format("{:.0f} µs", seconds * 1e6);
  if (seconds < 0.9995) return three_digits(seconds * 1e3) + " ms";
  return three_digits(seconds) + " s";
}

std::string show_bytes(double bytes) {
  if (bytes < 1024) return fmt::format("{:.0f} B", bytes);
  const char* unit = "";
  for (const char* larger : {"KiB", "MiB", "GiB", "TiB"}) {
    if (bytes < 999.5) break;
    bytes /= 1024;
    unit = larger;
  }
  return three_digits(bytes) + ' ' + unit;
}

std::string show_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

int display_width(const std::string& text) {
  // Every byte but the continuation bytes of UTF-8 begins a character, and ours are all one column wide.
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string wrap(const std::string& text, int columns, int indent, int begin) {
  std::string wrapped;
  int at = begin;
  bool first = true;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const int width = display_width(word);
    if (first) {
      at += width;
      first = false;
    } else if (at + 1 + width <= columns) {
      wrapped += ' ';
      at += 1 + width;
    } else {
      wrapped += '\n' + std::string(static_cast<std::size_t>(indent), ' ');
      at = indent + width;
    }
    wrapped += word;
  }
  return wrapped + '\n';
}

}  // namespace plait::tool
