// SPDX-License-Identifier: BSL-1.0
#include "http_date.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace httpd {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// A number of so many digits; -1 if it is none.
int digits(std::string_view text) noexcept {
  int n = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    n = n * 10 + (c - '0');
  }
  return n;
}

}  // namespace

std::string http_date(std::time_t when) {
  std::tm parts{};
  ::gmtime_r(&when, &parts);
  char text[64];
  const int n = std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday].data(),
                              parts.tm_mday, kMonths[parts.tm_mon].data(), parts.tm_year + 1900, parts.tm_hour,
                              parts.tm_min, parts.tm_sec);
  return {text, static_cast<std::size_t>(n)};
}

std::optional<std::time_t> read_http_date(std::string_view text) noexcept {
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
      text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
    return std::nullopt;
  }
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  const int day = digits(text.substr(5, 2)), year = digits(text.substr(12, 4));
  const int hour = digits(text.substr(17, 2)), minute = digits(text.substr(20, 2)), second = digits(text.substr(23, 2));
  if (month == kMonths.end() || year < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 60) {
    return std::nullopt;
  }
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(year),
                            std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
                            std::chrono::day(static_cast<unsigned>(std::max(day, 0)))};
  if (!date.ok()) return std::nullopt;
  const sys_seconds time = sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
  return static_cast<std::time_t>(time.time_since_epoch().count());
}

}  // namespace httpd
