// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "plait/io/progress_bar.hpp"

namespace plait::detail {

/// The parts in one string. (Operator + on strings makes g++-12 warn of overlaps that are none, at -O3.)
std::string joined(std::initializer_list<std::string_view> parts);

/// Columns that text in UTF-8 takes on a terminal, shown as `fit_text` shows it.
int display_width(std::string_view text) noexcept;

/// The text in at most `columns`, cut with an ellipsis if need be. What can't be shown becomes `?`: control characters,
/// bytes that are no UTF-8, and without `utf8` all that is not ASCII.
std::string fit_text(std::string_view text, int columns, bool utf8);

/// `cells` columns, the share of them filled, in eighths of a column with `utf8`.
std::string bar_text(double share, int cells, bool utf8);

/// 00:12, 1:02:03, 4d05h.
std::string clock_text(Duration span);

/// 34.1it/s, 2.50s/it, ?it/s.
std::string rate_text(const ProgressStatus& status);

/// The line of a bar: at most `columns` (at least 1) wide, with a bar exactly so wide. A narrow line loses, in this
/// order, the rate, the count, the bar, the time left, the title; in the end one character stands for the share.
std::string progress_line(const ProgressStatus& status, int columns, bool utf8);

}  // namespace plait::detail
