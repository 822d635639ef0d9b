// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "message.hpp"

namespace httpd {

/// What tells one state of a file from another.
struct Validators {
  std::string etag;  ///< with its quotes
  std::time_t modified;
};

/// The status that the conditions of a request ask for (RFC 9110, 13.2.2): 200, 304 or 412.
int check_conditions(const Head& request, const Validators& file);
/// Whether a Range counts: there is no If-Range, or the file is still the one that it names.
bool range_counts(const Head& request, const Validators& file);

}  // namespace httpd
