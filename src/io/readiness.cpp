// SPDX-License-Identifier: BSL-1.0
#include "plait/io/readiness.hpp"

#include <string>

#include "plait/core/scheduler.hpp"

namespace plait {

void detail::Readiness::refuse() const {
  const std::string verb = reads() ? "wait for input of descriptor " : "wait for room in descriptor ";
  os::throw_error(static_cast<int>(-result), verb + std::to_string(fd));
}

void notify_closing(int fd) noexcept {
  if (detail::Scheduler* loop = detail::Scheduler::current()) loop->poller().forget(fd);
}

}  // namespace plait
