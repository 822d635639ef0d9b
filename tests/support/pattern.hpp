// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>

namespace plait::test {

/// Letters, so that what was lost or doubled shows.
inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
  return text;
}

/// The same in lines of 61 characters.
inline std::string pattern_in_lines(std::size_t size) {
  std::string text = pattern(size);
  for (std::size_t i = 60; i < size; i += 61) text[i] = '\n';
  return text;
}

}  // namespace plait::test
