// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string_view>

namespace httpd {

/// What a Range header asks for, of a file of a known size.
struct Range {
  enum class Kind {
    whole,        ///< nothing that we serve in parts: all of it is sent
    part,         ///< `first` and `length`
    unsatisfied,  ///< it has no such part: 416
  };
  Kind kind = Kind::whole;
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};

/// Reads "bytes=0-499", "bytes=500-", "bytes=-500". Several ranges, other units and what is no range are answered with
/// the whole, as RFC 9110 (14.2) allows.
Range read_range(std::string_view header, std::uint64_t size) noexcept;

}  // namespace httpd
