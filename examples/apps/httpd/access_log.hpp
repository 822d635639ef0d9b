// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <plait/plait.hpp>

#include <optional>
#include <string>

#include "exchange.hpp"

namespace httpd {

/// A line for each request, in the format "combined" with the microseconds at its end. One for each loop; all append to
/// one file. Requests never wait for it.
class AccessLog {
 public:
  /// Nothing: no log.
  explicit AccessLog(std::optional<plait::File> file) : file_(std::move(file)) {}

  /// Notes a request that is over. `request`: null if it could not be read.
  void add(const Exchange& exchange, const Head* request, plait::Duration took);
  /// Writes what was noted, again and again, until it is cancelled.
  plait::Task<> run();
  /// Writes what was noted.
  plait::Task<> flush();

 private:
  std::optional<plait::File> file_;
  std::string lines_;
  std::uint64_t dropped_ = 0;
};

}  // namespace httpd
