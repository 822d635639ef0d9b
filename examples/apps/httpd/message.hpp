// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text.hpp"

namespace httpd {

struct Field {
  std::string_view name, value;
};

/// What stands before the body of a request or a response. Its views are of the parser that has read it, until that
/// begins with the next one.
struct Head {
  std::string_view method, target;  ///< of a request
  bool known_method = false;        ///< one that some server may know
  int status = 0;                   ///< of a response
  std::string_view reason;          ///< of a response
  int version = 11;
  std::vector<Field> fields;
  bool has_body = false;
  bool chunked = false;
  std::optional<std::uint64_t> length;  ///< of the body, where it is told
  bool keep_alive = false;              ///< another message may follow

  /// The value of the first field of that name; empty without one.
  std::string_view get(std::string_view name) const noexcept {
    for (const Field& field : fields) {
      if (same_word(field.name, name)) return field.value;
    }
    return {};
  }
  int count(std::string_view name) const noexcept {
    return static_cast<int>(std::ranges::count_if(fields, [&](const Field& f) { return same_word(f.name, name); }));
  }
};

}  // namespace httpd
