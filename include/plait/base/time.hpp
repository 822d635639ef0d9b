// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <ratio>
#include <type_traits>
#include <utility>

#include "plait/base/contract.hpp"

namespace plait {

/// The clock of all deadlines: monotonic, or virtual in a test. `now()` is in core/clock.hpp.
using TimePoint = std::chrono::steady_clock::time_point;
/// Nanoseconds.
using Duration = std::chrono::steady_clock::duration;

namespace detail {

/// A deadline that never comes.
inline constexpr TimePoint kNever = TimePoint::max();

/// Converts any std::chrono duration, rounding up (a wait is never short), saturating at the ends of `Duration`.
/// A NaN is refused with std::logic_error.
template <class Rep, class Period>
constexpr Duration to_duration(std::chrono::duration<Rep, Period> d) {
  if constexpr (std::is_floating_point_v<Rep>) {
    if (std::isnan(d.count())) misuse("a duration is not a number (NaN)");
    using Wide = std::chrono::duration<long double, Duration::period>;
    const long double ns = std::chrono::duration_cast<Wide>(d).count();
    if (ns >= static_cast<long double>(Duration::max().count())) return Duration::max();
    if (ns <= static_cast<long double>(Duration::min().count())) return Duration::min();
    return Duration(static_cast<Duration::rep>(std::ceil(ns)));
  } else if constexpr (std::is_unsigned_v<Rep>) {
    using Signed = std::chrono::duration<std::int64_t, Period>;
    return std::in_range<std::int64_t>(d.count()) ? to_duration(Signed(static_cast<std::int64_t>(d.count())))
                                                  : to_duration(Signed::max());
  } else if constexpr (std::ratio_less_equal_v<Period, Duration::period>) {
    return std::chrono::ceil<Duration>(d);
  } else {
    constexpr std::int64_t limit =
        std::chrono::duration_cast<std::chrono::duration<std::int64_t, Period>>(Duration::max()).count();
    if (static_cast<std::int64_t>(d.count()) > limit) return Duration::max();
    if (static_cast<std::int64_t>(d.count()) < -limit) return Duration::min();
    return std::chrono::duration_cast<Duration>(d);
  }
}

/// `start + d`, saturating: a deadline too far away never comes.
constexpr TimePoint add(TimePoint start, Duration d) noexcept {
  if (d > Duration::zero() && start > kNever - d) return kNever;
  if (d <= Duration::zero()) return start;
  return start + d;
}

}  // namespace detail
}  // namespace plait
