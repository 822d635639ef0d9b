// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/wait.hpp"

#include "plait/core/current_strand.hpp"
#include "plait/sched/deadline_scope.hpp"

namespace plait::detail {

Task<Waited> wait_for_futures(std::vector<FutureStateBase*> futures, WaitOptions options) {
  Strand& self = co_await CurrentStrand{};
  const void* at = self.record->awaits_at.load(std::memory_order_relaxed);
  FutureWatcher watcher(futures);
  Waited result;
  std::vector<bool> done(futures.size());
  const auto note = [&](std::size_t i) {
    result.done.push_back(i);
    done[i] = true;
  };
  const auto enough = [&] {
    if (options.until == Until::first_completed) return !result.done.empty();
    if (options.until != Until::first_exception || result.done.empty()) return false;
    const std::exception_ptr& error = futures[result.done.back()]->error();
    return error && !is_cancelled(error);
  };
  {
    DeadlineScope limit(self, options.timeout);
    try {
      while (watcher.left() != 0 && !enough()) {
        FutureWatcher::Next next = watcher.next();
        AtLine<FutureWatcher::Next> located(next, at);
        note(co_await located);
      }
    } catch (const Cancelled&) {
      if (!limit.catches()) throw;
    }
  }
  while (const auto arrived = watcher.try_next()) note(*arrived);
  // Some may be done whose news is still on its way.
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (!done[i]) (futures[i]->done() ? result.done : result.pending).push_back(i);
  }
  co_return result;
}

}  // namespace plait::detail
