// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/thread_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/core/exceptions.hpp"
#include "plait/os/processors.hpp"
#include "plait/sched/gather.hpp"
#include "plait/sched/run.hpp"
#include "plait/sched/sleep.hpp"
#include "plait/sched/task_group.hpp"
#include "plait/sched/timeout.hpp"
#include "plait/sync/event.hpp"
#include "plait/sync/lock.hpp"
#include "plait/testing/virtual_time.hpp"
#include "plait/thread/spawn_thread.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

Task<long> fib(int n) {
  if (n < 2) co_return n;
  auto [a, b] = co_await gather(fib(n - 1), fib(n - 2));
  co_return a + b;
}

TEST(ThreadPool, MakesCallsAndGivesResults) {
  ThreadPool pool(2);
  Future<int> sum = pool.submit([](int a, int b) { return a + b; }, 2, 3);
  Future<std::unique_ptr<int>> moved = pool.submit([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(7));
  Future<void> fails = pool.submit([] { throw std::runtime_error("no"); });
  EXPECT_EQ(sum.result(), 5);
  EXPECT_EQ(*std::move(moved).result(), 7);
  EXPECT_THROW(fails.result(), std::runtime_error);
}

TEST(ThreadPool, RunsForkJoinOnOneWorkerAndOnMany) {
  for (const int size : {1, 2, 5}) {
    ThreadPool pool(size);
    EXPECT_EQ(pool.run(fib(20)), 6765);
  }
}

TEST(ThreadPool, ATaskHopsThereAndComesBack) {
  ThreadPool pool(2);
  plait::run([&]() -> Task<> {
    const auto here = std::this_thread::get_id();
    std::thread::id there;
    EXPECT_EQ(co_await on(pool,
                          [](std::thread::id& id) -> Task<int> {
                            id = std::this_thread::get_id();
                            co_return 3;
                          }(there)),
              3);
    EXPECT_NE(there, here);
    EXPECT_EQ(std::this_thread::get_id(), here);
    co_await pool.close();
  });
}

TEST(ThreadPool, TheFirstFailureOfAGatherCancelsTheOthers) {
  ThreadPool pool(2);
  for (int round = 0; round < 200; ++round) {
    Event never;
    const auto fails = []() -> Task<int> {
      co_await yield_now();
      throw std::runtime_error("first");
    };
    const auto waits = [](Event& event) -> Task<int> {
      co_await event.wait();
      co_return 1;
    };
    const auto both = [&]() -> Task<> {
      bool grouped = false;
      try {
        co_await gather(waits(never), fails(), waits(never));
      } catch (const ExceptionGroup& group) {
        grouped = group.size() == 1;
      }
      EXPECT_TRUE(grouped);
      co_await yield_now();  // the cancel stayed within the gather
    };
    pool.run(both());
  }
}

TEST(ThreadPool, CancelOfARunReachesChildrenWhereverTheyAre) {
  ThreadPool pool(2);
  for (int round = 0; round < 100; ++round) {
    Event never;
    std::atomic<int> waiting{0};
    const auto leaf = [&](int) -> Task<int> {
      ++waiting;
      co_await never.wait();
      co_return 1;
    };
    const auto tree = [&]() -> Task<int> {
      auto inner = [&]() -> Task<int> {
        auto [a, b] = co_await gather(leaf(1), leaf(2));
        co_return a + b;
      };
      auto [a, b, c] = co_await gather(inner(), leaf(3), inner());
      co_return a + b + c;
    };
    plait::run([&]() -> Task<> {
      Future<int> all = spawn(on(pool, tree()));
      while (waiting < 5) co_await yield_now();
      all.cancel();
      try {
        co_await all;
        ADD_FAILURE() << "not cancelled";
      } catch (const Cancelled&) {
      }
    });
  }
  plait::run([&]() -> Task<> { co_await pool.close(); });
}

TEST(ThreadPool, NestedSubmitAndWaitEndsOnOneWorker) {
  ThreadPool pool(1);
  struct Nest {
    static int call(ThreadPool& pool, int depth) {
      if (depth == 0) return 0;
      return pool.submit(&Nest::call, std::ref(pool), depth - 1).result() + 1;
    }
  };
#if defined(__SANITIZE_THREAD__)
  constexpr int depth = 3'000;  // ThreadSanitizer ends at 65,536 frames
#else
  constexpr int depth = 10'000;
#endif
  EXPECT_EQ(pool.submit(&Nest::call, std::ref(pool), depth).result(), depth);
}

TEST(ThreadPool, AFutureTellsWhetherItsCallRuns) {
  ThreadPool pool(1);
  Event begun, go;
  auto first = pool.submit([&] {
    begun.set();
    sync_wait(go.wait());
  });
  auto second = pool.submit([] {});
  auto third = pool.submit([] {});
  sync_wait(begun.wait());
  EXPECT_TRUE(first.running());
  EXPECT_FALSE(second.running());
  second.cancel();
  EXPECT_FALSE(second.running());
  go.set();
  third.result();
  EXPECT_FALSE(first.running());
  EXPECT_FALSE(third.running());
  EXPECT_THROW(static_cast<void>(Future<void>().running()), std::logic_error);
}

TEST(ThreadPool, ACallThatIsCancelledBeforeItBeginsIsNeverMade) {
  ThreadPool pool(1);
  Event begun, go;
  auto first = pool.submit([&] {
    begun.set();
    sync_wait(go.wait());
  });
  sync_wait(begun.wait());
  auto argument = std::make_shared<int>(1);
  bool made = false;
  auto second = pool.submit([&made](const std::shared_ptr<int>&) { made = true; }, argument);
  second.cancel();
  EXPECT_TRUE(second.done());
  EXPECT_THROW(second.result(), Cancelled);
  go.set();
  first.result();
  pool.shutdown();
  EXPECT_FALSE(made);
  EXPECT_EQ(argument.use_count(), 1);
}

TEST(ThreadPool, CancelReachesARunningCallAtItsNextWait) {
  ThreadPool pool(1);
  Event begun, never;
  auto call = pool.submit([&] {
    begun.set();
    sync_wait(never.wait());
  });
  sync_wait(begun.wait());
  call.cancel();
  EXPECT_THROW(call.result(), Cancelled);
  EXPECT_EQ(pool.submit([] { return 4; }).result(), 4);  // the thread is as new
}

TEST(ThreadPool, TasksSleepTimeOutAndLockThere) {
  testing::VirtualTime time;
  ThreadPool pool(2);
  Lock lock;
  int counter = 0;
  const auto worker = [&](int n) -> Task<> {
    for (int i = 0; i < 100; ++i) {
      auto held = co_await lock.guard();
      ++counter;
      if (i % 10 == 0) co_await sleep(1ms * n);
    }
  };
  const auto all = [&]() -> Task<> {
    co_await gather(worker(1), worker(2), worker(3));
    bool late = false;
    try {
      co_await timeout(10ms, sleep(1h));
    } catch (const TimeoutError&) {
      late = true;
    }
    EXPECT_TRUE(late);
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 20; ++i) group.spawn(worker, i);
      co_await group.join();
    });
  };
  pool.run(all());
  EXPECT_EQ(counter, 2300);
}

TEST(ThreadPool, TheDestructorWaitsForWhatWasSubmitted) {
  std::atomic<int> done{0};
  {
    ThreadPool pool(2);
    for (int i = 0; i < 1000; ++i) static_cast<void>(pool.submit([&] { ++done; }));
  }
  EXPECT_EQ(done, 1000);
}

TEST(ThreadPool, AnExceptionThatPassesCancelsIt) {
  Event never, begun;
  bool cancelled = false;
  try {
    ThreadPool pool(1);
    static_cast<void>(pool.submit([&] {
      begun.set();
      try {
        sync_wait(never.wait());
      } catch (const Cancelled&) {
        cancelled = true;
        throw;
      }
    }));
    sync_wait(begun.wait());
    throw std::runtime_error("leave");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(cancelled);
}

TEST(ThreadPool, ShutdownRefusesAndCancelsWhatHasNotBegun) {
  ThreadPool pool(1);
  Event begun, go;
  auto first = pool.submit([&] {
    begun.set();
    sync_wait(go.wait());
    return 1;
  });
  sync_wait(begun.wait());
  std::vector<Future<int>> rest;
  for (int i = 0; i < 10; ++i) rest.push_back(pool.submit([] { return 2; }));
  pool.shutdown({.wait = false, .cancel_futures = true});
  for (auto& future : rest) EXPECT_THROW(future.result(), Cancelled);
  EXPECT_THROW(static_cast<void>(pool.submit([] {})), std::logic_error);
  go.set();
  EXPECT_EQ(first.result(), 1);
  pool.shutdown();
  pool.shutdown();
}

TEST(ThreadPool, TenThousandComeAndGo) {
  for (int i = 0; i < 10'000; ++i) {
    ThreadPool pool(2);
    if (i % 3 == 0) continue;
    auto future = pool.submit([i] { return i; });
    if (i % 3 == 1) {
      EXPECT_EQ(future.result(), i);
    }
  }
}

// [P1] The call that the first one waits for, without giving way, has nobody but the worker that is about to sleep.
TEST(ThreadPool, NoCallWaitsWhileAWorkerSleeps) {
  ThreadPool pool(2);
  for (int round = 0; round < 5'000; ++round) {
    pool.submit([&] {
          for (int spin = 0; spin < round % 257; ++spin) {
            detail::cpu_relax();
          }
          std::atomic<bool> seen{false};
          auto other = pool.submit([&] { seen = true; });
          while (!seen) std::this_thread::yield();
          other.result();
        })
        .result();
  }
}

TEST(ThreadPoolDeathTest, DestroyedByItsOwnWorker) {
  EXPECT_DEATH(
      {
        auto* pool = new ThreadPool(1);
        pool->submit([pool] { delete pool; }).result();
      },
      "destroyed by one of its own threads");
}

TEST(ThreadPoolDeathTest, DestroyedOnALoop) {
  EXPECT_DEATH(
      {
        plait::run([]() -> Task<> {
          ThreadPool pool(1);
          pool.submit([] {});
          co_return;
        });
      },
      "destroyed on a loop's thread");
}

TEST(ThreadPool, IsAsLargeAsTheProcessorsThatMayBeUsed) {
  EXPECT_EQ(ThreadPool().size(), os::usable_processors());
  const auto size = [] { return ThreadPool().size(); };
  for (int processor = 0; processor < 10'000; ++processor) {
    const int one[] = {processor};
    try {
      EXPECT_EQ(spawn_thread({.affinity = one}, size).result(), 1);
      return;
    } catch (const std::system_error&) {  // not one of ours
    }
  }
  FAIL();
}

TEST(ThreadPool, RefusesNonsense) {
  EXPECT_THROW(ThreadPool(0), std::logic_error);
  EXPECT_THROW(ThreadPool(-1), std::logic_error);
  EXPECT_THROW(ThreadPool({.size = -3}), std::logic_error);
}

}  // namespace
}  // namespace plait
