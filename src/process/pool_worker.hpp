// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "plait/os/fd.hpp"
#include "plait/process/descriptor_codec.hpp"

namespace plait::detail {

/// What a worker of a pool is told at its start.
struct WorkerPlan {
  std::uint32_t number;
  std::uint64_t max_tasks;
};

/// The body of a worker's process: makes calls until it is dismissed, or has made enough.
void be_worker(os::Fd board, os::Fd arena, os::Fd outbox, os::Fd bell, WorkerPlan plan);
/// The same after a call of `initializer`.
void be_worker_after(void (*initializer)(), os::Fd board, os::Fd arena, os::Fd outbox, os::Fd bell, WorkerPlan plan);

}  // namespace plait::detail
