// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/sched/pool_scheduler.hpp"
#include "plait/thread/thread_state.hpp"

namespace plait::detail {

/// The threads of one pool. Any thread.
class PoolThreads : private Link {
 public:
  PoolThreads(std::string name, void (*initializer)());
  ~PoolThreads();
  PoolThreads(const PoolThreads&) = delete;
  PoolThreads& operator=(const PoolThreads&) = delete;

  /// A thread more, for `worker` (PoolScheduler::StartThread; `self` is a PoolThreads).
  static void start(void* self, PoolWorker& worker);
  /// The thread for the pool's I/O (PoolIo::StartThread).
  static void start_io(void* self, PoolIo& io);
  /// From now on the program's end closes `scheduler`.
  void watch(PoolScheduler& scheduler) noexcept;
  struct Release {
    void operator()(ThreadState* thread) const noexcept { thread->release(); }
  };
  using Held = std::unique_ptr<ThreadState, Release>;
  /// A thread that nobody has joined, or null. Several may wait for the same one.
  Held front() noexcept;
  /// `thread`, the front, has ended: waits until it is gone, and forgets it.
  void forget(ThreadState& thread) noexcept;
  /// This process is a child that was forked off: it has none of the threads.
  bool forked() const noexcept;

  /// The program ends: all pools refuse work and end when theirs is done.
  static void close_all() noexcept;
  /// Round a fork, in the parent and the child.
  static void before_fork() noexcept;
  static void after_fork() noexcept;

 private:
  friend class IntrusiveList<PoolThreads, Link>;
  class Job;
  class IoJob;

  void start(std::string_view suffix, std::unique_ptr<ThreadJob> job);

  const std::string name_;
  void (*const initializer_)();
  const int process_;
  PoolScheduler* scheduler_ = nullptr;
  SpinLock lock_;
  std::vector<ThreadState*> threads_;
  unsigned last_number_ = 0;
};

}  // namespace plait::detail
