// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/barrier.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::rounds;
using test::turns;

/// Logs its index, or 'x' if the Barrier is broken.
Task<> meet(Barrier& barrier, std::string& log) {
  try {
    log.push_back(static_cast<char>('0' + co_await barrier.wait()));
  } catch (const BrokenBarrierError&) {
    log.push_back('x');
  }
}

TEST(Barrier, HoldsItsPartiesUntilAllHaveComeAndNumbersThem) {
  std::string log;
  testing::run([&]() -> Task<> {
    Barrier barrier(3);
    for (int round = 0; round < 2; ++round) {
      Future<void> a = spawn(meet(barrier, log)), b = spawn(meet(barrier, log));
      co_await turns(2);
      EXPECT_EQ(barrier.n_waiting(), 2u);
      log.push_back('|');
      EXPECT_EQ(co_await barrier.wait(), 2u);
      EXPECT_EQ(barrier.statistics().waiters, 0u);
      co_await a;
      co_await b;
    }
  });
  EXPECT_EQ(log, "|01|01");
}

TEST(Barrier, OfOnePartyHoldsNobody) {
  int actions = 0;
  Barrier barrier(1, [&] { ++actions; });
  EXPECT_EQ(sync_wait(barrier.wait()), 0u);
  EXPECT_EQ(sync_wait(barrier.wait()), 0u);
  EXPECT_EQ(actions, 2);
}

TEST(Barrier, RefusesToBeForNobody) { EXPECT_THROW(Barrier(0), std::logic_error); }

TEST(Barrier, CallsItsActionOnceBeforeAnybodyGoesOn) {
  std::string log;
  testing::run([&]() -> Task<> {
    Barrier barrier(2, [&] { log.push_back('!'); });
    Future<void> a = spawn(meet(barrier, log));
    co_await turns(2);
    co_await meet(barrier, log);
    co_await a;
  });
  EXPECT_EQ(log, "!10");
}

TEST(Barrier, IsBrokenByAnActionThatThrows) {
  std::string log;
  testing::run([&]() -> Task<> {
    Barrier barrier(2, [] { throw std::runtime_error("no"); });
    Future<void> a = spawn(meet(barrier, log));
    co_await turns(2);
    EXPECT_THROW(co_await barrier.wait(), std::runtime_error);
    co_await a;
    EXPECT_TRUE(barrier.broken());
    EXPECT_THROW(co_await barrier.wait(), BrokenBarrierError);
    barrier.reset();
    EXPECT_FALSE(barrier.broken());
  });
  EXPECT_EQ(log, "x");
}

TEST(Barrier, IsBrokenByAbortUntilReset) {
  std::string log;
  testing::run([&]() -> Task<> {
    Barrier barrier(2);
    Future<void> a = spawn(meet(barrier, log));
    co_await turns(2);
    barrier.abort();
    co_await a;
    co_await meet(barrier, log);
    EXPECT_TRUE(barrier.statistics().broken);
    barrier.reset();
    Future<void> b = spawn(meet(barrier, log)), c = spawn(meet(barrier, log));
    co_await b;
    co_await c;
  });
  EXPECT_EQ(log, "xx10");
}

TEST(Barrier, FreesItsWaitersWithAnErrorWhenItIsReset) {
  std::string log;
  testing::run([&]() -> Task<> {
    Barrier barrier(3);
    Future<void> a = spawn(meet(barrier, log)), b = spawn(meet(barrier, log));
    co_await turns(2);
    barrier.reset();
    EXPECT_EQ(barrier.n_waiting(), 0u);
    EXPECT_FALSE(barrier.broken());
    co_await a;
    co_await b;
  });
  EXPECT_EQ(log, "xx");
}

TEST(Barrier, LetsARoundThatIsCompleteGoOnWhateverHappens) {
  std::string log;
  testing::run([&]() -> Task<> {
    Barrier barrier(2);
    Future<void> a = spawn(meet(barrier, log));
    co_await turns(2);
    co_await barrier.wait();
    a.cancel();  // too late: all have come
    barrier.abort();
    barrier.reset();
    co_await a;
  });
  EXPECT_EQ(log, "0");
}

TEST(Barrier, IsBrokenByAPartyThatIsCancelled) {
  std::string log;
  testing::run([&]() -> Task<> {
    Barrier barrier(3);
    Future<void> a = spawn(meet(barrier, log)), b = spawn(meet(barrier, log));
    co_await turns(2);
    a.cancel();
    EXPECT_TRUE(barrier.broken());
    co_await b;
    co_await turns(1);
    EXPECT_TRUE(a.done());
  });
  EXPECT_EQ(log, "x");
}

TEST(Barrier, HoldsNobodyForEverWhereverAPartyIsCancelled) {
  std::unique_ptr<Barrier> barrier;
  std::string log;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        barrier = std::make_unique<Barrier>(2);
        Future<void> other = spawn([&]() -> Task<> {
          co_await meet(*barrier, log);
          co_await turns(1);
          co_await meet(*barrier, log);
        });
        co_await barrier->wait();
        co_await barrier->wait();
        co_await other;
      },
      [&](const testing::CancelPoint&) {
        if (barrier) {
          EXPECT_EQ(barrier->n_waiting(), 0u);
        }
        barrier.reset();
      });
  EXPECT_GT(runs, 4);
}

TEST(Barrier, IsBrokenByAThreadThatIsCancelled) {
  Barrier barrier(3);
  run([&]() -> Task<> {
    const auto body = [&] { sync_wait(barrier.wait()); };
    Future<void> a = spawn_thread(body), b = spawn_thread(body);
    while (barrier.n_waiting() < 2) co_await sleep(0s);
    a.cancel();
    EXPECT_THROW(co_await a, Cancelled);
    EXPECT_THROW(co_await b, BrokenBarrierError);
  });
}

TEST(Barrier, KeepsTasksOfTwoLoopsAndThreadsInStep) {
  constexpr std::size_t kParties = 6;
  const int n = rounds(1500);
  int phase = 0;  // plain: only the action writes it
  Barrier barrier(kParties, [&] { ++phase; });
  std::atomic<long> indices{0};
  const auto task = [&]() -> Task<> {
    for (int i = 0; i < n; ++i) {
      EXPECT_EQ(phase, 2 * i);
      indices += static_cast<long>(co_await barrier.wait());
      EXPECT_EQ(phase, 2 * i + 1);
      co_await barrier.wait();
    }
  };
  const auto loop = [&] { run([&]() -> Task<> { co_await gather(task(), task()); }); };
  const auto thread = [&] {
    for (int i = 0; i < n; ++i) {
      EXPECT_EQ(phase, 2 * i);
      indices += static_cast<long>(sync_wait(barrier.wait()));
      EXPECT_EQ(phase, 2 * i + 1);
      sync_wait(barrier.wait());
    }
  };
  std::thread strands[] = {std::thread(loop), std::thread(loop), std::thread(thread), std::thread(thread)};
  for (std::thread& t : strands) t.join();
  EXPECT_EQ(phase, 2 * n);
  EXPECT_EQ(indices, 15L * n);  // 0 + 1 + … + 5 in each round
}

TEST(Barrier, RefusesToBlockALoop) {
  Barrier barrier(1);
  run([&]() -> Task<> {
    EXPECT_THROW(sync_wait(barrier.wait()), std::logic_error);
    co_return;
  });
}

TEST(BarrierDeathTest, StopsTheProgramWhenItIsDestroyedWithWaitersAndCountsThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto barrier = std::make_unique<Barrier>(3);
                 std::string log;
                 Future<void> a = spawn(meet(*barrier, log)), b = spawn(meet(*barrier, log));
                 co_await turns(2);
                 barrier.reset();
               }),
               "a Barrier was destroyed with 2 waiter");
}

}  // namespace
}  // namespace plait
