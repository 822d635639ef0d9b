// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/as_completed.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <ranges>
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
using test::give_after;
using test::Live;
using test::turns;

static_assert(std::ranges::input_range<Completions<Future<int>>>);
static_assert(std::ranges::input_range<Completions<const Future<void>>>);

template <class... S>
std::vector<Task<int>> after_seconds(S... seconds) {
  std::vector<Task<int>> tasks;
  (tasks.push_back(give_after(std::chrono::seconds(seconds), seconds)), ...);
  return tasks;
}

template <class... S>
std::vector<Future<int>> spawned_after_seconds(S... seconds) {
  std::vector<Future<int>> futures;
  (futures.push_back(spawn(give_after(std::chrono::seconds(seconds), seconds))), ...);
  return futures;
}

std::vector<Future<int>> of_promises(std::vector<Promise<int>>& promises) {
  std::vector<Future<int>> futures;
  for (Promise<int>& promise : promises) futures.push_back(promise.future());
  return futures;
}

TEST(AsCompleted, GivesFuturesAsTheyEndWithTheirPlace) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    auto futures = spawned_after_seconds(3, 1, 2);
    auto completions = as_completed(futures);
    EXPECT_EQ(completions.left(), 3u);
    std::string order;
    while (auto* f = co_await completions.next()) {
      EXPECT_EQ(f, &futures[completions.index_of(*f)]);
      order += std::to_string(completions.index_of(*f)) + ":" + std::to_string(co_await *f) + " ";
      EXPECT_EQ(time.elapsed(), std::chrono::seconds(co_await *f));
    }
    EXPECT_EQ(order, "1:1 2:2 0:3 ");
    EXPECT_EQ(completions.left(), 0u);
    EXPECT_EQ(co_await completions.next(), nullptr);
    EXPECT_EQ(completions.index_of(futures[0]), 0u);
    Future<int> other;
    EXPECT_THROW(static_cast<void>(completions.index_of(other)), std::logic_error);
  });
}

TEST(AsCompleted, OwnsTheFuturesThatItIsGiven) {
  run([]() -> Task<> {
    std::vector<Future<std::unique_ptr<int>>> futures;
    for (int i = 0; i < 4; ++i) futures.push_back(spawn_thread([i] { return std::make_unique<int>(i); }));
    auto completions = as_completed(std::move(futures));
    int sum = 0;
    while (auto* f = co_await completions.next()) {
      EXPECT_TRUE(f->done());
      const std::unique_ptr<int> value = co_await std::move(*f);
      sum += *value;
    }
    EXPECT_EQ(sum, 6);
    std::vector<Future<void>> voids;
    voids.push_back(spawn(turns(2)));
    auto ends = as_completed(std::move(voids));
    EXPECT_TRUE(co_await ends.next());
    std::vector<Future<int>> empty(1);
    EXPECT_THROW(static_cast<void>(as_completed(empty)), std::logic_error);
    EXPECT_THROW(static_cast<void>(as_completed(std::move(empty))), std::logic_error);
  });
}

TEST(AsCompleted, GivesAlsoAFutureThatFailed) {
  testing::run([]() -> Task<> {
    std::vector<Task<>> tasks;
    tasks.push_back(turns(1));
    tasks.push_back(test::fail_after(1s, "x"));
    tasks.push_back(turns(1));
    auto completions = as_completed(std::move(tasks));
    EXPECT_FALSE((co_await completions.next())->exception());
    EXPECT_FALSE((co_await completions.next())->exception());
    auto* failed = co_await completions.next();
    EXPECT_EQ(completions.index_of(*failed), 1u);
    EXPECT_THROW(co_await *failed, std::runtime_error);
    EXPECT_FALSE(co_await completions.next());
  });
}

TEST(AsCompleted, PassesNothingOverWhenAWaitIsCancelled) {
  testing::run([]() -> Task<> {
    auto completions = as_completed(after_seconds(2, 4));
    EXPECT_FALSE(co_await move_on_after(1s, completions.next()));
    EXPECT_EQ(co_await *co_await completions.next(), 2);
    EXPECT_FALSE(co_await move_on_after(1s, completions.next()));
    EXPECT_EQ(co_await *co_await completions.next(), 4);
  });
}

TEST(AsCompleted, TakesBackWhatItGrantedToOneWhoIsCancelledBeforeItGoesOn) {  // [W10]
  run([]() -> Task<> {
    std::vector<Promise<int>> promises(2);
    auto futures = of_promises(promises);
    auto completions = as_completed(futures);
    Future<void> asker = spawn([&]() -> Task<> { co_await completions.next(); });
    co_await turns(2);
    promises[1].set_value(1);
    EXPECT_EQ(completions.left(), 1u);
    promises[0].set_value(0);
    asker.cancel();
    EXPECT_THROW(co_await asker, Cancelled);
    EXPECT_EQ(completions.left(), 2u);
    EXPECT_EQ(completions.index_of(*co_await completions.next()), 1u);  // in its old place
    EXPECT_EQ(completions.index_of(*co_await completions.next()), 0u);
  });
}

TEST(AsCompleted, EndsByATimeoutThatCountsFromTheCall) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    auto futures = spawned_after_seconds(1, 5, 9);
    const AsCompletedOptions limit{.timeout = 6s};
    auto completions = as_completed(limit, futures);
    EXPECT_EQ(co_await *co_await completions.next(), 1);
    EXPECT_EQ(co_await *co_await completions.next(), 5);
    std::string text;
    try {
      co_await completions.next();
    } catch (const TimeoutError& e) {
      text = e.what();
    }
    EXPECT_EQ(time.elapsed(), 6s);
    EXPECT_NE(text.find("1 (of 3) futures unfinished"), std::string::npos) << text;
    EXPECT_THROW(co_await completions.next(), TimeoutError);
    EXPECT_EQ(co_await futures[2], 9);
    EXPECT_EQ(co_await *co_await completions.next(), 9);  // what is done is given even then
    EXPECT_FALSE(co_await completions.next());
  });
}

TEST(AsCompleted, GivesWhatIsDoneWhenTheTimeIsZero) {
  testing::run([]() -> Task<> {
    auto futures = spawned_after_seconds(0, 1);
    co_await futures[0];
    auto completions = as_completed({.timeout = 0s}, futures);
    EXPECT_EQ(co_await completions.next(), &futures[0]);
    EXPECT_THROW(co_await completions.next(), TimeoutError);
  });
}

TEST(AsCompleted, LetsACancelFromOutsideBeatItsTimeout) {
  testing::run([]() -> Task<> {
    auto futures = spawned_after_seconds(9);
    auto completions = as_completed({.timeout = 2s}, futures);
    EXPECT_FALSE(co_await move_on_after(2s, completions.next()));
  });
}

TEST(AsCompleted, CancelsTheTasksThatAreLeftWhenItDies) {
  testing::VirtualTime time;
  run([&]() -> Task<> {
    int live = 0;
    const auto one = [&](Duration span) -> Task<int> {
      Live here(live);
      co_await sleep(span);
      co_return 1;
    };
    {
      std::vector<Task<int>> tasks;
      tasks.push_back(one(1s));
      tasks.push_back(one(1000h));
      auto completions = as_completed(std::move(tasks));
      co_await completions.next();
      EXPECT_EQ(live, 1);
    }
    co_await turns(3);
    EXPECT_EQ(live, 0);
    EXPECT_EQ(time.elapsed(), 1s);
  });
}

TEST(AsCompleted, MayBeMoved) {
  testing::run([]() -> Task<> {
    auto futures = spawned_after_seconds(1, 2);
    int live = 0;
    std::vector<Task<>> tasks;
    tasks.push_back(test::live_forever(live));
    auto of_tasks = as_completed(std::move(tasks));
    auto first = as_completed(futures);
    auto second = std::move(first);
    EXPECT_EQ(second.left(), 2u);
    EXPECT_EQ(first.left(), 0u);
    EXPECT_EQ(co_await first.next(), nullptr);
    EXPECT_EQ(co_await second.next(), &futures[0]);
    first = std::move(second);
    EXPECT_EQ(co_await first.next(), &futures[1]);
    EXPECT_EQ(first.index_of(futures[1]), 1u);
    std::vector<Task<>> none;
    EXPECT_EQ(live, 1);
    of_tasks = as_completed(std::move(none));  // what it had is cancelled
    co_await turns(3);
    EXPECT_EQ(live, 0);
  });
}

TEST(AsCompleted, LeavesFuturesThatAreLeftAlone) {
  testing::run([]() -> Task<> {
    int ended = 0;
    const auto one = [&]() -> Task<> {
      co_await sleep(2s);
      ++ended;
    };
    std::vector<Future<void>> kept, given;
    kept.push_back(spawn(one));
    given.push_back(spawn(one));
    {
      auto of_kept = as_completed(kept);
      auto of_given = as_completed(std::move(given));
      EXPECT_FALSE(co_await move_on_after(500ms, of_kept.next()));
      EXPECT_FALSE(co_await move_on_after(500ms, of_given.next()));
    }
    co_await sleep(2s);
    EXPECT_EQ(ended, 2);
  });
}

TEST(AsCompleted, RefusesASecondTaskThatAsks) {
  testing::run([]() -> Task<> {
    auto completions = as_completed(after_seconds(1, 2));
    Future<void> first = spawn([&]() -> Task<> { EXPECT_EQ(co_await *co_await completions.next(), 1); });
    co_await turns(2);
    EXPECT_THROW(co_await completions.next(), std::logic_error);
    co_await first;
    EXPECT_EQ(co_await *co_await completions.next(), 2);
  });
}

TEST(AsCompleted, GivesATasksFutureThatTheAskerMayKeep) {
  testing::run([]() -> Task<> {
    auto futures = spawned_after_seconds(1, 2);
    Future<int> kept;
    {
      auto completions = as_completed(futures);
      kept = std::move(*co_await completions.next());
    }
    EXPECT_FALSE(futures[0].valid());
    EXPECT_EQ(co_await kept, 1);
  });
}

TEST(AsCompleted, IsALoopInAPlainThread) {
  testing::VirtualTime time;
  std::vector<Future<int>> futures;
  for (const int s : {3, 1, 2}) {
    futures.push_back(spawn_thread([s] {
      sleep_for(std::chrono::seconds(s));
      return s;
    }));
  }
  std::string order;
  for (auto& f : plait::as_completed(futures)) order += std::to_string(f.result());
  EXPECT_EQ(order, "123");
  EXPECT_EQ(time.elapsed(), 3s);
  order.clear();
  for (auto& f : plait::as_completed(std::as_const(futures))) order += std::to_string(f.result());
  EXPECT_EQ(order, "312");  // all done: the order of the range
  for (auto& f : plait::as_completed(std::move(futures))) order += std::to_string(std::move(f).result());
  EXPECT_EQ(order, "312312");
  for (auto& f : plait::as_completed(std::vector<Future<int>>())) FAIL() << f.done();
}

TEST(AsCompleted, TimesOutInAPlainThread) {
  testing::VirtualTime time;
  std::vector<Future<void>> futures;
  futures.push_back(spawn_thread([] { sleep_for(1s); }));
  futures.push_back(spawn_thread([] { sleep_for(1h); }));
  int done = 0;
  std::string text;
  try {
    for (auto& f : plait::as_completed({.timeout = 5s}, futures)) done += f.done();
  } catch (const TimeoutError& e) {
    text = e.what();
  }
  EXPECT_EQ(done, 1);
  EXPECT_EQ(text, "as_completed(): 1 (of 2) futures unfinished");
  EXPECT_EQ(time.elapsed(), 5s);
  EXPECT_FALSE(futures[1].done());  // it goes on
  futures[1].cancel();
  EXPECT_THROW(futures[1].result(), Cancelled);
}

TEST(AsCompleted, EndsInAPlainThreadThatIsCancelledAndPassesNothingOver) {
  testing::VirtualTime time;
  std::vector<Promise<int>> promises(2);
  auto futures = of_promises(promises);
  auto completions = as_completed(futures);
  Future<void> looping = spawn_thread([&] {
    for (auto& f : completions) ADD_FAILURE() << f.done();
  });
  sleep_for(1s);
  looping.cancel();
  EXPECT_THROW(looping.result(), Cancelled);
  EXPECT_EQ(completions.left(), 2u);
  promises[1].set_value(7);
  EXPECT_EQ(sync_wait(completions.next()), &futures[1]);
  promises[0].set_value(8);
}

TEST(AsCompleted, RefusesToBlockALoopEvenWhenNothingIsLeft) {
  run([]() -> Task<> {
    std::vector<Future<int>> none;
    auto completions = as_completed(none);
    std::string text;
    try {
      static_cast<void>(completions.begin());
    } catch (const std::logic_error& e) {
      text = e.what();
    }
    EXPECT_NE(text.find("co_await completions.next()"), std::string::npos) << text;
    co_await yield_now();
  });
}

TEST(AsCompleted, TakesAnyRangeWhoseFuturesLiveElsewhereAndGivesEachOnce) {
  std::vector<Promise<int>> promises(3);
  auto futures = of_promises(promises);
  for (int i = 0; i < 3; ++i) promises[i].set_value(i + 1);
  int sum = 0;
  for (auto& f : plait::as_completed(futures | std::views::take(2))) sum += f.result();
  EXPECT_EQ(sum, 3);
  const int places[] = {0, 2, 0, 2, 2};
  auto twice = places | std::views::transform([&](int i) -> Future<int>& { return futures[i]; });
  std::string order;
  for (auto& f : plait::as_completed(twice)) order += std::to_string(f.result());
  EXPECT_EQ(order, "13");
}

TEST(AsCompleted, RunsInAThreadWithTasks) {
  testing::VirtualTime time;
  const auto first = []() -> Task<int> {
    auto completions = as_completed(after_seconds(2, 1));
    co_return co_await *co_await completions.next();
  };
  EXPECT_EQ(sync_wait(first()), 1);
  EXPECT_EQ(time.elapsed(), 1s);
}

TEST(AsCompleted, WatchesAThousandFuturesFromALoopAndAThreadAtOnceWhileTwoOthersCompleteThem) {
  for (int round = 0; round < test::rounds(30); ++round) {
    std::vector<Promise<int>> promises(1000);
    const auto futures = of_promises(promises);
    std::atomic<long> sums{0};
    const auto in_a_loop = [&] {
      run([&]() -> Task<> {
        auto completions = as_completed(futures);
        long sum = 0;
        while (auto* f = co_await completions.next()) sum += co_await *f;
        sums += sum;
      });
    };
    const auto in_a_thread = [&] {
      long sum = 0;
      for (auto& f : plait::as_completed(futures)) sum += f.result();
      sums += sum;
    };
    const auto completer = [&](std::size_t from) {
      for (std::size_t i = from; i < promises.size(); i += 2) promises[i].set_value(static_cast<int>(i));
    };
    const auto completing_loop = [&] {
      run([&]() -> Task<> {
        completer(1);
        co_await yield_now();
      });
    };
    std::thread threads[] = {std::thread(in_a_loop), std::thread(in_a_loop), std::thread(in_a_thread),
                             std::thread(completing_loop)};
    completer(0);
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(sums, 3 * 999 * 500);
  }
}

TEST(AsCompleted, MayDieWhileThreadsComplete) {
  for (int round = 0; round < test::rounds(400); ++round) {
    std::vector<Promise<int>> promises(8);
    auto futures = of_promises(promises);
    std::thread completer([&] {
      for (Promise<int>& promise : promises) promise.set_value(1);
    });
    if (round % 2) {
      auto completions = as_completed(futures);
      auto at = completions.begin();
      for (int i = 0; i < round % 5; ++i) ++at;
    } else {
      run([&]() -> Task<> {
        auto completions = as_completed(futures);
        for (int i = 0; i < round % 5; ++i) co_await completions.next();
      });
    }
    completer.join();
  }
}

TEST(AsCompleted, LosesNothingWhenTheAskerIsCancelledWhileThreadsComplete) {  // [W3], [W10]
  for (int round = 0; round < test::rounds(400); ++round) {
    std::vector<Promise<int>> promises(3);
    auto futures = of_promises(promises);
    auto completions = as_completed(futures);
    std::atomic<int> given{0};
    Future<void> asker = spawn_thread([&] {
      if (round % 4 < 2) {
        for (auto& f : completions) given += f.done();
      } else {
        run([&]() -> Task<> {
          while (co_await completions.next()) ++given;
        });
      }
    });
    std::thread completer([&] {
      for (Promise<int>& promise : promises) promise.set_value(1);
    });
    if (round % 2) std::this_thread::yield();
    asker.cancel();
    while (!asker.wait_for(1h)) {
    }
    completer.join();
    while (sync_wait(completions.next())) ++given;
    EXPECT_EQ(given, 3);
  }
}

TEST(AsCompletedDeathTest, StopsTheProgramWhenAFutureIsDestroyedWhileItIsWatched) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto misuse = [] {
    Promise<int> promise("job");
    auto futures = std::make_unique<std::vector<Future<int>>>();
    futures->push_back(promise.future());
    auto completions = as_completed(*futures);
    futures.reset();
  };
  EXPECT_DEATH(misuse(), "the Future of \"job\" was destroyed while 1 strand\\(s\\) await it");
}

TEST(AsCompleted, LeavesNoTaskBehindWhereverItIsCancelled) {
  int live = 0;
  // Out here: the tasks are cancelled with the body, and end after it.
  const auto one = [&](Duration span) -> Task<int> {
    Live here(live);
    co_await sleep(span);
    co_return 1;
  };
  testing::cancel_everywhere(
      [&]() -> Task<int> {
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 3; ++i) tasks.push_back(one(std::chrono::seconds(1 + i % 2)));
        auto completions = as_completed({.timeout = 1h}, std::move(tasks));
        int sum = 0;
        while (auto* f = co_await completions.next()) sum += co_await *f;
        co_return sum;
      },
      [&](const testing::CancelPoint& point) { EXPECT_EQ(live, 0) << point.text(); });
}

TEST(AsCompleted, GivesEachOnceWhereverTheAskerIsCancelled) {
  int given = 0, left = 0;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        given = left = 0;
        std::vector<Future<int>> futures = spawned_after_seconds(1, 1, 2);
        auto completions = as_completed(futures);
        const auto some = [&]() -> Task<> {
          while (co_await completions.next()) ++given;
        };
        const auto rest = [&]() -> Task<> {
          while (co_await completions.next()) ++left;
        };
        co_await finally(some, rest);
      },
      [&](const testing::CancelPoint& point) { EXPECT_EQ(given + left, 3) << point.text(); });
}

}  // namespace
}  // namespace plait
