// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>

namespace httpd {

/// A request's target in its parts, still encoded.
struct Target {
  std::string_view path;   ///< "/a/b"; begins with a slash
  std::string_view query;  ///< with its "?"; or empty
};

/// Takes a target apart, also one that begins with "http://host". Throws HttpError(400) for other forms.
Target read_target(std::string_view target);

/// The name of a file below the root that an encoded path stands for: "a/b"; "." for the root; a slash at the end
/// stays. Throws HttpError: 400 for what is no path (bad escapes, a NUL, an encoded slash, ".." at any place), 404 for
/// names that begin with a dot, which are not for others to see, but for ".well-known".
std::string file_name(std::string_view path);

/// Whether a path goes up (".."), in whatever way that is encoded: other servers are not sent such ones.
bool goes_up(std::string_view path);

}  // namespace httpd
