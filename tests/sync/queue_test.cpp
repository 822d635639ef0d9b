// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
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
using test::turns;

template <class Q>
Task<> get_one(Q& queue, std::vector<int>& got) {
  got.push_back(co_await queue.get());
}

template <class Q>
Task<> put_one(Q& queue, int item) {
  co_await queue.put(item);
}

template <class T>
Task<> settled(Future<T>& future) {
  while (!future.done()) co_await yield_now();
}

TEST(Queue, GivesItemsInTheOrderInWhichTheyWerePut) {
  Queue<int> queue;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(queue.try_put(i));
  EXPECT_EQ(queue.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.try_get(), i);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.try_get(), std::nullopt);
}

TEST(Queue, KeepsItsOrderWhileItGrowsAndWraps) {
  Queue<int> queue;
  int in = 0, out = 0;
  for (int step = 1; step < 200; ++step) {
    for (int i = 0; i < step; ++i) ASSERT_TRUE(queue.try_put(in++));
    for (int i = 0; i < step / 2; ++i) ASSERT_EQ(queue.try_get(), out++);
  }
  while (out < in) ASSERT_EQ(queue.try_get(), out++);
}

TEST(Queue, HoldsNoMoreThanItsCapacity) {
  Queue<int> queue(3);
  EXPECT_EQ(queue.capacity(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.try_put(i));
  EXPECT_TRUE(queue.full());
  EXPECT_FALSE(queue.try_put(3));
  EXPECT_EQ(queue.try_get(), 0);
  EXPECT_FALSE(queue.full());
  EXPECT_TRUE(queue.try_put(3));
  EXPECT_FALSE(queue.try_put(4));
}

TEST(Queue, IsNeverFullWithoutABound) {
  Queue<int> queue(0);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(queue.try_put(i));
  EXPECT_FALSE(queue.full());
  EXPECT_EQ(queue.capacity(), 0u);
}

TEST(Queue, HoldsWhatCanOnlyBeMovedAndLeavesItToTheCallerWhenTryPutFails) {
  Queue<std::unique_ptr<int>> queue(1);
  auto item = std::make_unique<int>(1);
  EXPECT_TRUE(queue.try_put(std::move(item)));
  item = std::make_unique<int>(2);
  EXPECT_FALSE(queue.try_put(std::move(item)));
  ASSERT_TRUE(item);
  EXPECT_EQ(**queue.try_get(), 1);
  queue.shutdown();
  EXPECT_THROW((void)queue.try_put(std::move(item)), QueueShutDown);
  ASSERT_TRUE(item);
}

TEST(Queue, DestroysEachItemOnce) {
  {
    Queue<test::Counted> queue(40);
    for (int i = 0; i < 40; ++i) ASSERT_TRUE(queue.try_put(test::Counted()));
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(queue.try_get());
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(queue.try_put(test::Counted()));
    EXPECT_EQ(test::Counted::live, 40);
    run([&]() -> Task<> {
      Future<void> f = spawn([&]() -> Task<> { co_await queue.put(test::Counted()); });
      co_await turns(2);
      f.cancel();
      co_await settled(f);
    });
    EXPECT_EQ(test::Counted::live, 40);
  }
  EXPECT_EQ(test::Counted::live, 0);
}

/// Alignment beyond what new gives by itself, and neither a default constructor nor assignment.
struct alignas(128) Stiff {
  explicit Stiff(int v) : value(v) {}
  Stiff(Stiff&&) noexcept = default;
  Stiff& operator=(Stiff&&) = delete;
  const int value;
};

TEST(Queue, HoldsOveralignedItemsThatCannotBeAssigned) {
  Queue<Stiff> queue;
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(queue.try_put(Stiff(i)));
  for (int i = 0; i < 40; ++i) {
    auto item = queue.try_get();
    EXPECT_EQ(item->value, i);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*item) % 128, 0u);
  }
}

TEST(Queue, ServesGettersInTheOrderOfArrival) {
  Queue<int> queue;
  std::vector<int> got[3];
  run([&]() -> Task<> {
    auto a = spawn(get_one<Queue<int>>(queue, got[0]));
    auto b = spawn(get_one<Queue<int>>(queue, got[1]));
    auto c = spawn(get_one<Queue<int>>(queue, got[2]));
    co_await turns(2);
    EXPECT_EQ(queue.statistics().waiting_getters, 3u);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.try_put(i));
    co_await gather(settled(a), settled(b), settled(c));
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(got[i], std::vector{i});
}

TEST(Queue, ServesPuttersInTheOrderOfArrivalAndNobodyPassesThem) {
  Queue<int> queue(1);
  run([&]() -> Task<> {
    EXPECT_TRUE(queue.try_put(0));
    std::vector<Future<void>> putters;
    for (int i = 1; i <= 5; ++i) putters.push_back(spawn(put_one<Queue<int>>(queue, i)));
    co_await turns(2);
    EXPECT_EQ(queue.statistics().waiting_putters, 5u);
    for (int i = 0; i <= 5; ++i) {
      EXPECT_EQ(queue.try_get(), i);
      if (i < 5) {
        EXPECT_FALSE(queue.try_put(99));  // the place was given to the next in the same moment
      }
    }
    for (auto& f : putters) co_await f;
  });
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, GivesBackWhatACancelledGetterWasGranted) {
  Queue<int> queue;
  std::vector<int> got;
  run([&]() -> Task<> {
    auto a = spawn(get_one<Queue<int>>(queue, got));
    co_await turns(2);
    EXPECT_TRUE(queue.try_put(7));  // granted to a
    EXPECT_TRUE(queue.empty());
    a.cancel();
    EXPECT_EQ(queue.size(), 1u);
    EXPECT_EQ(queue.try_get(), 7);
    co_await settled(a);
  });
  EXPECT_TRUE(got.empty());
}

TEST(Queue, PassesWhatACancelledGetterWasGrantedOnToTheNextWhoWaits) {
  Queue<int> queue;
  std::vector<int> a_got, b_got;
  run([&]() -> Task<> {
    auto a = spawn(get_one<Queue<int>>(queue, a_got));
    auto b = spawn(get_one<Queue<int>>(queue, b_got));
    co_await turns(2);
    EXPECT_TRUE(queue.try_put(7));
    a.cancel();
    co_await b;
    co_await settled(a);
  });
  EXPECT_TRUE(a_got.empty());
  EXPECT_EQ(b_got, std::vector{7});
}

TEST(Queue, KeepsItsOrderWhateverTheOrderInWhichGrantsAreGivenBack) {
  for (const std::array<int, 3> order : {std::array{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}}) {
    Queue<int> queue(4);
    std::vector<int> got;
    run([&]() -> Task<> {
      std::vector<Future<void>> getters;
      for (int i = 0; i < 3; ++i) getters.push_back(spawn(get_one<Queue<int>>(queue, got)));
      co_await turns(2);
      for (int i = 0; i < 6; ++i) EXPECT_TRUE(queue.try_put(i));  // three are granted, three lie in it
      for (int i : order) getters[i].cancel();
      EXPECT_EQ(queue.size(), 6u);  // more than its bound, as nobody can take a put back
      EXPECT_TRUE(queue.full());
      EXPECT_FALSE(queue.try_put(99));
      for (int i = 0; i < 6; ++i) EXPECT_EQ(queue.try_get(), i);
      for (auto& f : getters) co_await settled(f);
    });
    EXPECT_TRUE(got.empty());
  }
}

TEST(Queue, ServesPuttersBehindItemsThatWereGivenBack) {
  // The ring is smaller than the bound, and given back items take the places of others.
  Queue<int> queue(20);
  std::vector<int> got;
  run([&]() -> Task<> {
    std::vector<Future<void>> strands;
    for (int i = 0; i < 20; ++i) strands.push_back(spawn(get_one<Queue<int>>(queue, got)));
    co_await turns(2);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(queue.try_put(i));
    for (auto& f : strands) f.cancel();
    for (int i = 20; i < 60; ++i) strands.push_back(spawn(put_one<Queue<int>>(queue, i)));
    co_await turns(2);
    EXPECT_EQ(queue.statistics().waiting_putters, 40u);
    for (int i = 0; i < 60; ++i) EXPECT_EQ(queue.try_get(), i);
    for (auto& f : strands) co_await settled(f);
  });
}

TEST(Queue, KeepsAnItemThatWasTakenWithoutWaitingWhenTheTaskIsCancelledBeforeItGoesOn) {
  // After 256 completions a get goes through the ready list; there a cancel finds it granted.
  Queue<int> queue;
  int taken = 0;
  run([&]() -> Task<> {
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(queue.try_put(i));
    auto f = spawn([&]() -> Task<> {
      for (;;) {
        EXPECT_EQ(co_await queue.get(), taken);
        ++taken;
      }
    });
    co_await yield_now();
    f.cancel();
    co_await settled(f);
  });
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, 1000);
  for (int i = taken; i < 1000; ++i) ASSERT_EQ(queue.try_get(), i);
}

TEST(Queue, NeitherPutsNorTakesInACancelledScope) {
  Queue<int> queue;
  EXPECT_TRUE(queue.try_put(1));
  std::vector<int> got;
  run([&]() -> Task<> {
    auto a = spawn(get_one<Queue<int>>(queue, got));
    auto b = spawn(put_one<Queue<int>>(queue, 2));
    a.cancel();
    b.cancel();
    co_await settled(a);
    co_await settled(b);
  });
  EXPECT_TRUE(got.empty());
  EXPECT_EQ(queue.size(), 1u);
}

TEST(Queue, IsIteratedUntilItIsShutDownAndDrained) {
  Queue<int> queue(2);
  int sum = 0;
  run([&]() -> Task<> {
    auto consumer = spawn([&]() -> Task<> {
      while (auto x = co_await queue.next()) sum += *x;
    });
    for (int i = 1; i <= 10; ++i) co_await queue.put(i);
    queue.shutdown();
    co_await consumer;
    EXPECT_FALSE(co_await queue.next());
    EXPECT_THROW(co_await queue.get(), QueueShutDown);
    EXPECT_THROW(co_await queue.put(1), QueueShutDown);
    EXPECT_THROW((void)queue.try_get(), QueueShutDown);
    EXPECT_TRUE(queue.is_shut_down());
  });
  EXPECT_EQ(sum, 55);
}

TEST(Queue, DropsWhatIsGivenBackAfterAnImmediateShutdown) {
  Queue<int> queue;
  std::vector<int> got;
  run([&]() -> Task<> {
    auto a = spawn(get_one<Queue<int>>(queue, got));
    co_await turns(2);
    EXPECT_TRUE(queue.try_put(7));
    EXPECT_EQ(queue.statistics().unfinished, 1u);
    queue.shutdown(true);
    a.cancel();
    co_await queue.join();  // what was given back counts as done
    co_await settled(a);
  });
  EXPECT_TRUE(queue.empty());
}

TEST(Queue, RefusesToBlockALoopAndTooManyTaskDone) {
  Queue<int> queue;
  EXPECT_TRUE(queue.try_put(1));
  run([&]() -> Task<> {
    EXPECT_THROW(sync_wait(queue.get()), std::logic_error);
    EXPECT_THROW(sync_wait(queue.put(1)), std::logic_error);
    EXPECT_THROW(sync_wait(queue.join()), std::logic_error);
    co_return;
  });
  queue.task_done();
  EXPECT_THROW(queue.task_done(), std::logic_error);
  EXPECT_EQ(queue.try_get(), 1);  // it works as before
}

TEST(Queue, CarriesEveryItemOnceBetweenTasksOfTwoLoopsAndThreads) {
  const int n = rounds(10'000);
  for (std::size_t capacity : {1u, 8u, 0u}) {
    Queue<int> queue(capacity);
    std::atomic<long> sum{0}, count{0};
    std::atomic<int> producers{4};
    const auto last = [&] {
      if (--producers == 0) queue.shutdown();
    };
    const auto loop = [&] {
      run([&]() -> Task<> {
        const auto put_all = [&]() -> Task<> {
          for (int i = 1; i <= n; ++i) co_await queue.put(i);
          last();  // before this loop has to get anything: the others may take all that there is
        };
        const auto get_all = [&]() -> Task<> {
          while (auto x = co_await queue.next()) {
            sum += *x;
            ++count;
          }
        };
        co_await gather(put_all(), get_all());
      });
    };
    const auto produce = [&] {
      for (int i = 1; i <= n; ++i) sync_wait(queue.put(i));
      last();
    };
    const auto consume = [&] {
      while (auto x = sync_wait(queue.next())) {
        sum += *x;
        ++count;
      }
    };
    std::thread strands[] = {std::thread(loop),    std::thread(loop),    std::thread(produce),
                             std::thread(produce), std::thread(consume), std::thread(consume)};
    for (std::thread& t : strands) t.join();
    EXPECT_EQ(count, 4L * n);
    EXPECT_EQ(sum, 4L * n * (n + 1) / 2);
  }
}

TEST(Queue, KeepsTheOrderOfEachProducerAndHandsOverMemory) {
  // Two producing threads, one consuming thread: of each producer the items come in order, with what they point to.
  const int n = rounds(20'000);
  Queue<std::unique_ptr<std::pair<int, int>>> queue(16);
  const auto produce = [&](int who) {
    for (int i = 0; i < n; ++i) sync_wait(queue.put(std::make_unique<std::pair<int, int>>(who, i)));
  };
  std::thread a(produce, 0), b(produce, 1);
  int next[2] = {0, 0};
  for (int i = 0; i < 2 * n; ++i) {
    auto item = sync_wait(queue.get());
    EXPECT_EQ(item->second, next[item->first]++);
  }
  a.join();
  b.join();
}

TEST(Queue, LosesNothingWhereverItsUserIsCancelled) {
  std::unique_ptr<Queue<int>> queue;
  int got = 0, put = 0;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        queue = std::make_unique<Queue<int>>(1);
        got = put = 0;
        auto producer = spawn([&]() -> Task<> {
          for (int i = 0; i < 4; ++i) {
            co_await queue->put(i);
            ++put;
          }
        });
        for (int i = 0; i < 4; ++i) {
          EXPECT_EQ(co_await queue->get(), got);
          ++got;
        }
        co_await producer;
      },
      [&](const testing::CancelPoint& point) {
        const int left = static_cast<int>(queue->size());
        // A put that happened may not have been told to its task, whose cancel it met.
        EXPECT_TRUE(got + left == put || got + left == put + 1) << point.text();
        for (int i = 0; i < left; ++i) EXPECT_EQ(queue->try_get(), got + i) << point.text();
      });
}

TEST(QueueDeathTest, StopsTheProgramWhenItIsDestroyedWithWaitersAndCountsThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto queue = std::make_unique<Queue<int>>();
                 std::vector<int> got;
                 auto a = spawn(get_one<Queue<int>>(*queue, got)), b = spawn(get_one<Queue<int>>(*queue, got));
                 co_await turns(2);
                 queue.reset();
               }),
               "a Queue was destroyed with 2 waiter.*0 in put, 2 in get, 0 in join");
}

}  // namespace
}  // namespace plait
