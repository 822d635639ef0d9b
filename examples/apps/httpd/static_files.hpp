// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <plait/plait.hpp>

#include <string>

#include "exchange.hpp"
#include "target.hpp"

namespace httpd {

/// The files below a folder. Used by all loops at a time.
class StaticFiles {
 public:
  /// Throws std::system_error if there is no such folder, or if the kernel can't keep us below it.
  explicit StaticFiles(const std::string& root);

  /// Answers a request, or throws HttpError.
  plait::Task<> answer(Exchange& exchange, const Target& target) const;

 private:
  plait::os::Fd root_;
};

}  // namespace httpd
