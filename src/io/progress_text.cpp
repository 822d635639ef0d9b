// SPDX-License-Identifier: BSL-1.0
//
// Idea. Everything here is a pure function of a status and a width. A line is a title, a percentage, a bar that takes
// the columns that are left, and a tail; the tails are tried from the longest on, and the first that leaves enough for
// the others is taken. A long title is cut before anything is dropped, but not below a third of the line.
#include "progress_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "plait/os/terminal.hpp"

namespace plait {

std::optional<Duration> ProgressStatus::left() const noexcept {
  if (!total || done > *total) return std::nullopt;
  if (done == *total) return Duration::zero();
  if (!(per_second > 0)) return std::nullopt;
  const double seconds = static_cast<double>(*total - done) / per_second;
  // A century is no estimate.
  if (seconds > 3.2e9) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

namespace detail {
namespace {

constexpr int kSmallestBar = 6;
constexpr int kSmallestTitle = 8;

/// One character of UTF-8: its bytes, and how wide they are; -1 if they can't be shown.
struct Glyph {
  std::string_view bytes;
  int width = -1;
};

Glyph first_glyph(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead >= 0xf8 || (lead >= 0x80 && lead < 0xc2) || length > text.size()) return {text.substr(0, 1), -1};
  char32_t character = length == 1 ? lead : lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {text.substr(0, 1), -1};
    character = character << 6U | (byte(i) & 0x3fU);
  }
  return {text.substr(0, length), os::character_width(character)};
}

/// With that many digits after the point, whatever the locale is.
std::string fixed(double value, int digits) {
  std::array<char, 64> text;
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, digits);
  return result.ec == std::errc() ? std::string(text.data(), result.ptr) : "?";
}

/// Three digits: 3.41, 34.1, 341; all of a larger number.
std::string three_digits(double value) { return fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0); }

/// The value with the prefix of its size.
std::string scaled(double value, int scale) {
  static constexpr std::string_view kPrefixes = "kMGTPE";
  std::string prefix;
  for (std::size_t i = 0; value >= scale - 0.5 && i < kPrefixes.size(); ++i) {
    value /= scale;
    prefix = kPrefixes[i];
  }
  if (scale == 1024 && prefix == "k") prefix = "K";
  return joined({three_digits(value), prefix, scale == 1024 && !prefix.empty() ? "i" : ""});
}

std::string number(double value, int scale) { return scale == 0 ? three_digits(value) : scaled(value, scale); }

std::string count_text(std::int64_t count, int scale) {
  if (scale == 0 || count < scale) return std::to_string(count);
  return scaled(static_cast<double>(count), scale);
}

std::string left_text(const ProgressStatus& status) {
  const std::optional<Duration> left = status.left();
  return left ? clock_text(*left) : "?";
}

std::string percent_text(const ProgressStatus& status) {
  // 100 % means all: rounded down.
  const auto percent = static_cast<int>(100.0L * static_cast<long double>(status.done) / *status.total);
  return joined({std::to_string(status.done < *status.total ? std::min(percent, 99) : 100), "%"});
}

/// The title in front of a line of which the rest takes `taken` columns, empty if there is none; nothing if what is
/// left for it is too little.
std::optional<std::string> title_beside(int taken, const ProgressStatus& status, int columns, bool utf8) {
  if (taken > columns) return std::nullopt;
  if (status.title.empty()) return "";
  const int room = columns - taken - 2;
  if (display_width(status.title) > room && room < std::max(kSmallestTitle, columns / 3)) return std::nullopt;
  return joined({fit_text(status.title, room, utf8), ": "});
}

/// In one column, where nothing else fits.
std::string one_column(const ProgressStatus& status, double share, bool utf8) {
  if (!status.total || status.done > *status.total) {
    const auto step = std::chrono::duration_cast<std::chrono::milliseconds>(status.elapsed).count() / 100;
    return std::string(1, std::string_view("|/-\\")[static_cast<std::size_t>(step % 4)]);
  }
  if (!utf8) return std::string(1, share < 1 ? static_cast<char>('0' + static_cast<int>(share * 10)) : '#');
  static constexpr std::array<const char*, 8> kHeights = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  return kHeights[static_cast<std::size_t>(std::min(share * 8, 7.0))];
}

std::string line_without_total(const ProgressStatus& status, int columns, bool utf8) {
  const std::string count = count_text(status.done, status.unit_scale);
  const std::string unit = fit_text(status.unit, columns, utf8);
  const std::string clock = clock_text(status.elapsed);
  const std::string counted = joined({count, unit});
  for (const std::string& rest :
       {joined({counted, " [", clock, ", ", rate_text(status), "]"}), joined({counted, " [", clock, "]"}), counted}) {
    if (auto title = title_beside(display_width(rest), status, columns, utf8)) return joined({*title, rest});
  }
  for (const std::string& rest : {counted, count}) {
    if (display_width(rest) <= columns) return rest;
  }
  return one_column(status, 0, utf8);
}

}  // namespace

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string whole;
  for (const std::string_view part : parts) whole += part;
  return whole;
}

int display_width(std::string_view text) noexcept {
  int width = 0;
  while (!text.empty()) {
    const Glyph glyph = first_glyph(text);
    width += glyph.width < 0 ? 1 : glyph.width;
    text.remove_prefix(glyph.bytes.size());
  }
  return width;
}

std::string fit_text(std::string_view text, int columns, bool utf8) {
  std::string out;
  int width = 0;
  // What the text is cut to, should it turn out to be too long.
  std::size_t cut = 0;
  const std::string_view ellipsis = utf8 ? "…" : ".";
  while (!text.empty()) {
    Glyph glyph = first_glyph(text);
    text.remove_prefix(glyph.bytes.size());
    if (glyph.width < 0 || (!utf8 && glyph.bytes.size() > 1)) {
      glyph = {glyph.width == 0 ? "" : glyph.width == 2 ? "??" : "?", glyph.width < 0 ? 1 : glyph.width};
    }
    if (width + glyph.width > columns) return columns < 1 ? "" : out.substr(0, cut).append(ellipsis);
    out += glyph.bytes;
    width += glyph.width;
    if (width < columns) cut = out.size();
  }
  return out;
}

std::string bar_text(double share, int cells, bool utf8) {
  const int eighths = static_cast<int>(std::clamp(share, 0.0, 1.0) * cells * 8);
  const int full = eighths / 8;
  std::string bar;
  for (int i = 0; i < full; ++i) bar += utf8 ? "█" : "#";
  int used = full;
  if (utf8 && eighths % 8 != 0) {
    static constexpr std::array<const char*, 8> kPart = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    bar += kPart[static_cast<std::size_t>(eighths % 8)];
    ++used;
  }
  return bar.append(static_cast<std::size_t>(cells - used), ' ');
}

std::string clock_text(Duration span) {
  const auto seconds = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(span).count());
  const auto two = [](std::int64_t n) { return joined({n < 10 ? "0" : "", std::to_string(n)}); };
  const std::int64_t hours = seconds / 3600;
  if (hours >= 100) return joined({std::to_string(hours / 24), "d", two(hours % 24), "h"});
  const std::string rest = joined({two(seconds / 60 % 60), ":", two(seconds % 60)});
  return hours == 0 ? rest : joined({std::to_string(hours), ":", rest});
}

std::string rate_text(const ProgressStatus& status) {
  const std::string unit = fit_text(status.unit, 1000, true);
  if (!(status.per_second > 0)) return joined({"?", unit, "/s"});
  if (status.per_second < 1) return joined({number(1 / status.per_second, 0), "s/", unit});
  return joined({number(status.per_second, status.unit_scale), unit, "/s"});
}

std::string progress_line(const ProgressStatus& status, int columns, bool utf8) {
  // More than all: the total was wrong, so nothing is said that follows from it.
  if (!status.total || *status.total == 0 || status.done > *status.total) {
    return line_without_total(status, columns, utf8);
  }
  const double share = static_cast<double>(status.done) / static_cast<double>(*status.total);
  const std::string percent = percent_text(status);
  const std::string aligned = joined({std::string_view("   ").substr(0, 4 - percent.size()), percent});
  const std::string left = left_text(status);
  const std::string times = joined({"[", clock_text(status.elapsed), "<", left});
  const std::string count =
      joined({count_text(status.done, status.unit_scale), "/", count_text(*status.total, status.unit_scale), " "});
  const std::string rate = fit_text(rate_text(status), columns, utf8);
  for (const std::string& tail :
       {joined({"| ", count, times, ", ", rate, "]"}), joined({"| ", count, times, "]"}), joined({"| ", times, "]"})}) {
    const int taken = 4 + 1 + display_width(tail);
    const auto title = title_beside(taken + kSmallestBar, status, columns, utf8);
    if (!title) continue;
    return joined({*title, aligned, "|", bar_text(share, columns - taken - display_width(*title), utf8), tail});
  }
  for (const std::string& rest : {joined({aligned, " <", left}), aligned}) {
    if (auto title = title_beside(display_width(rest), status, columns, utf8)) return joined({*title, rest});
  }
  for (const std::string& rest : {joined({percent, " <", left}), percent}) {
    if (display_width(rest) <= columns) return rest;
  }
  return one_column(status, share, utf8);
}

}  // namespace detail
}  // namespace plait
