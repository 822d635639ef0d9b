// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "plait/base/intrusive_list.hpp"
#include "plait/core/strand.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/sched/work_deque.hpp"

namespace plait::detail {

class PoolScheduler;

/// One thread's place in a pool. Members are for that thread, except where they say otherwise.
class alignas(64) PoolWorker : public Runner, public Link {
 public:
  explicit PoolWorker(PoolScheduler& pool) noexcept : pool(pool) {}

  /// The worker that the calling thread is, or null. Not inline, as it reads a thread-local.
  static PoolWorker* current() noexcept;
  /// The worker that runs `strand`, one of a pool's.
  static PoolWorker& of(const Strand& strand) noexcept { return *static_cast<PoolWorker*>(strand.runner); }

  PoolScheduler& pool;
  WorkDeque deque;
  /// The task that is being resumed, or null.
  Strand* running = nullptr;
  /// A strand to go on with before anything else.
  Strand* next = nullptr;
  /// The thread while it works; null before and after. Guarded by the pool's idle lock.
  ThreadStrand* thread = nullptr;
  std::uint32_t tick = 0;
  /// Counted among those who look for work.
  bool searching = false;
  /// Slept until the next timer, for all.
  bool kept_time = false;
};

}  // namespace plait::detail
