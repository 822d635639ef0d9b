// SPDX-License-Identifier: BSL-1.0
//
// What the thread half of CPython's test_concurrent_futures asks of Future, wait and as_completed: test_future.py,
// test_wait.py, test_as_completed.py. Each test names its source there.
#include <gtest/gtest.h>

#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::Unretrieved;
using Places = std::vector<std::size_t>;

Future<int> with_value(int value) {
  Promise<int> promise;
  Future<int> future = promise.future();
  promise.set_value(value);
  return future;
}

Future<int> with_error(std::exception_ptr error) {
  Promise<int> promise;
  Future<int> future = promise.future();
  promise.set_error(std::move(error));
  return future;
}
Future<int> failed() { return with_error(std::make_exception_ptr(std::runtime_error("test"))); }
Future<int> cancelled() { return with_error(std::make_exception_ptr(Cancelled())); }

/// Done at once: cancelled, failed, with a value.
std::vector<Future<int>> three_that_are_done() {
  std::vector<Future<int>> futures;
  futures.push_back(cancelled());
  futures.push_back(failed());
  futures.push_back(with_value(42));
  EXPECT_TRUE(futures[1].exception());
  return futures;
}

/// As a callback sees it.
struct Seen {
  int value = 0;
  bool cancelled = false;
  std::string error;
};
void note_in(Seen& seen, const Future<int>& future) {
  future.add_done_callback([&seen](const Outcome<int>& outcome) {
    seen.cancelled = outcome.cancelled();
    if (const auto error = outcome.exception()) {
      seen.error = describe(error);
    } else {
      seen.value = outcome.result();
    }
  });
}

// test_future.py: test_done_callback_with_result, test_done_callback_with_exception, test_done_callback_with_cancel.
TEST(Futures, CallbacksSeeTheResultTheErrorAndTheCancel) {
  Promise<int> succeeds, fails, is_cancelled;
  is_cancelled.on_cancel([&] { is_cancelled.set_error(std::make_exception_ptr(Cancelled())); });
  Future<int> a = succeeds.future(), b = fails.future(), c = is_cancelled.future();
  Seen of_a, of_b, of_c;
  note_in(of_a, a);
  note_in(of_b, b);
  note_in(of_c, c);
  succeeds.set_value(5);
  fails.set_error(std::make_exception_ptr(std::runtime_error("test")));
  EXPECT_EQ(of_a.value, 5);
  EXPECT_NE(of_b.error.find("test"), std::string::npos);
  EXPECT_FALSE(of_b.cancelled);
  EXPECT_FALSE(of_c.cancelled);
  c.cancel();
  EXPECT_TRUE(of_c.cancelled);
}

// test_future.py: test_done_callback_already_successful, test_done_callback_already_failed,
// test_done_callback_already_cancelled.
TEST(Futures, CallbacksAreCalledAtOnceWhenAFutureIsDone) {
  const Future<int> a = with_value(5), b = failed(), c = cancelled();
  Seen of_a, of_b, of_c;
  note_in(of_a, a);
  note_in(of_b, b);
  note_in(of_c, c);
  EXPECT_EQ(of_a.value, 5);
  EXPECT_NE(of_b.error.find("test"), std::string::npos);
  EXPECT_TRUE(of_c.cancelled);
}

// test_future.py: test_done_callback_raises, test_done_callback_raises_already_succeeded.
TEST(Futures, ACallbackThatThrowsIsReportedAndStopsNoOther) {
  const Unretrieved unretrieved;
  Promise<int> promise;
  Future<int> f = promise.future();
  bool called = false;
  const auto throws = [] { throw std::runtime_error("doh!"); };
  f.add_done_callback(throws);
  f.add_done_callback([&] { called = true; });
  promise.set_value(5);
  EXPECT_TRUE(called);
  EXPECT_EQ(unretrieved.seen().size(), 1u);
  f.add_done_callback(throws);
  ASSERT_EQ(unretrieved.seen().size(), 2u);
  EXPECT_NE(unretrieved.seen()[1].find("doh!"), std::string::npos);
}

// test_future.py: test_cancelled, test_done, test_cancel: but a cancel of what runs is delivered, and gives nothing.
TEST(Futures, KnowHowTheyEndedAndACancelAfterTheEndChangesNothing) {
  Promise<int> promise;
  Future<int> pending = promise.future(), a = with_value(5), b = failed(), c = cancelled();
  EXPECT_FALSE(pending.done() || pending.cancelled());
  for (Future<int>* f : {&a, &b, &c}) {
    f->cancel();
    EXPECT_TRUE(f->done());
  }
  EXPECT_TRUE(c.cancelled());
  EXPECT_FALSE(a.cancelled() || b.cancelled());
  EXPECT_EQ(a.result(), 5);
  EXPECT_THROW(b.result(), std::runtime_error);
  promise.set_value(1);
}

// test_future.py: test_result_with_timeout, test_exception_with_timeout.
TEST(Futures, GiveWhatThereIsWithinNoTime) {
  Promise<int> promise;
  Future<int> pending = promise.future();
  const Future<int> a = with_value(42), b = failed(), c = cancelled();
  EXPECT_THROW(pending.result_for(0s), TimeoutError);
  EXPECT_THROW(c.result_for(0s), Cancelled);
  EXPECT_THROW(b.result_for(0s), std::runtime_error);
  EXPECT_EQ(a.result_for(0s), 42);
  EXPECT_FALSE(pending.wait_for(0s));
  EXPECT_TRUE(b.wait_for(0s) && b.exception());
  EXPECT_TRUE(a.wait_for(0s) && !a.exception());
  promise.set_value(1);
}

// test_future.py: test_result_with_success, test_result_with_cancel, test_exception_with_success.
TEST(Futures, AreWaitedForUntilAnotherThreadEndsThem) {
  testing::VirtualTime time;
  for (const int how : {0, 1, 2}) {
    Promise<int> promise;
    promise.on_cancel([&] { promise.set_error(std::make_exception_ptr(Cancelled())); });
    Future<int> f = promise.future();
    Thread other([&] {
      sleep_for(1s);
      if (how == 0) promise.set_value(42);
      if (how == 1) f.cancel();
      if (how == 2) promise.set_error(std::make_exception_ptr(std::runtime_error("x")));
    });
    other.start();
    if (how == 0) {
      EXPECT_EQ(f.result_for(5s), 42);
    }
    if (how == 1) {
      EXPECT_THROW(f.result_for(5s), Cancelled);
    }
    if (how == 2) {
      EXPECT_TRUE(f.wait_for(5s) && f.exception());
    }
    other.join();
    EXPECT_EQ(time.elapsed(), std::chrono::seconds(how + 1));
  }
}

// concurrent.futures, Future.result: the work goes on when the time is up.
TEST(Futures, AreNotCancelledByAResultThatTimesOut) {
  testing::VirtualTime time;
  Future<int> f = spawn_thread([] {
    sleep_for(2s);
    return 7;
  });
  EXPECT_THROW(f.result_for(1s), TimeoutError);
  EXPECT_EQ(f.result(), 7);
  EXPECT_EQ(time.elapsed(), 2s);
}

// test_future.py: test_multiple_set_result, test_multiple_set_exception.
TEST(Futures, KeepTheirFirstResult) {
  Promise<int> a, b;
  Future<int> of_a = a.future(), of_b = b.future();
  a.set_value(1);
  EXPECT_THROW(a.set_value(2), std::logic_error);
  b.set_error(std::make_exception_ptr(std::runtime_error("first")));
  EXPECT_THROW(b.set_error(std::make_exception_ptr(std::runtime_error("second"))), std::logic_error);
  EXPECT_EQ(of_a.result(), 1);
  EXPECT_NE(describe(of_b.exception()).find("first"), std::string::npos);
}

// test_wait.py: test_20369; but places are given, and both are done.
TEST(WaitConformance, TakesOneFutureTwice) {
  Future<int> f = spawn_thread([] { return 2; });
  const Waited waited = sync_wait(wait(f, f));
  EXPECT_EQ(waited.done.size(), 2u);
  EXPECT_TRUE(waited.pending.empty());
}

// test_wait.py: test_first_completed, test_first_completed_some_already_completed. What is cancelled is done: there is
// no state between.
TEST(WaitConformance, EndsAtTheFirstAndGivesAllThatAreDone) {
  testing::VirtualTime time;
  Event event;
  Future<int> soon = spawn_thread([] { return 42; });
  Future<void> later = spawn_thread([&] { sync_wait(event.wait()); });
  Waited waited = sync_wait(wait({.until = Until::first_completed}, soon, later));
  EXPECT_EQ(waited.done, Places{0});
  EXPECT_EQ(waited.pending, Places{1});
  Future<int> a = cancelled(), b = with_value(1);
  waited = sync_wait(wait({.until = Until::first_completed}, a, b, later));
  EXPECT_EQ(waited.done, (Places{0, 1}));
  EXPECT_EQ(waited.pending, Places{2});
  event.set();
  later.result();
}

// test_wait.py: test_first_exception, test_first_exception_some_already_complete,
// test_first_exception_one_already_failed.
TEST(WaitConformance, EndsAtTheFirstErrorWhichACancelIsNot) {
  testing::VirtualTime time;
  Event fail, end;
  Future<int> first = spawn_thread([] { return 42; });
  Future<void> second = spawn_thread([&] {
    sync_wait(fail.wait());
    throw std::runtime_error("this is an exception");
  });
  Future<void> third = spawn_thread([&] { sync_wait(end.wait()); });
  Thread chain([&] {
    first.result();
    fail.set();
  });
  chain.start();
  Waited waited = sync_wait(wait({.until = Until::first_exception}, first, second, third));
  EXPECT_EQ(waited.done, (Places{0, 1}));
  EXPECT_EQ(waited.pending, Places{2});
  chain.join();
  Future<int> value = with_value(1), no_error = cancelled(), error = failed();
  waited = sync_wait(wait({.timeout = 1s, .until = Until::first_exception}, value, no_error, third));
  EXPECT_EQ(time.elapsed(), 1s);
  EXPECT_EQ(waited.done, (Places{0, 1}));
  waited = sync_wait(wait({.until = Until::first_exception}, value, no_error, second, third));
  EXPECT_EQ(waited.done, (Places{0, 1, 2}));
  waited = sync_wait(wait({.until = Until::first_exception}, error, third));
  EXPECT_EQ(waited.done, Places{0});
  EXPECT_EQ(waited.pending, Places{1});
  end.set();
  third.result();
  EXPECT_TRUE(second.exception() && error.exception());
}

// test_wait.py: test_all_completed, test_timeout.
TEST(WaitConformance, GivesWhatIsDoneAndNeverThrowsWhenTheTimeIsUp) {
  testing::VirtualTime time;
  Event event;
  std::vector<Future<int>> futures = three_that_are_done();
  futures.push_back(spawn_thread([&] {
    sync_wait(event.wait());
    return 1;
  }));
  Waited waited = sync_wait(wait({.timeout = 50ms}, futures));
  EXPECT_EQ(waited.done, (Places{0, 1, 2}));
  EXPECT_EQ(waited.pending, Places{3});
  EXPECT_EQ(time.elapsed(), 50ms);
  event.set();
  waited = sync_wait(wait(futures));
  EXPECT_EQ(waited.done, (Places{0, 1, 2, 3}));
  EXPECT_TRUE(waited.pending.empty());
}

// test_wait.py: test_pending_calls_race (issue 14406).
TEST(WaitConformance, MissesNoneOfAHundredThatEndAtOnce) {
  Event event;
  std::vector<Future<void>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(spawn_thread([&] { sync_wait(event.wait()); }));
  event.set();
  EXPECT_EQ(sync_wait(wait(futures)).done.size(), 100u);
}

// test_as_completed.py: test_no_timeout.
TEST(AsCompletedConformance, GivesEachHoweverItEnded) {
  std::vector<Future<int>> futures = three_that_are_done();
  futures.push_back(spawn_thread([] { return 42; }));
  futures.push_back(spawn_thread([] { return 42; }));
  Places places;
  auto completions = as_completed(futures);
  for (auto& f : completions) places.push_back(completions.index_of(f));
  ASSERT_EQ(places.size(), 5u);
  EXPECT_EQ(Places(places.begin(), places.begin() + 3), (Places{0, 1, 2}));
  EXPECT_EQ(places[3] + places[4], 7u);
}

// test_as_completed.py: test_future_times_out, test_correct_timeout_exception_msg.
TEST(AsCompletedConformance, GivesWhatIsDoneBeforeItTimesOutAndSaysHowManyAreNot) {
  testing::VirtualTime time;
  for (const Duration limit : {Duration(0s), Duration(100ms)}) {
    std::vector<Future<int>> futures = three_that_are_done();
    Promise<int> a, b;
    futures.push_back(a.future());
    futures.push_back(b.future());
    int done = 0;
    std::string text;
    try {
      for (auto& f : as_completed({.timeout = limit}, futures)) done += f.done();
    } catch (const TimeoutError& e) {
      text = e.what();
    }
    EXPECT_EQ(done, 3);
    EXPECT_NE(text.find("2 (of 5) futures unfinished"), std::string::npos) << text;
    EXPECT_EQ(time.elapsed(), limit);
    a.set_value(1);
    b.set_value(1);
  }
}

// test_as_completed.py: test_duplicate_futures (issue 20367, issue 31641).
TEST(AsCompletedConformance, GivesADuplicateOnce) {
  testing::VirtualTime time;
  Future<void> f = spawn_thread([] { sleep_for(2s); });
  auto three_times = std::views::iota(0, 3) | std::views::transform([&](int) -> Future<void>& { return f; });
  int given = 0;
  for (auto& future : as_completed(three_times)) given += future.done();
  EXPECT_EQ(given, 1);
}

// test_as_completed.py: test_free_reference_yielded_future (issue 14406).
TEST(AsCompletedConformance, LetsGoOfWhatItGave) {
  std::vector<Promise<std::shared_ptr<int>>> promises(8);
  std::vector<Future<std::shared_ptr<int>>> futures;
  for (auto& promise : promises) futures.push_back(promise.future());
  std::size_t at = 0;
  const auto end_one = [&] {
    auto value = std::make_shared<int>(static_cast<int>(at));
    std::weak_ptr<int> watched = value;
    promises[at++].set_value(std::move(value));
    return watched;
  };
  std::weak_ptr<int> watched = end_one();
  for (auto& f : as_completed(futures)) {
    EXPECT_FALSE(watched.expired());
    f = {};  // its owner lets go: nobody else holds it
    EXPECT_TRUE(watched.expired());
    if (at < promises.size()) watched = end_one();
  }
  EXPECT_EQ(at, promises.size());
}

}  // namespace
}  // namespace plait
