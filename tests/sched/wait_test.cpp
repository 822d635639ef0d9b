// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/wait.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::fail_after;
using test::forever;
using test::give_after;
using test::turns;
using Places = std::vector<std::size_t>;

/// No list in braces may stand beside a co_await (docs/design/compilers.md).
template <class... I>
Places places(I... i) {
  return {static_cast<std::size_t>(i)...};
}

template <class... S>
std::vector<Future<int>> after_seconds(S... seconds) {
  std::vector<Future<int>> futures;
  (futures.push_back(spawn(give_after(std::chrono::seconds(seconds), seconds))), ...);
  return futures;
}

TEST(Wait, WaitsForAllInTheOrderInWhichTheyEnd) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    auto futures = after_seconds(3, 1, 2);
    const Waited all = co_await wait(futures);
    EXPECT_EQ(all.done, places(1, 2, 0));
    EXPECT_TRUE(all.pending.empty());
    EXPECT_EQ(time.elapsed(), 3s);
    EXPECT_EQ((co_await wait(futures)).done.size(), 3u);  // once more, all done
    EXPECT_EQ(co_await futures[0], 3);
  });
}

TEST(Wait, EndsAtTheFirstAndCancelsNone) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    auto futures = after_seconds(3, 1, 2);
    const Waited first = co_await wait({.until = Until::first_completed}, futures);
    EXPECT_EQ(first.done, places(1));
    EXPECT_EQ(first.pending, places(0, 2));
    EXPECT_EQ(time.elapsed(), 1s);
    EXPECT_EQ(co_await futures[0], 3);
  });
}

TEST(Wait, EndsAtTheFirstError) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    std::vector<Future<void>> futures;
    futures.push_back(spawn(fail_after(3s, "x")));
    futures.push_back(spawn(turns(1)));
    futures.push_back(spawn(forever()));
    const Waited waited = co_await wait({.until = Until::first_exception}, futures);
    EXPECT_EQ(waited.done, places(1, 0));
    EXPECT_EQ(waited.pending, places(2));
    EXPECT_EQ(time.elapsed(), 3s);
    EXPECT_TRUE(futures[0].exception());
  });
}

TEST(Wait, DoesNotCountACancelledStrandAsAnError) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    std::vector<Future<void>> futures;
    futures.push_back(spawn(forever()));
    futures.push_back(spawn(fail_after(2s, "x")));
    futures.push_back(spawn(forever()));
    futures[0].cancel();
    const Waited waited = co_await wait({.until = Until::first_exception}, futures);
    EXPECT_EQ(waited.done, places(0, 1));
    EXPECT_EQ(time.elapsed(), 2s);
    EXPECT_TRUE(futures[1].exception());
  });
}

TEST(Wait, WaitsForAllWhenNoneFails) {
  testing::run([]() -> Task<> {
    auto futures = after_seconds(2, 1);
    EXPECT_EQ((co_await wait({.until = Until::first_exception}, futures)).done, places(1, 0));
  });
}

TEST(Wait, GivesAtOnceForAnEmptyRange) {
  run([]() -> Task<> {
    std::vector<Future<int>> none;
    for (const auto until : {Until::all_completed, Until::first_completed, Until::first_exception}) {
      const Waited waited = co_await wait({.until = until}, none);
      EXPECT_TRUE(waited.done.empty() && waited.pending.empty());
    }
    std::vector<Future<int>> empty(1);
    EXPECT_THROW(static_cast<void>(wait(empty)), std::logic_error);
  });
}

TEST(Wait, LeavesTheFuturesAloneWhenItIsCancelled) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    auto futures = after_seconds(3, 2);
    EXPECT_THROW(co_await timeout(1s, wait(futures)), TimeoutError);
    EXPECT_EQ(time.elapsed(), 1s);
    EXPECT_EQ((co_await wait(futures)).done, places(1, 0));
    EXPECT_EQ(time.elapsed(), 3s);
  });
}

TEST(Wait, GivesWhatIsDoneWhenItsTimeIsUp) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    auto futures = after_seconds(3, 1, 5);
    const Waited some = co_await wait({.timeout = 4s}, futures);
    EXPECT_EQ(some.done, places(1, 0));
    EXPECT_EQ(some.pending, places(2));
    EXPECT_EQ(time.elapsed(), 4s);
    const Waited look = co_await wait({.timeout = 0s, .until = Until::first_completed}, futures);
    EXPECT_EQ(look.done, places(0, 1));
    EXPECT_EQ(look.pending, places(2));
    EXPECT_EQ(time.elapsed(), 4s);
    EXPECT_EQ((co_await wait({.timeout = 1h}, futures)).done.size(), 3u);
    EXPECT_EQ(time.elapsed(), 5s);
  });
}

TEST(Wait, LetsACancelFromOutsideBeatItsTime) {
  testing::run([]() -> Task<> {
    auto futures = after_seconds(9);
    EXPECT_FALSE(co_await move_on_after(2s, wait({.timeout = 2s}, futures)));
    CancelScope scope;
    const auto body = [&]() -> Task<> {
      scope.cancel();
      co_await wait({.timeout = 0s}, futures);
    };
    EXPECT_FALSE(co_await scope.run(body));
  });
}

TEST(Wait, TakesSingleFuturesAlsoOfDifferentTypes) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    Future<int> a = spawn(give_after(2s, 1));
    const Future<void> b = spawn(turns(1));
    Future<std::unique_ptr<int>> c = spawn_thread([] { return std::make_unique<int>(1); });
    EXPECT_EQ((co_await wait(a, b, c)).done.size(), 3u);
    EXPECT_EQ(time.elapsed(), 2s);
    Future<void> d = spawn(forever());
    const Waited waited = co_await wait({.timeout = 1s, .until = Until::first_exception}, d, a);
    EXPECT_EQ(waited.done, places(1));
    EXPECT_EQ(waited.pending, places(0));
    Future<int> empty;
    EXPECT_THROW(static_cast<void>(wait(a, empty)), std::logic_error);
  });
}

TEST(Wait, TimesOutInAThread) {
  testing::VirtualTime time;
  Future<void> first = spawn_thread([] { sync_wait(sleep(1h)); });
  auto done = plait::sync_wait(plait::wait({.timeout = 10ms, .until = plait::Until::first_completed}, first)).done;
  EXPECT_TRUE(done.empty());
  EXPECT_EQ(time.elapsed(), 10ms);
  first.cancel();
  EXPECT_THROW(first.result(), Cancelled);
}

TEST(Wait, EndsInAThreadThatIsCancelled) {
  testing::VirtualTime time;
  Promise<int> promise;
  Future<int> future = promise.future();
  Future<void> waiting = spawn_thread([&] { sync_wait(wait(future)); });
  sleep_for(1s);
  waiting.cancel();
  EXPECT_THROW(waiting.result(), Cancelled);
  EXPECT_FALSE(future.done());
  promise.set_value(1);
}

TEST(Wait, WaitsForThreadsAndTasksOfAnotherLoop) {
  for (int round = 0; round < test::rounds(100); ++round) {
    run([&]() -> Task<> {
      std::vector<Future<int>> futures;
      Promise<int> promise;
      futures.push_back(promise.future());
      for (int i = 0; i < 3; ++i) futures.push_back(spawn_thread([i] { return i; }));
      std::thread other([&] {
        run([&]() -> Task<> {
          co_await turns(round % 4);
          promise.set_value(9);
        });
      });
      const Waited waited = co_await wait(futures);
      other.join();
      EXPECT_EQ(waited.done.size(), 4u);
      EXPECT_EQ(co_await futures[0], 9);
    });
  }
}

TEST(Wait, MayBeGivenUpWhileAFutureIsBeingCompletedElsewhere) {
  for (int round = 0; round < test::rounds(1000); ++round) {
    Promise<int> promise;
    std::vector<Future<int>> futures;
    futures.push_back(promise.future());
    std::thread completer([&] {
      if (round % 2) std::this_thread::yield();
      promise.set_value(1);
    });
    run([&]() -> Task<> {
      Future<void> waiting = spawn([&]() -> Task<> { co_await wait(futures); });
      co_await turns(1 + round % 3);
      waiting.cancel();
      while (!waiting.done()) co_await yield_now();
    });
    completer.join();
  }
}

TEST(Wait, RunsInAThread) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 4; ++i) futures.push_back(spawn_thread([i] { return i; }));
  EXPECT_EQ(sync_wait(wait(futures)).done.size(), 4u);
  EXPECT_EQ(futures[3].result(), 3);
}

TEST(Wait, LeavesTheFuturesAloneWhereverItIsCancelled) {
  int ended = 0;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        ended = 0;
        const auto one = [&](Duration span) -> Task<> {
          co_await sleep(span);
          ++ended;
        };
        std::vector<Future<void>> futures;
        futures.push_back(spawn(one(1s)));
        futures.push_back(spawn(one(2s)));
        const auto wait_for_them = [&]() -> Task<> {
          co_await wait({.until = Until::first_completed}, futures);
          co_await wait(futures);
        };
        const auto clean = [&]() -> Task<> {
          for (Future<void>& f : futures) co_await f;
        };
        co_await finally(wait_for_them, clean);
      },
      [&](const testing::CancelPoint& point) { EXPECT_EQ(ended, 2) << point.text(); });
}

}  // namespace
}  // namespace plait
