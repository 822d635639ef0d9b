// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/std_future.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "plait/plait.hpp"
#include "plait/thread.hpp"
#include "support/tasks.hpp"

namespace {

using namespace std::chrono_literals;
using plait::Future;
using plait::Promise;

TEST(ToStdFuture, GivesAValueThatComesLater) {
  Promise<std::unique_ptr<int>> promise;
  std::future<std::unique_ptr<int>> future = plait::to_std_future(promise.future());
  EXPECT_EQ(future.wait_for(0s), std::future_status::timeout);
  promise.set_value(std::make_unique<int>(7));
  EXPECT_EQ(future.wait_for(0s), std::future_status::ready);
  EXPECT_EQ(*future.get(), 7);
}

TEST(ToStdFuture, GivesAValueThatIsThere) {
  Promise<void> promise;
  Future<void> done = promise.future();
  promise.set_value();
  plait::to_std_future(std::move(done)).get();
}

TEST(ToStdFuture, GivesAReference) {
  int n = 0;
  EXPECT_EQ(&plait::to_std_future(plait::spawn_thread([&n]() -> int& { return n; })).get(), &n);
}

TEST(ToStdFuture, GivesTheErrorOnceAndNobodyReportsIt) {
  plait::test::Unretrieved unretrieved;
  std::future<int> future = plait::to_std_future(plait::spawn_thread([]() -> int { throw std::out_of_range("far"); }));
  EXPECT_THROW(future.get(), std::out_of_range);
  static_cast<void>(plait::to_std_future(plait::spawn_thread([]() -> int { throw std::out_of_range("far"); })));
  EXPECT_TRUE(unretrieved.seen().empty());
}

TEST(ToStdFuture, GivesWhatATaskOfALoopInAnotherThreadReturns) {
  std::promise<std::future<int>> handed_over;
  std::thread loop([&handed_over] {
    plait::run([&handed_over]() -> plait::Task<> {
      const auto body = []() -> plait::Task<int> {
        co_await plait::sleep(5ms);
        co_return 42;
      };
      Future<int> task = plait::spawn(body);
      handed_over.set_value(plait::to_std_future(std::move(task)));
      co_await plait::sleep(10ms);
    });
  });
  EXPECT_EQ(handed_over.get_future().get().get(), 42);
  loop.join();
}

TEST(ToStdFuture, RefusesAnEmptyFuture) { EXPECT_THROW(plait::to_std_future(Future<int>()), std::logic_error); }

TEST(ToStdFuture, CompletesOnceWhileManyThreadsFinish) {
  std::atomic<int> sum{0};
  std::vector<std::future<int>> futures;
  for (int i = 0; i < 200; ++i) {
    futures.push_back(plait::to_std_future(plait::spawn_thread([](int n) { return n; }, i)));
  }
  for (std::future<int>& future : futures) sum += future.get();
  EXPECT_EQ(sum, 199 * 200 / 2);
}

TEST(FromStdFuture, IsAwaitedWhileTheLoopGoesOn) {
  plait::run([]() -> plait::Task<> {
    std::promise<std::string> promise;
    const auto fulfil = [&promise]() -> plait::Task<> {
      co_await plait::yield_now();
      promise.set_value("value");
    };
    Future<void> fulfilling = plait::spawn(fulfil);
    EXPECT_EQ(co_await plait::from_std_future(promise.get_future()), "value");
    co_await fulfilling;
  });
}

TEST(FromStdFuture, GivesReferencesMoveOnlyValuesAndNothing) {
  int n = 0;
  std::promise<int&> reference;
  reference.set_value(n);
  EXPECT_EQ(&plait::sync_wait(plait::from_std_future(reference.get_future())), &n);
  std::promise<std::unique_ptr<int>> owned;
  owned.set_value(std::make_unique<int>(7));
  EXPECT_EQ(*plait::sync_wait(plait::from_std_future(owned.get_future())), 7);
  std::promise<void> nothing;
  nothing.set_value();
  plait::sync_wait(plait::from_std_future(nothing.get_future()));
}

TEST(FromStdFuture, ThrowsItsException) {
  std::promise<int> promise;
  promise.set_exception(std::make_exception_ptr(std::out_of_range("far")));
  EXPECT_THROW(plait::sync_wait(plait::from_std_future(promise.get_future())), std::out_of_range);
}

TEST(FromStdFuture, IsLeftBehindOnCancelIfAskedTo) {
  std::promise<int> promise;
  std::future<int> future = promise.get_future();
  plait::run([&future]() -> plait::Task<> {
    const auto body = [&future]() -> plait::Task<int> {
      co_return co_await plait::from_std_future(std::move(future), {.abandon_on_cancel = true});
    };
    Future<int> waiting = plait::spawn(body);
    co_await plait::yield_now();
    waiting.cancel();
    bool cancelled = false;
    try {
      co_await waiting;
    } catch (const plait::Cancelled&) {
      cancelled = true;
    }
    EXPECT_TRUE(cancelled);
  });
  promise.set_value(1);
}

}  // namespace
