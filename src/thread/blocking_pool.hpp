// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

#include "plait/base/spin_lock.hpp"
#include "plait/core/clock.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/thread/blocking_call.hpp"
#include "plait/thread/thread_state.hpp"

namespace plait::detail {

/// The threads of `to_thread`. Any thread.
class BlockingPool {
 public:
  static BlockingPool& instance() noexcept;

  /// False: it was cancelled before.
  bool submit(BlockingCall& call) noexcept;
  BlockingCall::Withdrawn withdraw(BlockingCall& call, bool abandon) noexcept;
  /// The call has returned. True: nobody waits for it.
  bool finish(BlockingCall& call) noexcept;
  /// The program ends: idle threads end, and busy ones when nothing is queued.
  void retire() noexcept;

  /// Round a fork: in the child there are no threads.
  void before_fork() noexcept { lock_.lock(); }
  void after_fork_in_parent() noexcept { lock_.unlock(); }
  void after_fork_in_child() noexcept;

 private:
  struct Worker;
  class WorkerJob;

  static ThreadStrand& rouse(Worker& worker) noexcept;
  void work(Worker& worker);
  void worker_ends() noexcept;
  void start_worker(unsigned number) noexcept;

  SpinLock lock_;
  IntrusiveList<BlockingCall, Link> queue_;
  IntrusiveList<Worker, Link> idle_;
  unsigned threads_ = 0;
  unsigned last_number_ = 0;
  bool retiring_ = false;
};

}  // namespace plait::detail
