// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/group_thread.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::fail_after;
using test::forever;
using test::rounds;
using test::turns;

TEST(GroupThread, IsAChildWhoseValueItsFutureGives) {
  run([]() -> Task<> {
    std::atomic<bool> ended{false};
    const int n = co_await with_task_group([&](TaskGroup& group) -> Task<int> {
      Future<int> f = group.spawn_thread([](int a, int b) { return a + b; }, 2, 3);
      Future<std::unique_ptr<int>> moved = group.spawn_thread([] { return std::make_unique<int>(1); });
      group.spawn_thread([&] {
        sleep_for(1ms);
        ended = true;
      });
      EXPECT_EQ(group.size(), 3u);
      const std::unique_ptr<int> one = co_await std::move(moved);
      co_return co_await f + *one;
    });
    EXPECT_EQ(n, 6);
    EXPECT_TRUE(ended);  // the group waited for it
  });
}

TEST(GroupThread, IsCancelledAtItsWaitWhenAnotherChildFails) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    std::atomic<int> cancelled{0};
    const auto sleeps = [&] {
      try {
        sleep_for(1000h);
      } catch (const Cancelled&) {
        ++cancelled;
        throw;
      }
    };
    const auto runs = [&] {
      try {
        run(forever());
      } catch (const Cancelled&) {
        ++cancelled;
        throw;
      }
    };
    try {
      co_await with_task_group([&](TaskGroup& group) -> Task<> {
        group.spawn_thread(sleeps);
        group.spawn_thread(runs);
        group.spawn(fail_after(1s, "x"));
        co_return;
      });
      ADD_FAILURE();
    } catch (const ExceptionGroup& errors) {
      EXPECT_EQ(errors.size(), 1u);
    }
    EXPECT_EQ(cancelled, 2);
    EXPECT_EQ(time.elapsed(), 1s);
  });
}

TEST(GroupThread, CancelsTheGroupWhenItFailsAndIsReportedOnce) {
  test::Unretrieved unretrieved;
  testing::run([]() -> Task<> {
    try {
      co_await with_task_group([](TaskGroup& group) -> Task<> {
        Future<void> f = group.spawn_thread([] { throw std::runtime_error("in the thread"); });
        group.spawn(forever());
        co_await shield(std::move(f));
      });
      ADD_FAILURE();
    } catch (const ExceptionGroup& errors) {
      EXPECT_EQ(errors.size(), 1u);
      EXPECT_NE(describe(errors[0]).find("in the thread"), std::string::npos);
    }
  });
  EXPECT_TRUE(unretrieved.seen().empty());
}

TEST(GroupThread, IsCancelledByItsFutureAloneAndTheOthersGoOn) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    bool other = false;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      Future<void> f = group.spawn_thread([] { sleep_for(1000h); });
      group.spawn([&]() -> Task<> {
        co_await sleep(2s);
        other = true;
      });
      co_await sleep(1s);
      f.cancel();
      EXPECT_THROW(co_await f, Cancelled);
      EXPECT_EQ(time.elapsed(), 1s);
    });
    EXPECT_TRUE(other);
  });
}

TEST(GroupThread, IsWaitedForWhenItDoesNotWaitItself) {
  run([]() -> Task<> {
    std::atomic<bool> ended{false};
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      Promise<void> running;
      Future<void> runs = running.future();
      group.spawn_thread([&ended, &running] {
        running.set_value();
        for (int i = 0; i < 1000; ++i) std::this_thread::yield();
        ended = true;
      });
      co_await runs;
      group.cancel();
      co_await shield(group.join());
    });
    EXPECT_TRUE(ended);
  });
}

TEST(GroupThread, GivesItsValueWhenItMakesOneAlthoughItIsCancelled) {
  testing::run([]() -> Task<> {
    const auto swallows = [] {
      try {
        sleep_for(1000h);
      } catch (const Cancelled&) {
      }
      return 7;
    };
    const int n = co_await with_task_group([&](TaskGroup& group) -> Task<int> {
      Future<int> f = group.spawn_thread(swallows);
      co_await sleep(1s);
      group.cancel();
      co_return co_await shield(std::move(f));
    });
    EXPECT_EQ(n, 7);
  });
}

TEST(GroupThread, StartedInACancelledGroupIsCancelledAtItsFirstWait) {
  for (int round = 0; round < rounds(200); ++round) {
    run([]() -> Task<> {
      std::atomic<int> reached{0};
      co_await with_task_group([&](TaskGroup& group) -> Task<> {
        group.cancel();
        group.spawn_thread([&] {
          ++reached;
          sleep_for(1000h);
          ++reached;
        });
        co_return;
      });
      EXPECT_EQ(reached, 1);
    });
  }
}

TEST(GroupThread, IsCancelledFromOutsideByATimeout) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    const auto body = [](TaskGroup& group) -> Task<> {
      group.spawn_thread([] { sync_wait(timeout(1000h, forever())); });
      co_return;
    };
    EXPECT_FALSE(co_await move_on_after(3s, with_task_group(body)));
    EXPECT_EQ(time.elapsed(), 3s);
  });
}

TEST(GroupThread, MayHaveAGroupOfItsOwn) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    std::atomic<int> cancelled{0};
    const auto inner = [&] {
      const auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn_thread([&] {
          try {
            sleep_for(1000h);
          } catch (const Cancelled&) {
            ++cancelled;
            throw;
          }
        });
        co_return;
      };
      sync_wait(with_task_group(body));
    };
    const auto outer = [&](TaskGroup& group) -> Task<> {
      group.spawn_thread(inner);
      co_return;
    };
    EXPECT_FALSE(co_await move_on_after(1s, with_task_group(outer)));
    EXPECT_EQ(cancelled, 1);
  });
}

TEST(GroupThread, EndsBeforeItsGroupWhereverThatIsCancelled) {
  std::atomic<int> live{0};
  testing::cancel_everywhere(
      [&]() -> Task<int> {
        const auto thread = [&] {
          ++live;
          try {
            sleep_for(2s);
          } catch (const Cancelled&) {
            --live;
            throw;
          }
          --live;
          return 1;
        };
        const auto body = [&](TaskGroup& group) -> Task<int> {
          Future<int> f = group.spawn_thread(thread);
          group.spawn_thread(thread);
          co_await sleep(1s);
          co_return co_await f;
        };
        co_return co_await with_task_group(body);
      },
      [&](const testing::CancelPoint& point) { EXPECT_EQ(live, 0) << point.text(); });
}

}  // namespace
}  // namespace plait
