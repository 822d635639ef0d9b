// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/gather.hpp"

#include <algorithm>

namespace plait::detail {

void Failures::add(const std::exception_ptr& error) {
  if (!error) return;
  try {
    std::rethrow_exception(error);
  } catch (const Cancelled&) {
    cancelled_ = true;
  } catch (...) {
    if (std::find(errors_.begin(), errors_.end(), error) == errors_.end()) errors_.push_back(error);
  }
}

void Failures::raise(const char* message) const {
  if (!errors_.empty()) throw ExceptionGroup(message, errors_);
  if (cancelled_) throw Cancelled{};
}

}  // namespace plait::detail
