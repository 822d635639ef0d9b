// SPDX-License-Identifier: BSL-1.0
//
// Whatever a target says, the name of the file does not lead out of the root.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http_error.hpp"
#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const httpd::Target target = httpd::read_target(text);
    if (!target.path.starts_with('/')) std::abort();
    const std::string name = httpd::file_name(target.path);
    if (name.empty() || name.front() == '/' || name.find('\0') != std::string::npos) std::abort();
    if (("/" + name + "/").find("/../") != std::string::npos || httpd::goes_up(name)) {
      // A backslash is a character like others here, but not elsewhere.
      if (name.find('\\') == std::string::npos && name.find('%') == std::string::npos) std::abort();
    }
  } catch (const httpd::HttpError& error) {
    if (error.status() != 400 && error.status() != 404) std::abort();
  }
  return 0;
}
