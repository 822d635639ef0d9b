// SPDX-License-Identifier: BSL-1.0
#include "plait/process/shared_queue.hpp"

#include "plait/base/contract.hpp"

namespace plait::detail {

void finish_one(SharedQueueState& state) {
  if (!state.finish_one()) {
    misuse("shared::Queue::task_done() was called more often than items were put; call it once for each item got.");
  }
}

void refuse_descriptors() {
  misuse(
      "shared::Queue::put(): the item holds a descriptor or a shared object, which can't lie in shared memory; send it "
      "through a shared::Connection, or pass it as an argument.");
}

}  // namespace plait::detail
