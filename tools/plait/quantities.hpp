// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>

namespace plait::tool {

/// A duration with three digits and its unit: "812 µs", "1.23 ms", "45.6 s".
std::string show_seconds(double seconds);
/// "512 B", "4.20 MiB".
std::string show_bytes(double bytes);
/// "12,345".
std::string show_count(std::uint64_t count);
/// Columns that UTF-8 text takes on a terminal; right for all text of this command's own.
int display_width(const std::string& text);
/// Breaks text between words into lines of at most `columns`, newline at the end. The first line goes on at column
/// `begin`, the others are indented.
std::string wrap(const std::string& text, int columns, int indent, int begin = 0);

}  // namespace plait::tool
