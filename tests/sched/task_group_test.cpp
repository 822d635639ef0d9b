// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/task_group.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::checkpoint_throws;
using test::errors_of;
using test::fail_after;
using test::fail_when_cancelled;
using test::forever;
using test::give;
using test::give_after;
using test::Live;
using test::live_forever;
using test::turns;

TEST(TaskGroup, EndsWhenAllItsChildrenHaveEnded) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    int ended = 0;
    const auto child = [&](Duration span) -> Task<> {
      co_await sleep(span);
      ++ended;
    };
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      group.spawn(child(1s));
      group.spawn(child(3s));
      group.spawn([&]() -> Task<> {
        co_await sleep(2s);
        group.spawn(child(2s));  // a child may spawn
      });
      EXPECT_EQ(group.size(), 3u);
      co_return;
    });
    EXPECT_EQ(ended, 3);
    EXPECT_EQ(time.elapsed(), 4s);
  });
}

TEST(TaskGroup, GivesWhatItsBodyGivesAndTheFuturesOfItsChildren) {
  run([]() -> Task<> {
    const int n = co_await with_task_group([](TaskGroup& group) -> Task<int> {
      Future<int> a = group.spawn(give(1), {.name = "a"});
      Future<int> b = group.spawn([](int x) -> Task<int> { co_return co_await give(x); }, 2);
      co_return co_await a + co_await b;
    });
    EXPECT_EQ(n, 3);
    const auto pointer =
        co_await with_task_group([](TaskGroup&) -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); });
    EXPECT_EQ(*pointer, 5);
  });
}

TEST(TaskGroup, IsCancelledByTheFirstFailureOfAChildAndThrowsItAsAGroup) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    int live = 0;
    const auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(live_forever(live));
      group.spawn(fail_after(1s, "first"));
      group.spawn(fail_after(2s, "second"));
      co_await live_forever(live);
    };
    EXPECT_EQ(co_await errors_of(with_task_group(body)), "first;");
    EXPECT_EQ(live, 0);
    EXPECT_EQ(time.elapsed(), 1s);
    co_await yield_now();
  });
}

TEST(TaskGroup, IsCancelledByAFailureOfItsBody) {
  testing::run([]() -> Task<> {
    int live = 0;
    const auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(live_forever(live));
      co_await fail_after(1s, "body");
    };
    EXPECT_EQ(co_await errors_of(with_task_group(body)), "body;");
    EXPECT_EQ(live, 0);
  });
}

TEST(TaskGroup, CollectsEverythingThatFailed) {
  testing::run([]() -> Task<> {
    const auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(fail_when_cancelled("a"));
      group.spawn(fail_after(1s, "b"));
      group.spawn(fail_after(1s, "c"));
      co_await fail_when_cancelled("body");
    };
    const std::string errors = co_await errors_of(with_task_group(body));
    for (const char* text : {"a;", "b;", "body;"}) EXPECT_NE(errors.find(text), std::string::npos) << errors;
  });
}

TEST(TaskGroup, ReportsOnceAnExceptionThatArrivesTwice) {
  testing::run([]() -> Task<> {
    const auto body = [](TaskGroup& group) -> Task<> {
      Future<void> f = group.spawn(fail_after(1s, "once"));
      co_await f;
    };
    EXPECT_EQ(co_await errors_of(with_task_group(body)), "once;");
    Future<void> f;
    const auto waits = [&]() -> Task<> { co_await shield(f); };
    const auto two_wait = [&](TaskGroup& group) -> Task<> {
      f = group.spawn(fail_after(1s, "once"));
      group.spawn(waits());
      group.spawn(waits());
      co_await shield(f);
    };
    EXPECT_EQ(co_await errors_of(with_task_group(two_wait)), "once;");
  });
}

TEST(TaskGroup, OwnsTheErrorOfAChildWhoseFutureIsDropped) {
  test::Unretrieved unretrieved;
  testing::run([]() -> Task<> {
    const auto body = [](TaskGroup& group) -> Task<> {
      group.spawn(fail_after(1s, "dropped"));
      Future<void> kept = group.spawn(fail_after(1s, "kept"));
      co_await forever();
    };
    EXPECT_NE(co_await errors_of(with_task_group(body)), "nothing");
  });
  EXPECT_TRUE(unretrieved.seen().empty());
}

TEST(TaskGroup, KeepsTheGroupsOfNestedGroupsTogether) {
  testing::run([]() -> Task<> {
    const auto inner = [](TaskGroup& group) -> Task<> {
      group.spawn(fail_after(1s, "inner"));
      co_return;
    };
    const auto outer = [&](TaskGroup& group) -> Task<> {
      group.spawn([&]() -> Task<> { co_await with_task_group(inner); });
      co_return;
    };
    try {
      co_await with_task_group(outer);
      ADD_FAILURE();
    } catch (const ExceptionGroup& group) {
      EXPECT_EQ(group.size(), 1u);
      try {
        std::rethrow_exception(group[0]);
      } catch (const ExceptionGroup& nested) {
        EXPECT_EQ(nested.size(), 1u);
        EXPECT_NE(describe(nested[0]).find("inner"), std::string::npos);
      }
      const auto [errors, rest] = group.split<std::runtime_error>();
      EXPECT_TRUE(errors);
      EXPECT_FALSE(rest);
      EXPECT_STREQ(group.what(), "with_task_group (1 error)\n└─ with_task_group\n   └─ std::runtime_error: inner");
    }
  });
}

TEST(TaskGroup, StartsAChildInACancelledGroupAndCancelsItAtItsFirstCheckpoint) {
  run([]() -> Task<> {
    int reached = 0;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      group.cancel();
      EXPECT_TRUE(group.cancel_called());
      group.spawn([&]() -> Task<> {
        ++reached;
        co_await yield_now();
        ++reached;
      });
      co_return;
    });
    EXPECT_EQ(reached, 1);
  });
}

TEST(TaskGroup, EndsWithoutAnErrorWhenItIsCancelledByItself) {
  testing::run([]() -> Task<> {
    co_await with_task_group([](TaskGroup& group) -> Task<> {
      group.spawn(forever());
      group.cancel();
      co_await forever();
    });
    const auto gives = [](TaskGroup& group) -> Task<int> {
      group.spawn(forever());
      group.cancel();
      co_return 5;
    };
    EXPECT_EQ(co_await with_task_group(gives), 5);
    const auto gives_way = [](TaskGroup& group) -> Task<int> {
      group.cancel();
      co_await yield_now();
      co_return 5;
    };
    EXPECT_THROW(co_await with_task_group(gives_way), std::runtime_error);
    EXPECT_FALSE(co_await checkpoint_throws());
  });
}

TEST(TaskGroup, LetsOneChildBeCancelledAndTheOthersGoOn) {
  testing::run([]() -> Task<> {
    bool other = false;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      Future<void> f = group.spawn(forever());
      group.spawn([&]() -> Task<> {
        co_await sleep(1s);
        other = true;
      });
      f.cancel();
      co_return;
    });
    EXPECT_TRUE(other);
  });
}

TEST(TaskGroup, IsCancelledFromOutsideWithAllItsChildrenAndPassesThatOn) {
  testing::run([]() -> Task<> {
    int live = 0;
    const auto body = [&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 5; ++i) group.spawn(live_forever(live));
      co_await forever();
    };
    const auto through = [&](TaskGroup& group) -> Task<int> {
      for (int i = 0; i < 5; ++i) group.spawn(live_forever(live));
      co_return 1;
    };
    Future<void> f = spawn([&]() -> Task<> { co_await with_task_group(body); });
    Future<int> g = spawn([&]() -> Task<int> { co_return co_await with_task_group(through); });
    co_await turns(3);
    EXPECT_EQ(live, 10);
    f.cancel();
    g.cancel();
    EXPECT_THROW(co_await f, Cancelled);
    EXPECT_THROW(co_await g, Cancelled);  // its children did not come to their end
    EXPECT_EQ(live, 0);
  });
}

TEST(TaskGroup, GivesItsValueWhenACancelFromOutsideFoundAllChildrenDone) {
  testing::run([]() -> Task<> {
    const auto insists = []() -> Task<> { co_await shield(sleep(2s)); };
    const auto body = [&](TaskGroup& group) -> Task<int> {
      group.spawn(insists());
      co_return 3;
    };
    EXPECT_EQ(co_await move_on_after(1s, with_task_group(body)), 3);
  });
}

TEST(TaskGroup, ThrowsItsErrorsWhenItFailedAndWasCancelledFromOutsideAndTheNextCheckpointThrows) {
  testing::run([]() -> Task<> {
    const auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(fail_when_cancelled("failed"));
      co_await forever();
    };
    CancelScope scope;
    std::string errors;
    bool threw = false;
    const auto inside = [&]() -> Task<> {
      Future<void> cancels = spawn([&]() -> Task<> {
        co_await turns(3);
        scope.cancel();
      });
      errors = co_await errors_of(with_task_group(body));
      threw = co_await checkpoint_throws();
    };
    EXPECT_TRUE(co_await scope.run(inside));
    EXPECT_EQ(errors, "failed;");
    EXPECT_TRUE(threw);
  });
}

TEST(TaskGroup, WaitsForItsChildrenAsTheLastLineOfItsBody) {
  testing::run([]() -> Task<> {
    co_await with_task_group([](TaskGroup& group) -> Task<> {
      int local = 0;
      for (int i = 0; i < 10; ++i) {
        group.spawn([&local, i]() -> Task<> {
          co_await sleep(std::chrono::seconds(i));
          ++local;
        });
      }
      co_await group.join();
      EXPECT_EQ(local, 10);
      EXPECT_EQ(group.size(), 0u);
      group.spawn(give(1));  // it goes on after a join
      co_await group.join();
    });
  });
}

TEST(TaskGroup, WaitsAlsoForWhatAStrangerSpawnsAtItsEnd) {
  run([]() -> Task<> {
    bool ended = false;
    TaskGroup* open = nullptr;
    const auto late = [&]() -> Task<> {
      co_await turns(5);
      ended = true;
    };
    Future<void> stranger;
    const auto body = [&](TaskGroup& group) -> Task<> {
      open = &group;
      Future<int> child = group.spawn(give(1));
      stranger = spawn([&]() -> Task<> {
        co_await turns(1);  // runs between the last child's end and the group's
        open->spawn(late());
      });
      co_return;
    };
    co_await with_task_group(body);
    EXPECT_TRUE(ended);
    co_await stranger;
  });
}

TEST(TaskGroup, ShieldsAChildThatAsksForIt) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    const auto body = [](TaskGroup& group) -> Task<> {
      group.spawn([]() -> Task<> { co_await shield(sleep(5s)); });
      group.spawn(fail_after(1s, "x"));
      co_return;
    };
    EXPECT_EQ(co_await errors_of(with_task_group(body)), "x;");
    EXPECT_EQ(time.elapsed(), 5s);
  });
}

TEST(TaskGroup, RefusesOtherThreadsAndLoops) {
  run([]() -> Task<> {
    co_await with_task_group([](TaskGroup& group) -> Task<> {
      std::thread stranger([&] {
        EXPECT_THROW(group.spawn(give(1)), std::logic_error);
        EXPECT_THROW(group.cancel(), std::logic_error);
        run([&]() -> Task<> {
          EXPECT_THROW(group.spawn(give(1)), std::logic_error);
          EXPECT_THROW(group.spawn_thread([] {}), std::logic_error);
          co_return;
        });
      });
      stranger.join();
      co_return;
    });
  });
}

TEST(TaskGroup, RunsInAThread) {
  testing::VirtualTime time;
  const auto body = [](TaskGroup& group) -> Task<int> {
    Future<int> f = group.spawn(give_after(2s, 4));
    co_return co_await f;
  };
  EXPECT_EQ(sync_wait(with_task_group(body)), 4);
  EXPECT_EQ(time.elapsed(), 2s);
}

TEST(TaskGroup, HoldsTenThousandChildren) {
  testing::run([]() -> Task<> {
    int ended = 0;
    const auto body = [&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 10'000; ++i) {
        group.spawn([&ended, i]() -> Task<> {
          co_await sleep(std::chrono::milliseconds(i % 100));
          ++ended;
          if (i == 9'999) throw std::runtime_error("last");
        });
      }
      co_return;
    };
    EXPECT_EQ(co_await errors_of(with_task_group(body)), "last;");
    EXPECT_GE(ended, 9'900);
  });
}

TEST(TaskGroup, OnAPoolItsBodyAndItsChildrenMayFailAtOnce) {
  ThreadPool pool(3);
  const auto groups = []() -> Task<> {
    for (int round = 0; round < test::rounds(3'000); ++round) {
      std::atomic<int> ready{0};
      const auto fails = [&](const char* text) -> Task<> {
        ++ready;
        for (int i = 0; i < 300 && ready < 3; ++i) detail::cpu_relax();
        throw std::runtime_error(text);
        co_return;
      };
      const auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(fails("a"));
        group.spawn(fails("b"));
        co_await fails("body");
      };
      EXPECT_EQ((co_await errors_of(with_task_group(body))).size(), std::string("a;b;body;").size());
    }
  };
  pool.run(groups());
}

TEST(TaskGroup, LeavesNothingBehindWhereverItIsCancelled) {
  int live = 0;
  std::optional<Semaphore> permits;
  testing::cancel_everywhere(
      [&]() -> Task<int> {
        permits.emplace(1);
        const auto child = [&](TaskGroup& group, int depth, auto&& self) -> Task<> {
          Live here(live);
          const auto guard = co_await permits->guard();
          if (depth > 0) group.spawn(self(group, depth - 1, self));
          co_await sleep(1s);
        };
        const auto body = [&](TaskGroup& group) -> Task<int> {
          Live here(live);
          group.spawn(child(group, 1, child));
          group.spawn(child(group, 0, child));
          co_await sleep(1s);
          co_return 1;
        };
        co_return co_await with_task_group(body);
      },
      [&](const testing::CancelPoint& point) {
        EXPECT_EQ(live, 0) << point.text();
        EXPECT_EQ(permits->value(), 1) << point.text();
      });
}

}  // namespace
}  // namespace plait
