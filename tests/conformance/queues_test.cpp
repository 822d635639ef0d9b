// SPDX-License-Identifier: BSL-1.0
// What the tests of CPython, trio and anyio ask of queues (behaviours 16 to 25 of the sixty), restated. Each test names
// its source. Where those say "in the same tick", a grant and a cancel meet here between the grant and the resumption:
// for tasks in one turn of the loop, for threads by a hook that holds the chosen one.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <optional>
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
using test::turns;

template <class T>
Task<> settled(Future<T>& future) {
  while (!future.done()) co_await yield_now();
}

/// Ends with the item, or "cancelled" or "shut down".
template <class Q>
Task<std::string> getting(Q& queue) {
  try {
    co_return std::to_string(co_await queue.get());
  } catch (const QueueShutDown&) {
    co_return "shut down";
  }
}

template <class Q>
Task<std::string> putting(Q& queue, int item) {
  try {
    co_await queue.put(item);
    co_return "put";
  } catch (const QueueShutDown&) {
    co_return "shut down";
  }
}

std::string get_in_thread(Queue<int>& queue) {
  try {
    return std::to_string(sync_wait(queue.get()));
  } catch (const QueueShutDown&) {
    return "shut down";
  }
}

std::string put_in_thread(Queue<int>& queue, int item) {
  try {
    sync_wait(queue.put(item));
    return "put";
  } catch (const QueueShutDown&) {
    return "shut down";
  }
}

template <class Condition>
void wait_until(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

/// Holds the thread that asked for it when it parks: it has queued, and does not see what becomes of it.
class HoldThread final : public detail::Hook {
 public:
  HoldThread() { detail::installed_hook.store(this, std::memory_order_release); }
  ~HoldThread() override {
    release();
    detail::installed_hook.store(nullptr, std::memory_order_release);
  }
  void reach(detail::Point point, const void*) override {
    if (point != detail::Point::park || std::this_thread::get_id() != chosen_.load() || held_) return;
    held_ = true;
    wait_until([&] { return released_.load(); });
  }
  unsigned choose(unsigned) override { return 0; }

  /// For the thread that shall be held.
  void me() { chosen_ = std::this_thread::get_id(); }
  void wait_for_it() {
    wait_until([&] { return held_.load(); });
  }
  void release() { released_ = true; }

 private:
  std::atomic<std::thread::id> chosen_{};
  std::atomic<bool> held_{false}, released_{false};
};

template <class Q>
class QueuesConformance : public ::testing::Test {};

using AllQueues = ::testing::Types<Queue<int>, LifoQueue<int>, PriorityQueue<int>>;
TYPED_TEST_SUITE(QueuesConformance, AllQueues);

// 16: test_asyncio/test_queues.py, QueuePutTests.test_get_cancel_drop_one_pending_reader
TEST(QueueConformance, DropsNothingWhenAReaderIsCancelledInTheTurnOfTwoPuts) {
  testing::run([]() -> Task<> {
    Queue<int> queue;
    auto reader = spawn(getting(queue));
    co_await turns(2);
    EXPECT_TRUE(queue.try_put(1));
    EXPECT_TRUE(queue.try_put(2));
    reader.cancel();
    EXPECT_EQ(co_await queue.get(), 1);
    EXPECT_EQ(co_await queue.get(), 2);
    co_await settled(reader);
  });
}

// 16 and 24 in a thread: the reader is held between the grant and its resumption.
TEST(QueueConformance, DropsNothingWhenAReadingThreadIsCancelledBetweenGrantAndResumption) {
  Queue<int> queue;
  HoldThread hold;
  auto reader = spawn_thread([&] {
    hold.me();
    return get_in_thread(queue);
  });
  hold.wait_for_it();
  EXPECT_EQ(queue.statistics().waiting_getters, 1u);
  EXPECT_TRUE(queue.try_put(1));  // granted
  EXPECT_TRUE(queue.try_put(2));
  EXPECT_EQ(queue.size(), 1u);
  reader.cancel();
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.try_get(), 1);
  EXPECT_EQ(queue.try_get(), 2);
  hold.release();
  EXPECT_THROW((void)reader.result(), Cancelled);
}

// 17: test_asyncio/test_queues.py, QueuePutTests.test_put_cancelled_race
TYPED_TEST(QueuesConformance, LetsTheFirstPutterInWhenTheSecondIsCancelled) {
  testing::run([]() -> Task<> {
    TypeParam queue(1);
    EXPECT_TRUE(queue.try_put(0));
    auto first = spawn(putting(queue, 1)), second = spawn(putting(queue, 2));
    co_await turns(2);
    second.cancel();
    EXPECT_EQ(queue.try_get(), 0);
    EXPECT_EQ(co_await first, "put");
    co_await settled(second);
    EXPECT_EQ(queue.try_get(), 1);
    EXPECT_EQ(queue.try_get(), std::nullopt);
  });
}

// 18: test_asyncio/test_queues.py, test_shutdown_nonempty
TYPED_TEST(QueuesConformance, DrainsAfterAGracefulShutdownWhileItsPuttersAreTurnedAway) {
  testing::run([]() -> Task<> {
    TypeParam queue(1);
    EXPECT_TRUE(queue.try_put(1));
    auto putter = spawn(putting(queue, 2));
    auto joiner = spawn([&]() -> Task<> { co_await queue.join(); });
    co_await turns(2);
    queue.shutdown();
    EXPECT_EQ(co_await putter, "shut down");
    EXPECT_THROW((void)queue.try_put(3), QueueShutDown);
    EXPECT_EQ(co_await queue.get(), 1);
    EXPECT_EQ(co_await getting(queue), "shut down");
    co_await turns(3);
    EXPECT_FALSE(joiner.done());
    queue.task_done();
    co_await joiner;
  });
}

// 18 for threads.
TEST(QueueConformance, DrainsAfterAGracefulShutdownWhileItsPuttingThreadsAreTurnedAway) {
  Queue<int> queue(1);
  EXPECT_TRUE(queue.try_put(1));
  auto putter = spawn_thread([&] { return put_in_thread(queue, 2); });
  auto joiner = spawn_thread([&] { sync_wait(queue.join()); });
  wait_until([&] { return queue.statistics().waiting_putters == 1 && queue.statistics().waiting_joiners == 1; });
  queue.shutdown();
  EXPECT_EQ(putter.result(), "shut down");
  EXPECT_EQ(get_in_thread(queue), "1");
  EXPECT_EQ(get_in_thread(queue), "shut down");
  EXPECT_FALSE(joiner.done());
  queue.task_done();
  joiner.result();
}

// 18: test_asyncio/test_queues.py, test_shutdown_empty: blocked getters are all woken.
TYPED_TEST(QueuesConformance, TellsAllWhoWaitOnAnEmptyQueueThatItIsShutDown) {
  testing::run([]() -> Task<> {
    TypeParam queue;
    auto a = spawn(getting(queue)), b = spawn(getting(queue));
    auto c = spawn([&]() -> Task<bool> {
      std::optional<int> item = co_await queue.next();
      co_return item.has_value();
    });
    co_await turns(2);
    queue.shutdown();
    queue.shutdown();  // idempotent
    EXPECT_EQ(co_await a, "shut down");
    EXPECT_EQ(co_await b, "shut down");
    EXPECT_FALSE(co_await c);
    co_await queue.join();
  });
}

// 19: test_asyncio/test_queues.py, test_shutdown_immediate_with_unfinished
TYPED_TEST(QueuesConformance, CountsWhatAnImmediateShutdownDropsAsDone) {
  testing::run([]() -> Task<> {
    TypeParam queue;
    EXPECT_TRUE(queue.try_put(1));
    EXPECT_TRUE(queue.try_put(2));
    EXPECT_TRUE(queue.try_get());
    queue.shutdown(true);
    EXPECT_EQ(queue.size(), 0u);
    EXPECT_EQ(queue.statistics().unfinished, 1u);
    auto joiner = spawn([&]() -> Task<> { co_await queue.join(); });
    co_await turns(3);
    EXPECT_FALSE(joiner.done());
    queue.task_done();
    co_await joiner;
    EXPECT_THROW(queue.task_done(), std::logic_error);
  });
}

// 19, and test_queue.py, test_shutdown_allowed_transitions: graceful, then immediate.
TYPED_TEST(QueuesConformance, MayDropLaterWhatAGracefulShutdownLeft) {
  testing::run([]() -> Task<> {
    TypeParam queue;
    EXPECT_TRUE(queue.try_put(1));
    auto joiner = spawn([&]() -> Task<> { co_await queue.join(); });
    co_await turns(2);
    queue.shutdown();
    EXPECT_EQ(queue.size(), 1u);
    queue.shutdown(true);
    co_await joiner;
    EXPECT_EQ(co_await getting(queue), "shut down");
    queue.shutdown();
    EXPECT_TRUE(queue.is_shut_down());
  });
}

// 20: test_queue.py, test_shutdown_immediate_all_methods_in_many_threads, and the same with tasks of two loops
TYPED_TEST(QueuesConformance, EndsForAllWhoUseItWhenItIsShutDownInTheMiddle) {
  for (const bool immediate : {false, true}) {
    TypeParam queue(16);
    const int n = test::rounds(1 << 14);
    std::atomic<long> put{0}, got{0};
    const auto write = [&] {
      try {
        for (int i = 0; i < n; ++i) {
          sync_wait(queue.put(i));
          if (++put == n) queue.shutdown(immediate);
        }
      } catch (const QueueShutDown&) {
      }
    };
    const auto read = [&] {
      while (sync_wait(queue.next())) {
        ++got;
        queue.task_done();
      }
    };
    const auto join = [&] { sync_wait(queue.join()); };
    const auto loop = [&] {
      run([&]() -> Task<> {
        auto writer = spawn([&]() -> Task<> {
          try {
            for (int i = 0; i < n; ++i) {
              co_await queue.put(i);
              if (++put == n) queue.shutdown(immediate);
            }
          } catch (const QueueShutDown&) {
          }
        });
        auto reader = spawn([&]() -> Task<> {
          while (co_await queue.next()) {
            ++got;
            queue.task_done();
          }
        });
        co_await writer;
        co_await reader;
        co_await queue.join();
      });
    };
    std::thread strands[] = {std::thread(write), std::thread(write), std::thread(read),
                             std::thread(read),  std::thread(read),  std::thread(join),
                             std::thread(join),  std::thread(loop),  std::thread(loop)};
    for (std::thread& t : strands) t.join();
    EXPECT_TRUE(immediate ? got <= put : got == put);
    EXPECT_EQ(queue.statistics().unfinished, 0u);
    EXPECT_TRUE(queue.empty());
  }
}

// 21: trio _tests/test_channel.py, test_channel_fairness
TYPED_TEST(QueuesConformance, GivesAnItemToWhoWaitsAndAPlaceToWhoWaitsAndToNobodyElse) {
  testing::run([]() -> Task<> {
    TypeParam queue(1);
    auto getter = spawn(getting(queue));
    co_await turns(2);
    EXPECT_TRUE(queue.try_put(1));
    EXPECT_EQ(queue.try_get(), std::nullopt);
    EXPECT_EQ(co_await getter, "1");
    EXPECT_TRUE(queue.try_put(2));
    auto putter = spawn(putting(queue, 3));
    co_await turns(2);
    EXPECT_EQ(queue.try_get(), 2);
    EXPECT_FALSE(queue.try_put(4));
    EXPECT_EQ(co_await putter, "put");
    EXPECT_EQ(queue.try_get(), 3);
  });
}

// 21 for threads.
TEST(QueueConformance, GivesAnItemToTheThreadThatWaits) {
  Queue<int> queue(1);
  HoldThread hold;
  auto getter = spawn_thread([&] {
    hold.me();
    return get_in_thread(queue);
  });
  hold.wait_for_it();
  EXPECT_TRUE(queue.try_put(1));
  EXPECT_EQ(queue.try_get(), std::nullopt);
  hold.release();
  EXPECT_EQ(getter.result(), "1");
}

// 22: trio _tests/test_channel.py, test_close_basics, as far as a queue without handles has it: states persist.
TYPED_TEST(QueuesConformance, StaysShutDown) {
  testing::run([]() -> Task<> {
    TypeParam queue;
    queue.shutdown();
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(co_await getting(queue), "shut down");
      EXPECT_EQ(co_await putting(queue, 1), "shut down");
      EXPECT_THROW((void)queue.try_get(), QueueShutDown);
      EXPECT_THROW((void)queue.try_put(1), QueueShutDown);
    }
  });
}

// 23: trio _tests/test_channel.py, test_553
TYPED_TEST(QueuesConformance, LeavesNoGhostOfAGetterThatGaveUp) {
  testing::run([]() -> Task<> {
    TypeParam queue(1);
    auto getter = spawn(getting(queue));
    co_await turns(2);
    getter.cancel();
    co_await settled(getter);
    EXPECT_EQ(queue.statistics().waiting_getters, 0u);
    EXPECT_TRUE(queue.try_put(1));
    EXPECT_EQ(queue.try_get(), 1);
  });
}

// 24: anyio tests/streams/test_memory.py, test_send_to_natively_cancelled_receiver and test_cancel_during_receive
TYPED_TEST(QueuesConformance, DeliversAnItemOrKeepsItWhenItMeetsACancel) {
  for (const bool put_first : {true, false}) {
    testing::run([&]() -> Task<> {
      TypeParam queue;
      auto getter = spawn(getting(queue));
      co_await turns(2);
      if (put_first) {
        EXPECT_TRUE(queue.try_put(1));
      }
      getter.cancel();
      if (!put_first) {
        EXPECT_TRUE(queue.try_put(1));
      }
      co_await settled(getter);
      EXPECT_EQ(queue.try_get(), 1);
    });
  }
}

// 24 across two loops: an item is put from the one while the getter of the other is cancelled.
TYPED_TEST(QueuesConformance, DeliversAnItemOrKeepsItWhenItMeetsACancelFromAnotherLoop) {
  const int n = test::rounds(3000);
  TypeParam queue;
  std::atomic<long> got{0};
  std::atomic<bool> stop{false};
  std::thread puts([&] {
    run([&]() -> Task<> {
      for (int i = 0; i < n; ++i) {
        co_await queue.put(i);
        co_await yield_now();
      }
    });
    stop = true;
  });
  run([&]() -> Task<> {
    for (int i = 0; !stop; ++i) {
      auto getter = spawn([&]() -> Task<> {
        co_await queue.get();
        ++got;
      });
      co_await turns(i % 4);
      getter.cancel();
      co_await settled(getter);
    }
  });
  puts.join();
  while (queue.try_get()) ++got;
  EXPECT_EQ(got, n);
}

// 25: anyio tests/streams/test_memory.py, test_receive_when_cancelled and test_send_when_cancelled
TYPED_TEST(QueuesConformance, DoesNothingInsideACancelledScope) {
  testing::run([]() -> Task<> {
    TypeParam queue;
    EXPECT_TRUE(queue.try_put(1));
    auto getter = spawn(getting(queue)), putter = spawn(putting(queue, 2));
    getter.cancel();
    putter.cancel();
    co_await settled(getter);
    co_await settled(putter);
    EXPECT_EQ(queue.size(), 1u);
    EXPECT_EQ(queue.try_get(), 1);
  });
}

}  // namespace
}  // namespace plait
