// SPDX-License-Identifier: BSL-1.0
//
// `co_await thread`: the end of a Thread as a task sees it, and its error.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <semaphore>
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
using test::rounds;
using test::Unretrieved;

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const std::logic_error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

Task<> end_of(Thread& thread) { co_await thread; }

[[noreturn]] void fail() { throw std::out_of_range("far"); }

TEST(ThreadAwait, WaitsInATaskWhileTheLoopGoesOn) {
  const auto result = testing::run([]() -> Task<int> {
    Thread thread([] { sleep_for(5s); });
    thread.start();
    int ticks = 0;
    const auto ticker = [&]() -> Task<> {
      for (;; ++ticks) co_await sleep(1s);
    };
    Future<void> ticking = spawn(ticker);
    co_await thread;
    EXPECT_FALSE(thread.is_alive());
    co_await thread;  // again, at once
    ticking.cancel();
    co_return ticks;
  });
  EXPECT_EQ(result.elapsed, 5s);
  EXPECT_GE(result.value, 4);
}

TEST(ThreadAwait, WaitsForThreadLocalObjects) {
  static std::atomic<bool> destroyed;
  destroyed = false;
  struct Local {
    ~Local() {
      sleep_for(1s);
      destroyed = true;
    }
    int touched = 0;
  };
  testing::run([]() -> Task<> {
    Thread thread([] {
      thread_local Local local;
      local.touched = 1;
    });
    thread.start();
    co_await thread;
    EXPECT_TRUE(destroyed);
  });
}

TEST(ThreadAwait, ThrowsTheErrorOfTheBodyToEverybodyEachTime) {
  Unretrieved reported;
  run([]() -> Task<> {
    Thread thread(fail);
    thread.start();
    for (int i = 0; i < 2; ++i) {
      bool caught = false;
      try {
        co_await thread;
      } catch (const std::out_of_range& e) {
        caught = std::string(e.what()) == "far";
      }
      EXPECT_TRUE(caught);
    }
  });
  EXPECT_EQ(reported.seen().size(), 1u);  // by the thread, at once: nobody can know who will look
}

TEST(ThreadAwait, ThrowsTheErrorInAThreadBySyncWaitWhereJoinDoesNot) {
  Unretrieved reported;
  Thread thread(fail);
  thread.start();
  thread.join();
  EXPECT_THROW(sync_wait(thread), std::out_of_range);
  EXPECT_EQ(reported.seen(), std::vector<std::string>{"std::out_of_range: far"});
}

TEST(ThreadAwait, ThrowsCancelledIfThatEndedTheBody) {
  Unretrieved reported;
  Thread thread([] { throw Cancelled{}; });
  thread.start();
  EXPECT_THROW(sync_wait(thread), Cancelled);
  EXPECT_TRUE(reported.seen().empty());
}

TEST(ThreadAwait, ServesTasksOfTwoLoopsAndThreadsAtOnce) {
  for (int round = 0; round < rounds(100); ++round) {
    std::binary_semaphore gate(0);
    bool ran = false;
    Thread thread([&] {
      gate.acquire();
      ran = true;
    });
    thread.start();
    std::atomic<int> waiting{0}, seen{0};
    const auto loop = [&] {
      run([&]() -> Task<> {
        const auto one = [&]() -> Task<> {
          ++waiting;
          co_await thread;
          seen += ran;
        };
        co_await gather(one(), one(), one());
      });
    };
    const auto join = [&] {
      ++waiting;
      thread.join();
      seen += ran;
    };
    std::vector<std::thread> others;
    others.emplace_back(loop);
    others.emplace_back(loop);
    others.emplace_back(join);
    others.emplace_back([&] {
      ++waiting;
      sync_wait(thread);
      seen += ran;
    });
    while (waiting < (round % 2 ? 8 : 3)) std::this_thread::yield();
    gate.release();
    for (std::thread& t : others) t.join();
    EXPECT_EQ(seen, 8);
  }
}

TEST(ThreadAwait, MayBeCancelledAnywhereAndTheThreadGoesOn) {
  int ended = 0;
  const auto body = [&]() -> Task<> {
    Thread thread([&] {
      sleep_for(1s);
      ++ended;
    });
    thread.start();
    bool cancelled = false;
    try {
      co_await thread;
    } catch (const Cancelled&) {
      cancelled = true;
      EXPECT_TRUE(thread.is_alive());
    }
    const auto join = [&]() -> Task<> { co_await thread; };
    co_await shield(join());
    if (cancelled) throw Cancelled{};
  };
  int runs = 0;
  testing::cancel_everywhere(body, [&](const testing::CancelPoint&) { EXPECT_EQ(ended, ++runs); });
  EXPECT_GT(runs, 3);
}

TEST(ThreadAwait, WorksInCombinators) {
  testing::run([]() -> Task<> {
    Thread a([] { sleep_for(1s); }), b([] { sleep_for(2s); });
    a.start();
    b.start();
    EXPECT_FALSE(co_await move_on_after(500ms, a));
    const auto started = now();
    co_await gather(std::move(a), std::move(b));
    EXPECT_EQ(now() - started, 1500ms);
  });
}

TEST(ThreadAwait, OutlivesTheThreadObject) {
  Unretrieved reported;
  for (int round = 0; round < rounds(200); ++round) {
    run([&]() -> Task<> {
      std::atomic<bool> go{false};
      auto thread = std::make_unique<Thread>([&] {
        while (!go) std::this_thread::yield();
        throw std::out_of_range("far");
      });
      thread->start();
      const auto wait = [&]() -> Task<> { co_await *thread; };
      Future<void> waiting = spawn(wait);
      co_await test::turns(2);
      if (round % 2) {
        Thread moved = std::move(*thread);
        thread.reset();
        go = true;
        co_await test::turns(round % 5);
      } else {
        thread.reset();
        go = true;
      }
      bool caught = false;
      try {
        co_await waiting;
      } catch (const std::out_of_range&) {
        caught = true;
      }
      EXPECT_TRUE(caught);
    });
  }
}

TEST(ThreadAwait, IsRefusedBeforeTheStartAndInTheThreadItself) {
  run([]() -> Task<> {
    Thread thread({.name = "t"}, [] {});
    EXPECT_EQ(message_of([&] { (void)thread.operator co_await(); }), "plait: Thread \"t\": co_await before start().");
    std::string message;
    try {
      co_await thread;
    } catch (const std::logic_error& e) {
      message = e.what();
    }
    EXPECT_EQ(message, "plait: Thread \"t\": co_await before start().");
  });
  std::string by_task, by_view, by_sync_wait;
  Thread self({.name = "self"}, [&] {
    try {
      run(end_of(self));
    } catch (const std::logic_error& e) {
      by_task = e.what();
    }
    by_view = message_of([] { current_thread().join(); });
    by_sync_wait = message_of([&] { sync_wait(self); });
  });
  self.start();
  self.join();
  EXPECT_EQ(by_task, "plait: Thread \"self\": co_await of the thread by itself would never end.");
  EXPECT_EQ(by_sync_wait, by_task);
  EXPECT_EQ(by_view, "plait: Thread \"self\": join() of the thread by itself would never end.");
}

TEST(ThreadAwait, IsRefusedOnAMovedFromObject) {
  Thread thread([] {});
  Thread other = std::move(thread);
  EXPECT_EQ(message_of([&] { (void)thread.operator co_await(); }), "plait: Thread: this object was moved from.");
  EXPECT_FALSE(other.is_alive());
}

}  // namespace
}  // namespace plait
