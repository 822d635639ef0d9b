// SPDX-License-Identifier: BSL-1.0
#include "plait/core/nursery.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "plait/plait.hpp"
#include "plait/testing/virtual_time.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

Task<> nap() { co_await sleep(20ms); }

TEST(Nursery, IsJoinedByAnyNumberOfStrandsAtOnce) {
  const auto result = testing::run([&]() -> Task<> {
    Future<void> stranger;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      static_cast<void>(group.spawn(nap()));
      stranger = spawn([&]() -> Task<> { co_await group.join(); });
      co_await gather(group.join(), group.join());
      static_cast<void>(group.spawn(nap()));
      co_await yield_now();
      // The block itself joins last, beside one more.
      stranger = spawn([&]() -> Task<> { co_await group.join(); });
      co_await yield_now();
    });
    co_await stranger;
  });
  EXPECT_EQ(result.elapsed, 40ms);
}

TEST(Nursery, OfAGroupRefusesToBeJoinedFromAnotherThread) {
  run([&]() -> Task<> {
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      std::thread([&] { EXPECT_THROW(static_cast<void>(group.join()), std::logic_error); }).join();
      co_return;
    });
  });
}

}  // namespace
}  // namespace plait
