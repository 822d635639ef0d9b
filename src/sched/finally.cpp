// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/finally.hpp"

namespace plait::detail {

std::exception_ptr error_of_both(std::exception_ptr body, std::exception_ptr cleanup) {
  if (!cleanup) return body;
  if (!body || is_cancelled(body)) return cleanup;
  if (is_cancelled(cleanup)) return body;
  return std::make_exception_ptr(ExceptionGroup("finally", {std::move(body), std::move(cleanup)}));
}

}  // namespace plait::detail
