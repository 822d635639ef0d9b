// SPDX-License-Identifier: BSL-1.0
#include "conditions.hpp"

#include "http_date.hpp"
#include "text.hpp"

namespace httpd {
namespace {

/// `weak`: a tag of the form W/"…" counts as well.
bool matches(std::string_view list, std::string_view etag, bool weak) {
  if (trimmed(list) == "*") return true;
  return any_element(list, [&](std::string_view tag) {
    if (weak && tag.starts_with("W/")) tag.remove_prefix(2);
    return tag == etag;
  });
}

}  // namespace

int check_conditions(const Head& request, const Validators& file) {
  if (request.count("If-Match") != 0) {
    if (!matches(request.get("If-Match"), file.etag, false)) return 412;
  } else if (const auto since = read_http_date(request.get("If-Unmodified-Since")); since && file.modified > *since) {
    return 412;
  }
  if (request.count("If-None-Match") != 0) {
    return matches(request.get("If-None-Match"), file.etag, true) ? 304 : 200;
  }
  const auto since = read_http_date(request.get("If-Modified-Since"));
  return since && file.modified <= *since ? 304 : 200;
}

bool range_counts(const Head& request, const Validators& file) {
  if (request.count("If-Range") == 0) return true;
  const std::string_view wanted = request.get("If-Range");
  return wanted == file.etag || read_http_date(wanted) == file.modified;
}

}  // namespace httpd
