// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/queue_waits.hpp"

#include <gtest/gtest.h>

#include "plait/plait.hpp"
#include "support/destroy_when_served.hpp"

namespace plait {
namespace {

bool waits(const Queue<int>& queue) {
  const QueueStatistics s = queue.statistics();
  return s.waiting_joiners + s.waiting_getters != 0;
}

Queue<int> empty() { return Queue<int>(); }

TEST(QueueWaits, LeaveAQueueAloneOnceTheLastOneInJoinGoesOn) {
  const auto join = [](Queue<int>& q) {
    EXPECT_TRUE(q.try_put(1));
    sync_wait(q.join());
  };
  test::destroy_as_soon_as_served<Queue<int>>(empty, waits, join, [](Queue<int>& q) { q.task_done(); });
}

TEST(QueueWaits, LeaveAQueueAloneOnceTheLastOneIsToldItsEnd) {
  const auto drain = [](Queue<int>& q) { EXPECT_FALSE(sync_wait(q.next())); };
  test::destroy_as_soon_as_served<Queue<int>>(empty, waits, drain, [](Queue<int>& q) { q.shutdown(); });
}

}  // namespace
}  // namespace plait
