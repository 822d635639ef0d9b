// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>
#include <string>

namespace httpd {

/// A request that is answered with an error. Thrown anywhere below the connection, which answers it.
class HttpError : public std::runtime_error {
 public:
  HttpError(int status, const std::string& why) : std::runtime_error(why), status_(status) {}
  int status() const noexcept { return status_; }

 private:
  int status_;
};

}  // namespace httpd
