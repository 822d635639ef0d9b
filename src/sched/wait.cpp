// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/wait.hpp"

namespace plait::detail {

Task<Waited> wait_for_futures(std::vector<FutureStateBase*> futures, ReturnWhen until) {
  FutureWatcher watcher;
  for (std::size_t i = 0; i < futures.size(); ++i) watcher.watch(*futures[i], i);
  Waited result;
  std::vector<bool> done(futures.size());
  const auto enough = [&] {
    if (until == ReturnWhen::first_completed) return !result.done.empty();
    if (until != ReturnWhen::first_exception || result.done.empty()) return false;
    const std::exception_ptr& error = futures[result.done.back()]->error();
    return error && !is_cancelled(error);
  };
  while (watcher.left() != 0 && !enough()) {
    const std::size_t i = co_await watcher.next();
    result.done.push_back(i);
    done[i] = true;
  }
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (done[i]) continue;
    (futures[i]->done() ? result.done : result.pending).push_back(i);
  }
  co_return result;
}

}  // namespace plait::detail
