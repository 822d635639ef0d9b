// SPDX-License-Identifier: BSL-1.0
// Writers are alone: what an RWLock guards is read and written in tasks of two loops and in threads, and cancelled at
// random. PLAIT_STRESS_OPERATIONS sets the length, PLAIT_STRESS_SEED repeats a run's choices.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using test::turns;

/// What an RWLock guards: plain numbers, so that a lack of exclusion shows, to ThreadSanitizer too.
struct Shared {
  RWLock lock;
  long a = 0, b = 0;
  std::atomic<int> readers{0}, writers{0}, most_readers{0};
  std::atomic<long> writes{0}, reads{0};

  void enter_read() {
    const int n = ++readers;
    if (n > most_readers) most_readers = n;
    EXPECT_EQ(writers, 0);
    EXPECT_EQ(a, b);
    ++reads;
  }
  void leave_read() {
    EXPECT_EQ(a, b);
    --readers;
  }
  void enter_write() {
    EXPECT_EQ(++writers, 1);
    EXPECT_EQ(readers, 0);
    ++a;
    ++writes;
  }
  void leave_write() {
    ++b;
    --writers;
  }
};

/// One visit by a task, with a turn inside now and then.
Task<> pass(Shared& shared, bool writes, bool dawdles) {
  if (writes) {
    auto guard = co_await shared.lock.write();
    shared.enter_write();
    if (dawdles) co_await turns(1);
    shared.leave_write();
  } else {
    auto guard = co_await shared.lock.read();
    shared.enter_read();
    if (dawdles) co_await turns(1);
    shared.leave_read();
  }
}

/// One visit by a thread, in one of the ways there are.
void pass_in_thread(Shared& shared, unsigned how) {
  if (how % 4 == 0) {
    std::scoped_lock guard(shared.lock);
    shared.enter_write();
    shared.leave_write();
  } else if (how % 4 == 1) {
    auto guard = sync_wait(shared.lock.write());
    shared.enter_write();
    shared.leave_write();
  } else if (how % 4 == 2) {
    std::shared_lock guard(shared.lock);
    shared.enter_read();
    shared.leave_read();
  } else {
    auto guard = sync_wait(shared.lock.read());
    shared.enter_read();
    shared.leave_read();
  }
}

TEST(RWLockStress, KeepsWritersAloneAmongPlainThreads) {
  const int n = static_cast<int>(test::stress_operations(80'000) / 4);
  Shared shared;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < n; ++i) pass_in_thread(shared, static_cast<unsigned>(random()));
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(shared.reads + shared.writes, 4L * n);
  EXPECT_EQ(shared.a, shared.writes);
  EXPECT_TRUE(shared.lock.try_write());
}

TEST(RWLockStress, KeepsWritersAloneAmongTasksOfTwoLoopsAndThreadsWhileSomeAreCancelled) {
  const int n = static_cast<int>(test::stress_operations(48'000) / 24);
  const unsigned first = test::stress_seed();
  for (unsigned seed = first; seed < first + 3; ++seed) {
    SCOPED_TRACE(seed);
    Shared shared;
    std::atomic<long> done{0};
    const auto visitor = [&](unsigned mine) -> Task<> {
      std::mt19937 random(mine);
      for (int i = 0; i < n; ++i) {
        const bool writes = random() % 4 == 0;
        co_await pass(shared, writes, random() % 8 == 0);
        ++done;
      }
    };
    // Starts visits of which some are cancelled, before, while and after the lock is granted to them.
    const auto canceller = [&](unsigned mine) -> Task<> {
      std::mt19937 random(mine);
      for (int i = 0; i < n; ++i) {
        const bool writes = random() % 2 == 0;
        Future<void> f = spawn([&shared, writes]() -> Task<> { co_await pass(shared, writes, false); });
        co_await turns(static_cast<int>(random() % 4));
        f.cancel();
        try {
          co_await f;
          ++done;
        } catch (const Cancelled&) {
        }
      }
    };
    const auto loop = [&](unsigned mine) {
      run([&]() -> Task<> { co_await gather(visitor(mine), visitor(mine + 1), canceller(mine + 2)); });
    };
    const auto thread = [&](unsigned mine) {
      std::mt19937 random(mine);
      for (int i = 0; i < n; ++i, ++done) pass_in_thread(shared, static_cast<unsigned>(random()));
    };
    std::thread strands[] = {std::thread(loop, 10 * seed), std::thread(loop, 10 * seed + 3),
                             std::thread(thread, 10 * seed + 6), std::thread(thread, 10 * seed + 7)};
    for (std::thread& t : strands) t.join();
    EXPECT_EQ(shared.reads + shared.writes, done);
    EXPECT_EQ(shared.a, shared.writes);
    EXPECT_EQ(shared.b, shared.writes);
    EXPECT_GT(shared.most_readers, 1);
    EXPECT_TRUE(shared.lock.try_write());
  }
}

}  // namespace
}  // namespace plait
