// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/rw_lock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <string>
#include <thread>
#include <type_traits>
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

/// Nobody has it and nobody waits, as its own word says too.
bool is_free(RWLock& lock) {
  const RWLock::Statistics s = lock.statistics();
  return s.waiters == 0 && s.readers == 0 && !s.writing && lock.try_write();
}

/// Reads (a small letter) or writes (a capital) for one turn, and logs its coming and going.
Task<> visit(RWLock& lock, std::string& log, char mark) {
  auto guard = co_await (mark >= 'a' ? lock.read() : lock.write());
  log += {'+', mark};
  co_await yield_now();
  log += {'-', mark};
}

TEST(RWLock, IsSharedByReadersAndTakenAloneByAWriter) {
  RWLock lock;
  {
    auto a = lock.try_read(), b = lock.try_read();
    EXPECT_TRUE(a && b);
    EXPECT_FALSE(lock.try_write());
    EXPECT_EQ(lock.statistics().readers, 2u);
    EXPECT_FALSE(lock.statistics().writing);
    a.reset();
    EXPECT_FALSE(lock.try_write());
  }
  {
    auto writer = lock.try_write();
    EXPECT_TRUE(writer);
    EXPECT_TRUE(lock.statistics().writing);
    EXPECT_FALSE(lock.try_write());
    EXPECT_FALSE(lock.try_read());
  }
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, MayBeTakenByWhateverTheStandardLibraryHasForLocks) {
  RWLock a, b;
  {
    std::scoped_lock both(a, b);
    EXPECT_FALSE(a.try_lock_shared() || b.try_lock());
  }
  {
    std::shared_lock first(a), second(a, std::try_to_lock), third(a, std::defer_lock);
    third.lock();
    EXPECT_TRUE(second.owns_lock());
    EXPECT_EQ(a.statistics().readers, 3u);
    EXPECT_FALSE(std::unique_lock(a, std::try_to_lock).owns_lock());
  }
  EXPECT_TRUE(is_free(a) && is_free(b));
}

TEST(RWLock, IsHeldByItsGuardUntilTheGuardDies) {
  static_assert(!std::is_copy_constructible_v<RWLock::Guard> && std::is_nothrow_move_constructible_v<RWLock::Guard>);
  RWLock lock;
  run([&]() -> Task<> {
    {
      auto guard = co_await lock.write();
      auto moved = std::move(guard);
      EXPECT_TRUE(lock.statistics().writing);
    }
    EXPECT_TRUE(is_free(lock));
    auto reader = co_await lock.read();
    auto another = co_await lock.read();
    EXPECT_EQ(lock.statistics().readers, 2u);
  });
  {
    auto guard = sync_wait(lock.read());
    EXPECT_EQ(lock.statistics().readers, 1u);
  }
  {
    auto guard = sync_wait(lock.write());
    EXPECT_TRUE(lock.statistics().writing);
  }
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, RefusesTheReleaseOfAStranger) {
  RWLock lock;
  EXPECT_THROW(lock.unlock(), std::logic_error);
  EXPECT_THROW(lock.unlock_shared(), std::logic_error);
  {
    auto reader = lock.try_read();
    EXPECT_THROW(lock.unlock(), std::logic_error);
    EXPECT_EQ(lock.statistics().readers, 1u);
  }
  {
    auto writer = lock.try_write();
    EXPECT_THROW(lock.unlock_shared(), std::logic_error);
    EXPECT_TRUE(lock.statistics().writing);
  }
  EXPECT_TRUE(is_free(lock));  // it works as before
}

TEST(RWLock, RefusesToBlockALoopEvenWhenItIsFree) {
  RWLock lock;
  run([&]() -> Task<> {
    EXPECT_THROW(lock.lock(), std::logic_error);
    EXPECT_THROW(lock.lock_shared(), std::logic_error);
    EXPECT_THROW((void)sync_wait(lock.read()), std::logic_error);
    EXPECT_THROW((void)sync_wait(lock.write()), std::logic_error);
    EXPECT_TRUE(lock.try_lock_shared());
    lock.unlock_shared();
    co_return;
  });
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, ServesInOrderOfArrivalAndLetsConsecutiveReadersInTogether) {
  RWLock lock;
  std::string log;
  testing::run([&]() -> Task<> {
    std::vector<Future<void>> all;
    auto guard = co_await lock.write();
    for (const char mark : std::string("abCdeFG")) all.push_back(spawn(visit(lock, log, mark)));
    co_await turns(2);
    EXPECT_EQ(lock.statistics().waiters, 7u);
    {
      auto dropped = std::move(guard);
    }
    EXPECT_EQ(lock.statistics().readers, 2u);  // theirs at once, before they run
    EXPECT_EQ(lock.statistics().waiters, 5u);
    EXPECT_FALSE(lock.try_read());  // nobody barges past C
    for (Future<void>& f : all) co_await f;
  });
  EXPECT_EQ(log, "+a+b-a-b+C-C+d+e-d-e+F-F+G-G");
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, HoldsBackReadersBehindAWriterThatWaits) {
  RWLock lock;
  std::string log;
  testing::run([&]() -> Task<> {
    auto first = lock.try_read();
    Future<void> writer = spawn(visit(lock, log, 'W')), late = spawn(visit(lock, log, 'r'));
    co_await turns(3);
    EXPECT_FALSE(lock.try_read());
    EXPECT_FALSE(lock.try_lock_shared());
    EXPECT_EQ(lock.statistics().waiters, 2u);
    first.reset();
    co_await writer;
    co_await late;
  });
  EXPECT_EQ(log, "+W-W+r-r");
}

TEST(RWLock, LetsNoWriterStarveAmongReadersThatOverlapForEver) {
  RWLock lock;
  bool written = false;
  long reads = 0;
  testing::run([&]() -> Task<> {
    const auto reader = [&]() -> Task<> {
      while (!written && reads < 100'000) {
        auto guard = co_await lock.read();
        ++reads;
        co_await turns(2);
      }
    };
    Future<void> a = spawn(reader());
    co_await turns(1);
    Future<void> b = spawn(reader());  // one of the two always reads
    co_await turns(4);
    {
      auto guard = co_await lock.write();
      written = true;
    }
    co_await a;
    co_await b;
  });
  EXPECT_LT(reads, 20);
}

TEST(RWLock, LetsInACrowdOfReadersThatWaitForEachOther) {  // more than one batch
  const std::size_t n = 150;
  RWLock lock;
  Barrier barrier(n);
  std::string log;
  testing::run([&]() -> Task<> {
    auto guard = lock.try_write();
    std::vector<Future<void>> all;
    for (std::size_t i = 0; i < n; ++i) {
      all.push_back(spawn([&]() -> Task<> {
        auto reader = co_await lock.read();
        co_await barrier.wait();
      }));
    }
    co_await turns(2);
    all.push_back(spawn(visit(lock, log, 'W')));
    co_await turns(2);
    guard.reset();
    for (Future<void>& f : all) co_await f;
  });
  EXPECT_EQ(log, "+W-W");
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, LetsInTheRestOfACrowdWhenTheFirstBatchIsCancelledBeforeItRuns) {  // [W10]
  const std::size_t n = 100;
  RWLock lock;
  std::size_t read = 0;
  testing::run([&]() -> Task<> {
    auto guard = lock.try_write();
    std::vector<Future<void>> all;
    for (std::size_t i = 0; i < n; ++i) {
      all.push_back(spawn([&]() -> Task<> {
        auto reader = co_await lock.read();
        ++read;
      }));
    }
    co_await turns(2);
    guard.reset();
    EXPECT_GT(lock.statistics().waiters, 0u);
    const std::size_t batch = lock.statistics().readers;
    for (std::size_t i = 0; i < batch; ++i) all[i].cancel();
    for (std::size_t i = batch; i < n; ++i) co_await all[i];
    EXPECT_EQ(read, n - batch);
  });
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, LetsInTheRestOfACrowdBesideAReaderThatStays) {  // [W10], with nobody of the batch left to go on
  const std::size_t n = 100;
  RWLock lock;
  std::size_t read = 0;
  std::string log;
  testing::run([&]() -> Task<> {
    auto stays = lock.try_read();
    Future<void> writer = spawn(visit(lock, log, 'W'));
    std::vector<Future<void>> all;
    for (std::size_t i = 0; i < n; ++i) {
      all.push_back(spawn([&]() -> Task<> {
        auto reader = co_await lock.read();
        ++read;
      }));
    }
    co_await turns(2);
    writer.cancel();
    const std::size_t batch = lock.statistics().readers - 1;
    EXPECT_LT(batch, n);
    for (std::size_t i = 0; i < batch; ++i) all[i].cancel();
    co_await turns(5);
    EXPECT_EQ(read, n - batch);
    EXPECT_EQ(lock.statistics().waiters, 0u);
  });
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, PassesOnWhatWasGrantedToAWriterThatIsCancelledBeforeItRuns) {  // [W10]
  RWLock lock;
  std::string log;
  testing::run([&]() -> Task<> {
    auto guard = lock.try_read();
    Future<void> w = spawn(visit(lock, log, 'W')), a = spawn(visit(lock, log, 'a')), b = spawn(visit(lock, log, 'b'));
    co_await turns(2);
    guard.reset();
    EXPECT_TRUE(lock.statistics().writing);
    w.cancel();
    EXPECT_EQ(lock.statistics().readers, 2u);
    co_await a;
    co_await b;
    EXPECT_TRUE(w.done());
  });
  EXPECT_EQ(log, "+a+b-a-b");
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, PassesOnToTheWriterWhenTheLastReaderIsCancelledBeforeItRuns) {  // [W10]
  RWLock lock;
  std::string log;
  testing::run([&]() -> Task<> {
    auto guard = lock.try_write();
    Future<void> a = spawn(visit(lock, log, 'a')), b = spawn(visit(lock, log, 'b')), w = spawn(visit(lock, log, 'W'));
    co_await turns(2);
    guard.reset();
    a.cancel();
    EXPECT_FALSE(lock.statistics().writing);
    b.cancel();
    EXPECT_TRUE(lock.statistics().writing);
    co_await w;
  });
  EXPECT_EQ(log, "+W-W");
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, IsNotTheCancellersFaultWhenAStrangerReleasedItInItsPlace) {  // [W10]
  RWLock lock;
  std::string log;
  testing::run([&]() -> Task<> {
    auto guard = lock.try_read();
    Future<void> w = spawn(visit(lock, log, 'W'));
    co_await turns(2);
    guard.reset();
    lock.unlock();  // it was handed to w
    w.cancel();
    co_await turns(2);
    EXPECT_TRUE(w.done());
  });
  EXPECT_EQ(log, "");
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, LetsReadersInWhenTheWriterThatHeldThemBackIsCancelled) {
  RWLock lock;
  std::string log;
  testing::run([&]() -> Task<> {
    auto guard = lock.try_read();
    Future<void> w = spawn(visit(lock, log, 'W')), a = spawn(visit(lock, log, 'a'));
    co_await turns(2);
    w.cancel();
    EXPECT_EQ(lock.statistics().readers, 2u);
    co_await a;
    EXPECT_TRUE(lock.try_read());
  });
  EXPECT_EQ(log, "+a-a");
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, LetsReadersInWhenATimeoutTakesAwayTheWriterThatHeldThemBack) {
  RWLock lock;
  const auto result = testing::run([&]() -> Task<> {
    auto guard = co_await lock.read();
    Future<void> writer =
        spawn([&]() -> Task<> { EXPECT_THROW((void)co_await timeout(3s, lock.write()), TimeoutError); });
    co_await turns(2);
    auto reader = co_await timeout(5s, lock.read());
    EXPECT_EQ(lock.statistics().readers, 2u);
    co_await writer;
  });
  EXPECT_EQ(result.elapsed, 3s);
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, IsLeftByAThreadWhoseTimeoutPasses) {
  testing::VirtualTime time;
  RWLock lock;
  {
    auto guard = lock.try_read();
    EXPECT_THROW((void)sync_wait(timeout(2s, lock.write())), TimeoutError);
    EXPECT_EQ(time.elapsed(), 2s);
    EXPECT_EQ(lock.statistics().waiters, 0u);
  }
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, IsNotTakenInACancelledScope) {
  RWLock lock;
  std::string log;
  testing::run([&]() -> Task<> {
    Future<void> r = spawn(visit(lock, log, 'r')), w = spawn(visit(lock, log, 'W'));
    r.cancel();
    w.cancel();
    co_await turns(3);
    EXPECT_TRUE(r.done() && w.done());
  });
  EXPECT_EQ(log, "");
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, IsFreeWhereverATaskIsCancelled) {
  std::unique_ptr<RWLock> lock;
  std::string log;  // the visitors of a body that was cancelled outlive it
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        lock = std::make_unique<RWLock>();
        Future<void> w = spawn(visit(*lock, log, 'W')), a = spawn(visit(*lock, log, 'a'));
        co_await turns(1);
        {
          auto guard = co_await lock->read();
          co_await turns(1);
        }
        Future<void> b = spawn(visit(*lock, log, 'b'));
        co_await turns(1);
        {
          auto guard = co_await lock->write();
          co_await turns(1);
        }
        co_await w;
        co_await a;
        co_await b;
      },
      [&](const testing::CancelPoint&) { EXPECT_TRUE(!lock || is_free(*lock)); });
  EXPECT_GT(runs, 20);
}

TEST(RWLock, IsLeftByACancelledThreadInReadAndWriteButNotInLock) {
  RWLock lock;
  bool locked = false, shared = false;
  run([&]() -> Task<> {
    const auto waiting = [&](std::size_t n) -> Task<> {
      while (lock.statistics().waiters < n) co_await sleep(0s);
    };
    auto guard = co_await lock.write();
    Future<void> reads = spawn_thread([&] { auto mine = sync_wait(lock.read()); });
    Future<void> writes = spawn_thread([&] { auto mine = sync_wait(lock.write()); });
    co_await waiting(2);
    Future<void> locks = spawn_thread([&] {
      std::scoped_lock mine(lock);
      locked = true;
    });
    Future<void> shares = spawn_thread([&] {
      std::shared_lock mine(lock);
      shared = true;
    });
    co_await waiting(4);
    for (Future<void>* f : {&reads, &writes, &locks, &shares}) f->cancel();
    EXPECT_THROW(co_await reads, Cancelled);
    EXPECT_THROW(co_await writes, Cancelled);
    EXPECT_EQ(lock.statistics().waiters, 2u);
    {
      auto dropped = std::move(guard);
    }
    co_await locks;
    co_await shares;
  });
  EXPECT_TRUE(locked && shared);
  EXPECT_TRUE(is_free(lock));
}

TEST(RWLock, IsNotLostWhenThreadsAreCancelledWhileItIsReleased) {
  const int n = rounds(300);
  RWLock lock;
  run([&]() -> Task<> {
    for (int i = 0; i < n; ++i) {
      auto guard = lock.try_write();
      Future<void> thread = spawn_thread([&, i] { auto mine = sync_wait(i % 3 ? lock.read() : lock.write()); });
      while (i % 2 == 0 && lock.statistics().waiters == 0) co_await sleep(0s);
      guard.reset();
      thread.cancel();
      try {
        co_await thread;
      } catch (const Cancelled&) {
      }
      EXPECT_TRUE(is_free(lock));
    }
  });
}

TEST(RWLock, MayBeDestroyedByWhoeverLeavesLast) {
  // More than a batch is let in, and whoever let them in must leave the lock alone.
  const int n = rounds(100), threads = 40;
  for (int i = 0; i < n; ++i) {
    auto lock = std::make_unique<RWLock>();
    std::atomic<int> left{threads};
    lock->lock();
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t) {
      all.emplace_back([&] {
        lock->lock_shared();
        const bool last = --left == 0;
        lock->unlock_shared();
        if (last) {
          lock->lock();  // nobody comes any more; once it is alone the others have left
          lock->unlock();
          lock.reset();
        }
      });
    }
    while (lock->statistics().waiters < static_cast<std::size_t>(threads)) std::this_thread::yield();
    lock->unlock();
    for (std::thread& t : all) t.join();
    EXPECT_FALSE(lock);
  }
}

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

TEST(RWLock, KeepsWritersAloneAmongPlainThreads) {
  const int n = rounds(20'000);
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
  EXPECT_TRUE(is_free(shared.lock));
}

TEST(RWLock, KeepsWritersAloneAmongTasksOfTwoLoopsAndThreadsWhileSomeAreCancelled) {
  const int n = rounds(2000);
  for (unsigned seed = 1; seed <= 3; ++seed) {
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
    EXPECT_TRUE(is_free(shared.lock));
  }
}

TEST(RWLockDeathTest, StopsTheProgramWhenItIsDestroyedHeld) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        RWLock lock;
        lock.lock();
      },
      "an RWLock was destroyed while it was held by a writer, with 0 waiter");
}

TEST(RWLockDeathTest, StopsTheProgramWhenItIsDestroyedWithWaitersAndCountsThem) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 auto lock = std::make_unique<RWLock>();
                 std::string log;
                 auto guard = co_await lock->read();
                 Future<void> a = spawn(visit(*lock, log, 'A')), b = spawn(visit(*lock, log, 'b'));
                 co_await turns(2);
                 lock.reset();
               }),
               "an RWLock was destroyed while it was held by 1 reader.s., with 2 waiter");
}

}  // namespace
}  // namespace plait
