// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace httpd {

/// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::time_t when);
/// Reads that form; the two that are out of use since 1997 are nothing.
std::optional<std::time_t> read_http_date(std::string_view text) noexcept;

}  // namespace httpd
