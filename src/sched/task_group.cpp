// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/task_group.hpp"

#include <string>

#include "plait/base/contract.hpp"

namespace plait {

detail::Scheduler& TaskGroup::home(const char* operation) const {
  if (detail::Scheduler::current() != home_) {
    detail::misuse(std::string(operation) +
                   ": a group belongs to the loop that it was made on; from elsewhere, post to that loop.");
  }
  return *home_;
}

namespace detail {

void GroupNursery::failed(const std::exception_ptr& error) {
  const HomeGuard guard(scope.home());  // the body and a child may fail at once
  const bool failed_before = failures.any();
  failures.add(error);
  if (failures.any() && !failed_before) scope.cancel();
}

}  // namespace detail
}  // namespace plait
