// SPDX-License-Identifier: BSL-1.0
#include "plait/sync/rw_lock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
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

/// An RWLock that is free again at the end of the test.
class RWLockTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(is_free(lock)); }

  Future<void> visitor(char mark) { return spawn(visit(lock, log, mark)); }
  /// `n` tasks that read and count themselves in `read`.
  std::vector<Future<void>> crowd(std::size_t n) {
    std::vector<Future<void>> all;
    for (std::size_t i = 0; i < n; ++i) {
      all.push_back(spawn([this]() -> Task<> {
        auto reader = co_await lock.read();
        ++read;
      }));
    }
    return all;
  }

  RWLock lock;
  std::string log;
  std::size_t read = 0;
};

TEST_F(RWLockTest, IsSharedByReadersAndTakenAloneByAWriter) {
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

TEST_F(RWLockTest, IsHeldByItsGuardUntilTheGuardDies) {
  static_assert(!std::is_copy_constructible_v<RWLock::Guard> && std::is_nothrow_move_constructible_v<RWLock::Guard>);
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
}

TEST_F(RWLockTest, RefusesTheReleaseOfAStranger) {
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
}

TEST_F(RWLockTest, RefusesToBlockALoopEvenWhenItIsFree) {
  run([&]() -> Task<> {
    EXPECT_THROW(lock.lock(), std::logic_error);
    EXPECT_THROW(lock.lock_shared(), std::logic_error);
    EXPECT_THROW((void)sync_wait(lock.read()), std::logic_error);
    EXPECT_THROW((void)sync_wait(lock.write()), std::logic_error);
    EXPECT_TRUE(lock.try_lock_shared());
    lock.unlock_shared();
    co_return;
  });
}

TEST_F(RWLockTest, ServesInOrderOfArrivalAndLetsConsecutiveReadersInTogether) {
  testing::run([&]() -> Task<> {
    std::vector<Future<void>> all;
    auto guard = co_await lock.write();
    for (const char mark : std::string("abCdeFG")) all.push_back(visitor(mark));
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
}

TEST_F(RWLockTest, HoldsBackReadersBehindAWriterThatWaits) {
  testing::run([&]() -> Task<> {
    auto first = lock.try_read();
    Future<void> writer = visitor('W'), late = visitor('r');
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

TEST_F(RWLockTest, LetsNoWriterStarveAmongReadersThatOverlapForEver) {
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

TEST_F(RWLockTest, LetsInACrowdOfReadersThatWaitForEachOther) {  // more than one batch
  const std::size_t n = 150;
  Barrier barrier(n);
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
    all.push_back(visitor('W'));
    co_await turns(2);
    guard.reset();
    for (Future<void>& f : all) co_await f;
  });
  EXPECT_EQ(log, "+W-W");
}

TEST_F(RWLockTest, LetsInTheRestOfACrowdWhenTheFirstBatchIsCancelledBeforeItRuns) {  // [W10]
  const std::size_t n = 100;
  testing::run([&]() -> Task<> {
    auto guard = lock.try_write();
    std::vector<Future<void>> all = crowd(n);
    co_await turns(2);
    guard.reset();
    EXPECT_GT(lock.statistics().waiters, 0u);
    const std::size_t batch = lock.statistics().readers;
    for (std::size_t i = 0; i < batch; ++i) all[i].cancel();
    for (std::size_t i = batch; i < n; ++i) co_await all[i];
    EXPECT_EQ(read, n - batch);
  });
}

TEST_F(RWLockTest, LetsInTheRestOfACrowdBesideAReaderThatStays) {  // [W10], with nobody of the batch left to go on
  const std::size_t n = 100;
  testing::run([&]() -> Task<> {
    auto stays = lock.try_read();
    Future<void> writer = visitor('W');
    std::vector<Future<void>> all = crowd(n);
    co_await turns(2);
    writer.cancel();
    const std::size_t batch = lock.statistics().readers - 1;
    EXPECT_LT(batch, n);
    for (std::size_t i = 0; i < batch; ++i) all[i].cancel();
    co_await turns(5);
    EXPECT_EQ(read, n - batch);
    EXPECT_EQ(lock.statistics().waiters, 0u);
  });
}

TEST_F(RWLockTest, PassesOnWhatWasGrantedToAWriterThatIsCancelledBeforeItRuns) {  // [W10]
  testing::run([&]() -> Task<> {
    auto guard = lock.try_read();
    Future<void> w = visitor('W'), a = visitor('a'), b = visitor('b');
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
}

TEST_F(RWLockTest, PassesOnToTheWriterWhenTheLastReaderIsCancelledBeforeItRuns) {  // [W10]
  testing::run([&]() -> Task<> {
    auto guard = lock.try_write();
    Future<void> a = visitor('a'), b = visitor('b'), w = visitor('W');
    co_await turns(2);
    guard.reset();
    a.cancel();
    EXPECT_FALSE(lock.statistics().writing);
    b.cancel();
    EXPECT_TRUE(lock.statistics().writing);
    co_await w;
  });
  EXPECT_EQ(log, "+W-W");
}

TEST_F(RWLockTest, IsNotTheCancellersFaultWhenAStrangerReleasedItInItsPlace) {  // [W10]
  testing::run([&]() -> Task<> {
    auto guard = lock.try_read();
    Future<void> w = visitor('W');
    co_await turns(2);
    guard.reset();
    lock.unlock();  // it was handed to w
    w.cancel();
    co_await turns(2);
    EXPECT_TRUE(w.done());
  });
  EXPECT_EQ(log, "");
}

TEST_F(RWLockTest, LetsReadersInWhenTheWriterThatHeldThemBackIsCancelled) {
  testing::run([&]() -> Task<> {
    auto guard = lock.try_read();
    Future<void> w = visitor('W'), a = visitor('a');
    co_await turns(2);
    w.cancel();
    EXPECT_EQ(lock.statistics().readers, 2u);
    co_await a;
    EXPECT_TRUE(lock.try_read());
  });
  EXPECT_EQ(log, "+a-a");
}

TEST_F(RWLockTest, LetsReadersInWhenATimeoutTakesAwayTheWriterThatHeldThemBack) {
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
}

TEST_F(RWLockTest, IsLeftByAThreadWhoseTimeoutPasses) {
  testing::VirtualTime time;
  auto guard = lock.try_read();
  EXPECT_THROW((void)sync_wait(timeout(2s, lock.write())), TimeoutError);
  EXPECT_EQ(time.elapsed(), 2s);
  EXPECT_EQ(lock.statistics().waiters, 0u);
}

TEST_F(RWLockTest, IsNotTakenInACancelledScope) {
  testing::run([&]() -> Task<> {
    Future<void> r = visitor('r'), w = visitor('W');
    r.cancel();
    w.cancel();
    co_await turns(3);
    EXPECT_TRUE(r.done() && w.done());
  });
  EXPECT_EQ(log, "");
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

TEST_F(RWLockTest, IsLeftByACancelledThreadInReadAndWriteButNotInLock) {
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
}

TEST_F(RWLockTest, IsNotLostWhenThreadsAreCancelledWhileItIsReleased) {
  const int n = rounds(300);
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
