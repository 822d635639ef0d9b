// SPDX-License-Identifier: BSL-1.0
#include "ranges.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include "text.hpp"

namespace httpd {
namespace {

/// Of digits alone. A number that is too large is as good as the largest one.
std::optional<std::uint64_t> number(std::string_view digits) noexcept {
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::uint64_t n = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  return read.ec == std::errc::result_out_of_range ? UINT64_MAX : n;
}

}  // namespace

Range read_range(std::string_view header, std::uint64_t size) noexcept {
  constexpr std::string_view kUnit = "bytes=";
  if (!same_word(header.substr(0, kUnit.size()), kUnit)) return {};
  const std::string_view range = trimmed(header.substr(kUnit.size()));
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view from = range.substr(0, dash), to = range.substr(dash + 1);
  const auto first = number(from), last = number(to);
  if (from.empty()) {
    if (!last) return {};
    const std::uint64_t length = std::min(*last, size);
    if (length == 0) return {Range::Kind::unsatisfied};
    return {Range::Kind::part, size - length, length};
  }
  if (!first || (!last && !to.empty()) || (last && *last < *first)) return {};
  if (*first >= size) return {Range::Kind::unsatisfied};
  const std::uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  return {Range::Kind::part, *first, end - *first + 1};
}

}  // namespace httpd
