// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "plait/core/exceptions.hpp"
#include "plait/core/future.hpp"
#include "plait/core/task.hpp"
#include "plait/sched/sleep.hpp"
#include "plait/sched/spawn.hpp"

namespace plait::test {

/// Lets the other tasks of the loop run `n` turns.
inline Task<> turns(int n) {
  for (int i = 0; i < n; ++i) co_await yield_now();
}

/// Waits for what `future` stands for.
inline Task<> end_of(Future<void>& future) { co_await future; }

/// Runs `body` for at most `limit`: true if it ended in time.
inline Task<bool> in_time(Duration limit, Task<> body) {
  Future<void> work = spawn(std::move(body));
  Future<void> timer = spawn([&]() -> Task<> {
    co_await sleep(limit);
    work.cancel();
  });
  bool done = true;
  try {
    co_await work;
  } catch (const Cancelled&) {
    done = false;
  }
  timer.cancel();
  while (!timer.done()) co_await yield_now();
  co_return done;
}

}  // namespace plait::test
