// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/sequence.hpp"

#include <gtest/gtest.h>

#include "plait/plait.hpp"
#include "support/destroy_when_served.hpp"

namespace plait {
namespace {

bool waits(const Broadcast<int>& channel) { return channel.waiting() != 0; }

Broadcast<int> small() { return Broadcast<int>(1); }

TEST(Sequence, IsLeftAloneOnceTheLastOneWhoWaitsGoesOn) {
  const auto receive = [](Broadcast<int>& channel) {
    auto receiver = channel.subscribe();
    EXPECT_EQ(sync_wait(receiver.get()), 7);
  };
  test::destroy_as_soon_as_served<Broadcast<int>>(small, waits, receive, [](Broadcast<int>& c) { c.send(7); });
}

TEST(Sequence, IsLeftAloneOnceTheLastOneIsToldItsEnd) {
  const auto drain = [](Broadcast<int>& channel) {
    auto receiver = channel.subscribe();
    EXPECT_FALSE(sync_wait(receiver.next()));
  };
  test::destroy_as_soon_as_served<Broadcast<int>>(small, waits, drain, [](Broadcast<int>& c) { c.shutdown(); });
}

}  // namespace
}  // namespace plait
