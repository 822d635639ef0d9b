// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <plait/plait.hpp>

#include <vector>

#include "meter.hpp"

namespace plait::tool {

/// Runs `work()` in `count` threads at once and waits for their end; the main program beats meanwhile.
template <class Work>
void crew_of_threads(Meter& meter, unsigned count, Work work) {
  ThreadPool pool({.size = static_cast<int>(count)});
  std::vector<Future<void>> calls;
  for (unsigned i = 0; i < count; ++i) calls.push_back(pool.submit(work));
  for (Future<void>& call : calls) {
    while (!call.wait_for(meter.until_beat())) meter.beat();
    call.result();
  }
}

/// The heartbeat of a main program that lives on a loop; it ends by being cancelled.
inline Task<> heartbeat(Meter& meter) {
  for (;;) {
    co_await sleep(meter.until_beat());
    meter.beat();
  }
}

/// Runs `work()`, a coroutine, in `count` tasks on one loop, beside a heartbeat; returns what the meter measured.
template <class Work>
Task<Sample> crew_of_tasks(Meter& meter, unsigned count, Work work) {
  const Future<void> beating = spawn(heartbeat(meter));
  std::vector<Task<>> tasks;
  for (unsigned i = 0; i < count; ++i) tasks.push_back(work());
  co_await gather(std::move(tasks));
  co_return meter.stop();
}

}  // namespace plait::tool
