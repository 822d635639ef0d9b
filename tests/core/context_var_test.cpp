// SPDX-License-Identifier: BSL-1.0
#include "plait/core/context_var.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::turns;

ContextVar<std::string> name{"name", "nobody"};
ContextVar<int> level{"level"};
ContextVar<std::shared_ptr<int>> pointer{"pointer", nullptr};

TEST(ContextVar, HasItsDefaultUntilItIsSet) {
  run([]() -> Task<> {
    EXPECT_EQ(name.get(), "nobody");
    EXPECT_THROW(static_cast<void>(level.get()), std::logic_error);
    name.set("ada");
    level.set(3);
    EXPECT_EQ(name.get(), "ada");
    EXPECT_EQ(level.get(), 3);
    co_return;
  });
}

TEST(ContextVar, IsResetToWhatWasBefore) {
  run([]() -> Task<> {
    auto first = name.set("a");
    auto second = name.set("b");
    name.reset(std::move(second));
    EXPECT_EQ(name.get(), "a");
    name.reset(std::move(first));
    EXPECT_EQ(name.get(), "nobody");
    auto none = level.set(1);
    level.reset(std::move(none));
    EXPECT_THROW(static_cast<void>(level.get()), std::logic_error);
    co_return;
  });
}

TEST(ContextVar, IsSharedWithATaskThatIsAwaited) {
  run([]() -> Task<> {
    const auto sets = []() -> Task<> {
      co_await yield_now();
      name.set("callee");
    };
    co_await sets();
    EXPECT_EQ(name.get(), "callee");
    co_await timeout(1h, sets());
    co_await shield(sets());
    EXPECT_EQ(name.get(), "callee");
  });
}

/// Adds what it sees at its begin, sets `mine`, and adds what it sees at its end.
Task<> see_and_set(std::string& seen, std::string mine) {
  seen += name.get() + " ";
  name.set(mine);
  co_await turns(3);
  seen += name.get() + " ";
}

TEST(ContextVar, IsInheritedByAChildAndFromThenOnItsOwn) {
  run([]() -> Task<> {
    name.set("parent");
    std::string spawned, gathered, raced, grouped;
    Future<void> f = spawn(see_and_set(spawned, "s"));
    name.set("later");  // the child does not see it
    co_await f;
    EXPECT_EQ(spawned, "parent s ");
    co_await gather(see_and_set(gathered, "g"));
    EXPECT_EQ(gathered, "later g ");
    co_await race(see_and_set(raced, "r"));
    EXPECT_EQ(raced, "later r ");
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      name.set("body");
      group.spawn(see_and_set(grouped, "t"));
      co_return;
    });
    EXPECT_EQ(grouped, "body t ");
    EXPECT_EQ(name.get(), "body");  // the body is no strand of its own
  });
}

TEST(ContextVar, IsInheritedFromTheSpawnerAndNotFromTheGroup) {
  run([]() -> Task<> {
    std::string seen;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      name.set("body");
      group.spawn([&]() -> Task<> {
        name.set("child");
        group.spawn(see_and_set(seen, "grandchild"));
        co_return;
      });
      co_return;
    });
    EXPECT_EQ(seen, "child grandchild ");
  });
}

TEST(ContextVar, IsInheritedByThreadsAndCallsInThreads) {
  run([]() -> Task<> {
    const auto see = [] {
      const std::string seen = name.get();
      name.set("thread");
      return seen;
    };
    name.set("parent");
    EXPECT_EQ(co_await spawn_thread(see), "parent");
    EXPECT_EQ(co_await to_thread(see), "parent");
    EXPECT_EQ(co_await to_thread(see), "parent");  // the pool's thread has forgotten
    std::string in_object;
    const auto note = [&] { in_object = name.get(); };
    co_await to_thread([&] {
      Thread thread(note);
      thread.start();
      thread.join();
    });
    EXPECT_EQ(in_object, "parent");
    std::string in_group;
    const auto seen_in_group = [&] { in_group = name.get(); };
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      name.set("body");
      group.spawn_thread(seen_in_group);
      co_return;
    });
    EXPECT_EQ(in_group, "body");
    EXPECT_EQ(name.get(), "body");
  });
}

TEST(ContextVar, IsInheritedByACallIntoALoop) {
  run([]() -> Task<> {
    name.set("loop");
    const Loop loop = Loop::current();
    const auto see = []() -> Task<std::string> {
      co_await yield_now();
      co_return name.get();
    };
    const auto call = [&] {
      name.set("thread");
      return loop.spawn(see).result();
    };
    EXPECT_EQ(co_await to_thread(call), "thread");
    EXPECT_EQ(name.get(), "loop");
  });
}

TEST(ContextVar, IsInheritedByARunAndStaysInIt) {
  std::thread thread([] {
    EXPECT_EQ(name.get(), "nobody");
    name.set("thread");
    run([]() -> Task<> {
      EXPECT_EQ(name.get(), "thread");
      name.set("main task");
      co_return;
    });
    EXPECT_EQ(name.get(), "thread");
    const auto see = []() -> Task<> {
      EXPECT_EQ(name.get(), "thread");
      co_return;
    };
    sync_wait(gather(see()));
  });
  thread.join();
}

TEST(ContextVar, IsForgottenWithItsStrand) {
  const auto value = std::make_shared<int>(4);
  for (int i = 0; i < 3; ++i) {
    std::thread thread([&] {
      EXPECT_EQ(pointer.get(), nullptr);  // also when the strand's memory had another owner
      pointer.set(value);
    });
    thread.join();
    EXPECT_EQ(value.use_count(), 1);
  }
  run([&]() -> Task<> {
    co_await spawn([&]() -> Task<> {
      pointer.set(value);
      co_await yield_now();
    });
    EXPECT_EQ(value.use_count(), 1);
    co_await to_thread([&] { pointer.set(value); });
  });
  EXPECT_EQ(value.use_count(), 1);
}

TEST(ContextVar, KeepsManyAtOnce) {
  run([]() -> Task<> {
    ContextVar<int> a{"a", 0}, b{"b", 0}, c{"c", 0};
    a.set(1);
    auto token = b.set(2);
    c.set(3);
    b.reset(std::move(token));
    EXPECT_EQ(a.get() * 100 + b.get() * 10 + c.get(), 103);
    co_return;
  });
}

TEST(ContextVar, IsReadByManyStrandsAtOnce) {
  run([]() -> Task<> {
    name.set("all");
    std::vector<Future<int>> futures;
    for (int i = 0; i < 4; ++i) {
      futures.push_back(spawn_thread([i] {
        int right = 0;
        for (int n = 0; n < 1000; ++n) {
          right += name.get() == (n == 0 ? "all" : std::to_string(i));
          name.set(std::to_string(i));
        }
        return right;
      }));
    }
    co_await wait(futures);
    for (Future<int>& f : futures) EXPECT_EQ(co_await f, 1000);
  });
}

}  // namespace
}  // namespace plait
