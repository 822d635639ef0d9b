// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "http_date.hpp"

namespace httpd {

/// The time of day as text, which is made once a second. One for each loop.
class Clock {
 public:
  /// As the header Date has it. Good until the next call.
  std::string_view date() {
    look();
    return date_;
  }
  /// "06/Nov/1994:08:49:37 +0000", as logs have it. Good until the next call.
  std::string_view log_time() {
    look();
    return log_time_;
  }

 private:
  void look() {
    const std::time_t now = std::time(nullptr);
    if (now == at_) return;
    at_ = now;
    date_ = http_date(now);  // Sun, 06 Nov 1994 08:49:37 GMT
    log_time_ = date_.substr(5, 2) + '/' + date_.substr(8, 3) + '/' + date_.substr(12, 4) + ':' + date_.substr(17, 8) +
                " +0000";
  }

  std::time_t at_ = -1;
  std::string date_, log_time_;
};

}  // namespace httpd
