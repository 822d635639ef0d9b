// SPDX-License-Identifier: BSL-1.0
#include "plait/sched/loop.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

TEST(LoopTest, PostsOfSeveralThreadsAllRunEachPostersInOrder) {
  constexpr int kThreads = 3, kPosts = 20000;
  std::vector<std::vector<int>> seen(kThreads);
  run([&]() -> Task<> {
    const Loop loop = Loop::current();
    int left = kThreads * kPosts;
    Promise<void> all;
    Future<void> done = all.future();
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kPosts; ++i) {
          ASSERT_TRUE(loop.post([&, t, i] {
            seen[static_cast<std::size_t>(t)].push_back(i);
            if (--left == 0) all.set_value();
          }));
        }
      });
    }
    co_await done;
    for (std::thread& thread : threads) thread.join();
  });
  for (const std::vector<int>& one : seen) {
    ASSERT_EQ(one.size(), static_cast<std::size_t>(kPosts));
    for (int i = 0; i < kPosts; ++i) ASSERT_EQ(one[static_cast<std::size_t>(i)], i);
  }
}

TEST(LoopTest, ACallbackThatPostsItselfForEverStarvesNoTask) {
  int posts = 0, turns = 0;
  struct Again {
    Loop loop;
    int* posts;
    void operator()() const {
      ++*posts;
      loop.post(*this);
    }
  };
  run([&]() -> Task<> {
    const Loop loop = Loop::current();
    loop.post(Again{loop, &posts});
    for (; turns < 20; ++turns) co_await yield_now();
  });
  EXPECT_EQ(turns, 20);
  EXPECT_GT(posts, 0);
}

TEST(LoopTest, WhatWasPostedBeforeTheEndRunsAndLaterPostsAreRefused) {
  bool ran = false;
  std::optional<Loop> kept;
  run([&]() -> Task<> {
    kept = Loop::current();
    EXPECT_TRUE(kept->post([&] { ran = true; }));
    co_return;
  });
  EXPECT_TRUE(ran);
  EXPECT_FALSE(kept->post([] { FAIL() << "ran after its run"; }));
  const auto nothing = []() -> Task<> { co_return; };
  EXPECT_THROW(static_cast<void>(kept->spawn(nothing)), std::logic_error);
  run([]() -> Task<> { co_await yield_now(); });
}

TEST(LoopTest, AThreadCallsIntoALoopAndGetsTheResultOrTheErrorBack) {
  run([]() -> Task<> {
    const Loop loop = Loop::current();
    std::string error;
    int value = 0;
    Promise<void> over;
    Future<void> done = over.future();
    std::thread thread([&] {
      const auto answer = []() -> Task<int> {
        co_await yield_now();
        co_return 42;
      };
      value = loop.spawn(answer).result();
      const auto fails = []() -> Task<int> {
        co_await yield_now();
        throw std::runtime_error("no");
      };
      try {
        static_cast<void>(loop.spawn(fails).result());
      } catch (const std::runtime_error& e) {
        error = e.what();
      }
      over.set_value();
    });
    co_await done;
    thread.join();
    EXPECT_EQ(value, 42);
    EXPECT_EQ(error, "no");
  });
}

TEST(LoopTest, AThreadCancelsWhatItSpawnedOnALoop) {
  run([]() -> Task<> {
    const Loop loop = Loop::current();
    bool cancelled = false;
    Promise<void> over;
    Future<void> done = over.future();
    std::thread thread([&] {
      const auto forever = []() -> Task<> { co_await sleep(1h); };
      Future<void> task = loop.spawn(forever);
      task.cancel();
      try {
        task.result();
      } catch (const Cancelled&) {
        cancelled = true;
      }
      over.set_value();
    });
    co_await done;
    thread.join();
    EXPECT_TRUE(cancelled);
  });
}

TEST(LoopTest, AThrowingCallbackIsReportedAndTheLoopGoesOn) {
  test::Unretrieved unretrieved;
  run([]() -> Task<> {
    Loop::current().post([] { throw std::runtime_error("callback"); });
    co_await yield_now();
    co_await yield_now();
  });
  ASSERT_EQ(unretrieved.seen(), std::vector<std::string>{"std::runtime_error: callback"});
  EXPECT_EQ(unretrieved.errors()[0].name, "a posted callback");
}

TEST(LoopTest, AFarTimerThatWasCancelledDoesNotDelayTheNextSleep) {
  run([]() -> Task<> {
    const auto forever = []() -> Task<> { co_await sleep(1h); };
    Future<void> far = spawn(forever);
    co_await sleep(1ms);
    far.cancel();
    co_await sleep(1ms);
    co_await sleep(1ms);
  });
}

TEST(LoopTest, ThereIsNoCurrentLoopInAPlainThread) { EXPECT_THROW(Loop::current(), std::logic_error); }

}  // namespace
}  // namespace plait
