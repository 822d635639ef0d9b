// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

#include "plait/core/child_wait.hpp"
#include "plait/sched/task_group.hpp"
#include "plait/thread/spawn_thread.hpp"

namespace plait {

template <class F, class... Args>
auto TaskGroup::spawn_thread(F&& f, Args&&... args) {
  home("TaskGroup::spawn_thread()");
  static_assert(detail::ThreadCallable<F, Args...>, "TaskGroup::spawn_thread() needs a function and its arguments.");
  return spawn(detail::await_child(plait::spawn_thread(std::forward<F>(f), std::forward<Args>(args)...)));
}

}  // namespace plait
