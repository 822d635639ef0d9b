// SPDX-License-Identifier: BSL-1.0
// What my_deco.py is to the lessons: functions are called through a counter of their time.
#pragma once

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <plait/plait.hpp>
#include <string>

/// The time of day, as time.strftime("%X") writes it.
inline std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%H:%M:%S", &parts);
  return text.data();
}

/// Seconds since `start` on Plait's clock, which a test may replace.
inline double seconds_since(plait::TimePoint start) {
  return std::chrono::duration<double>(plait::now() - start).count();
}

inline plait::TimePoint start_counter() {
  std::puts("======== Script started ========");
  return plait::now();
}

inline void end_counter(plait::TimePoint start) {
  std::printf("Time end: %s\n", time_of_day().c_str());
  std::printf("======== Script execution time: %.2f ========\n", seconds_since(start));
}

template <class F>
void time_counter(F f) {
  const plait::TimePoint start = start_counter();
  f();
  end_counter(start);
}

template <class F>
plait::Task<> async_time_counter(F f) {
  const plait::TimePoint start = start_counter();
  co_await f();
  end_counter(start);
}
