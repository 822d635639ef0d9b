// SPDX-License-Identifier: BSL-1.0
//
// A part of a file lies within it, and a date that was read is written as it was. The first two bytes are the file's
// size.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "conditions.hpp"
#include "http_date.hpp"
#include "ranges.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::uint64_t file = data[0] * 256u + data[1];
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const httpd::Range range = httpd::read_range(text, file);
  if (range.kind == httpd::Range::Kind::part) {
    if (range.length == 0 || range.first >= file || range.length > file - range.first) std::abort();
  }
  if (const auto date = httpd::read_http_date(text)) {
    // A leap second and a wrong day of the week are read as the moment that they name.
    if (httpd::read_http_date(httpd::http_date(*date)) != date) std::abort();
  }
  httpd::Head head;
  for (const std::string_view name :
       {"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"}) {
    head.fields.assign(1, {name, text});
    const httpd::Validators validators{"\"tag\"", 784111777};
    const int status = httpd::check_conditions(head, validators);
    if (status != 200 && status != 304 && status != 412) std::abort();
    static_cast<void>(httpd::range_counts(head, validators));
  }
  return 0;
}
