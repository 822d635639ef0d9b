// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/loop.hpp"

#include "plait/base/contract.hpp"

namespace plait {

Loop Loop::current() {
  detail::EventLoop* here = detail::EventLoop::current();
  if (!here) detail::misuse("Loop::current(): no event loop runs on this thread.");
  return {*here, here->run_number()};
}

}  // namespace plait
