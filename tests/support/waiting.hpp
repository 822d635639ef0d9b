// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/core/task.hpp"
#include "plait/sched/sleep.hpp"

namespace plait::test {

/// Lets the other tasks of the loop run `n` turns.
inline Task<> turns(int n) {
  for (int i = 0; i < n; ++i) co_await yield_now();
}

}  // namespace plait::test
