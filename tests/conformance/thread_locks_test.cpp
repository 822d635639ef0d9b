// SPDX-License-Identifier: BSL-1.0
//
// What CPython's lock_tests.py and test_threadsignals.py ask of the primitives of plain threads, asked of ours. Each
// test names its source. Time is virtual: it passes when all threads wait. What tasks ask is in locks_test.cpp and
// conditions_test.cpp; README.md says which test is where.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::rounds;
using testing::VirtualTime;

/// A bunch of threads that run the same function.
class Bunch {
 public:
  template <class F>
  Bunch(int n, F f) {
    for (int i = 0; i < n; ++i) {
      threads_.emplace_back([this, f] {
        f();
        ++finished_;
      });
      threads_.back().start();
    }
  }
  int finished() const { return finished_; }
  void join() {
    for (Thread& thread : threads_) thread.join();
  }

 private:
  std::vector<Thread> threads_;
  std::atomic<int> finished_{0};
};

// ---- Lock and RLock ----

template <class L>
class LockInThreads : public ::testing::Test {};
using BothLocks = ::testing::Types<Lock, RLock>;
TYPED_TEST_SUITE(LockInThreads, BothLocks);

// BaseLockTests.test_try_acquire_contended; RLockTests.test_locked_with_2threads
TYPED_TEST(LockInThreads, IsNotTakenByAnotherThreadThatTries) {
  TypeParam lock;
  lock.lock();
  Bunch(1, [&] {
    EXPECT_TRUE(lock.locked());
    EXPECT_FALSE(lock.try_lock());
    EXPECT_FALSE(lock.try_lock_for(0s));
  }).join();
  lock.unlock();
  Bunch(1, [&] {
    EXPECT_TRUE(lock.try_lock());
    lock.unlock();
  }).join();
  EXPECT_FALSE(lock.locked());
}

// BaseLockTests.test_acquire_contended
TYPED_TEST(LockInThreads, IsTakenByAllWhoWaitOnceItIsReleased) {
  VirtualTime time;
  TypeParam lock;
  lock.lock();
  Bunch bunch(5, [&] {
    lock.lock();
    lock.unlock();
  });
  sleep_for(1s);
  EXPECT_EQ(lock.statistics().waiters, 5u);
  EXPECT_EQ(bunch.finished(), 0);
  lock.unlock();
  bunch.join();
  EXPECT_FALSE(lock.locked());
}

// BaseLockTests.test_with
TYPED_TEST(LockInThreads, IsFreeAfterABlockThatThrew) {
  TypeParam lock;
  const auto fails = [&] {
    auto guard = sync_wait(lock.guard());
    EXPECT_TRUE(lock.locked());
    throw std::runtime_error("in the block");
  };
  EXPECT_THROW(fails(), std::runtime_error);
  Bunch(1, [&] { const std::scoped_lock guard(lock); }).join();
}

// BaseLockTests.test_thread_leak: who only uses a lock is not listed.
TYPED_TEST(LockInThreads, MakesNoForeignThreadKnown) {
  TypeParam lock;
  const std::size_t before = active_count();
  std::vector<std::thread> foreign;
  for (int i = 0; i < 15; ++i) {
    foreign.emplace_back([&] {
      const std::scoped_lock guard(lock);
      EXPECT_EQ(active_count(), before);
    });
  }
  for (std::thread& thread : foreign) thread.join();
  EXPECT_EQ(active_count(), before);
}

// BaseLockTests.test_timeout, LockTests.test_state_after_timeout; but a negative limit is one that has passed, and one
// that is too large never does.
TYPED_TEST(LockInThreads, IsWaitedForNoLongerThanAsked) {
  VirtualTime time;
  TypeParam lock;
  EXPECT_TRUE(lock.try_lock_for(std::chrono::hours::max()));
  lock.unlock();
  EXPECT_THROW((void)lock.try_lock_for(std::chrono::duration<double>(std::nan(""))), std::logic_error);
  EXPECT_TRUE(lock.try_lock_for(5s));
  EXPECT_EQ(time.elapsed(), 0s);
  Bunch(1, [&] {
    EXPECT_FALSE(lock.try_lock_for(-100s));
    EXPECT_EQ(time.elapsed(), 0s);
    EXPECT_FALSE(lock.try_lock_for(500ms));
    EXPECT_FALSE(sync_wait(move_on_after(500ms, lock.acquire())));
    EXPECT_EQ(time.elapsed(), 1s);
  }).join();
  EXPECT_EQ(lock.statistics().waiters, 0u);
  lock.unlock();
  EXPECT_FALSE(lock.locked());
  EXPECT_TRUE(lock.try_lock());
  Bunch late(1, [&] {
    EXPECT_TRUE(lock.try_lock_for(std::chrono::hours::max()));
    lock.unlock();
  });
  sleep_for(1h);
  EXPECT_EQ(late.finished(), 0);
  lock.unlock();
  late.join();
}

// LockTests.test_reacquire, test_different_thread
TEST(LockInAThread, IsNotTakenTwiceAndAnybodyMayReleaseIt) {
  VirtualTime time;
  Lock lock;
  std::atomic<int> phase{0};
  Bunch bunch(1, [&] {
    lock.lock();
    ++phase;
    lock.lock();
    ++phase;
  });
  sleep_for(1s);
  EXPECT_EQ(phase, 1);
  lock.unlock();
  bunch.join();
  EXPECT_EQ(phase, 2);
  lock.unlock();
  lock.lock();
  lock.unlock();
}

// RLockTests.test_reacquire, test_release_unacquired, test_different_thread, test__is_owned, test_recursion_count
TEST(RLockInAThread, IsReleasedAsOftenAsItWasTakenByTheOneWhoTookIt) {
  VirtualTime time;
  RLock lock;
  EXPECT_THROW(lock.unlock(), std::logic_error);
  for (int round = 0; round < 2; ++round) {
    lock.lock();
    lock.lock();
    EXPECT_EQ(lock.statistics().depth, 2u);
    lock.unlock();
    lock.lock();
    lock.unlock();
    EXPECT_TRUE(lock.locked());
    lock.unlock();
    EXPECT_EQ(lock.statistics().depth, 0u);
    EXPECT_THROW(lock.unlock(), std::logic_error);
  }
  Event end;
  Thread other({.name = "other"}, [&] {
    lock.lock();
    sync_wait(end.wait());
    lock.unlock();
  });
  other.start();
  sleep_for(1s);
  EXPECT_EQ(lock.statistics().holder, "other");
  EXPECT_THROW(lock.unlock(), std::logic_error);
  EXPECT_EQ(lock.statistics().depth, 1u);
  end.set();
  other.join();
  EXPECT_EQ(lock.statistics().holder, "");
}

// ---- Event ----

// EventTests.test_notify
TEST(EventInThreads, WakesAllAndWhoeverComesLaterTillItIsCleared) {
  VirtualTime time;
  Event event;
  for (int round = 0; round < 2; ++round) {
    Bunch bunch(5, [&] {
      sync_wait(event.wait());
      sync_wait(event.wait());
    });
    sleep_for(1s);
    EXPECT_EQ(bunch.finished(), 0);
    event.set();
    bunch.join();
    event.clear();
  }
}

// EventTests.test_timeout
TEST(EventInThreads, IsWaitedForNoLongerThanAsked) {
  VirtualTime time;
  Event event;
  const auto waited = [&](Duration limit) { return sync_wait(move_on_after(limit, event.wait())); };
  Bunch(5, [&] {
    EXPECT_FALSE(waited(0s));
    EXPECT_FALSE(waited(500ms));
    EXPECT_EQ(time.elapsed(), 500ms);
  }).join();
  EXPECT_EQ(event.statistics().waiters, 0u);
  event.set();
  Bunch(5, [&] { EXPECT_TRUE(waited(500ms)); }).join();
  EXPECT_EQ(time.elapsed(), 500ms);
}

// ---- Condition ----

// ConditionTests.test_acquire; but its own Lock is not recursive.
TEST(ConditionInThreads, IsItsLock) {
  Lock lock;
  Condition condition(lock);
  condition.lock();
  EXPECT_FALSE(lock.try_lock());
  condition.unlock();
  EXPECT_TRUE(lock.try_lock());
  EXPECT_FALSE(condition.try_lock());
  lock.unlock();
  {
    const std::scoped_lock guard(condition);
    EXPECT_FALSE(lock.try_lock());
  }
  EXPECT_FALSE(condition.locked());
  Condition own;
  own.lock();
  EXPECT_FALSE(own.try_lock());
  own.unlock();
}

// ConditionTests.test_timeout
TEST(ConditionInThreads, IsWaitedForNoLongerThanAskedAndTheLockIsHeldAfterwards) {
  VirtualTime time;
  Condition condition;
  int inside = 0;
  Bunch(5, [&] {
    const std::scoped_lock guard(condition);
    EXPECT_FALSE(sync_wait(move_on_after(500ms, condition.wait())));
    EXPECT_EQ(++inside, 1);
    std::this_thread::yield();
    --inside;
  }).join();
  EXPECT_EQ(time.elapsed(), 500ms);
  EXPECT_EQ(condition.statistics().waiters, 0u);
  EXPECT_FALSE(condition.locked());
}

// ConditionTests.test_waitfor_timeout: notifications do not make the time longer.
TEST(ConditionInThreads, WaitsForAPredicateNoLongerThanAskedHoweverOftenItIsNotified) {
  VirtualTime time;
  Condition condition;
  int state = 0, asked = 0;
  Bunch bunch(1, [&] {
    const std::scoped_lock guard(condition);
    const auto is_four = [&] {
      ++asked;
      return state == 4;
    };
    EXPECT_FALSE(sync_wait(move_on_after(100ms, condition.wait_for(is_four))).has_value());
    EXPECT_TRUE(condition.locked());
    EXPECT_EQ(time.elapsed(), 100ms);
  });
  for (int i = 0; i < 3; ++i) {
    sleep_for(10ms);
    const std::scoped_lock guard(condition);
    ++state;
    condition.notify();
  }
  bunch.join();
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(time.elapsed(), 100ms);
}

// ---- Semaphores ----

template <class S>
class SemaphoreInThreads : public ::testing::Test {};
using BothSemaphores = ::testing::Types<Semaphore, BoundedSemaphore>;
TYPED_TEST_SUITE(SemaphoreInThreads, BothSemaphores);

// BaseSemaphoreTests.test_acquire_contended
TYPED_TEST(SemaphoreInThreads, LetsInAsManyAsThereArePermits) {
  VirtualTime time;
  TypeParam semaphore(7);
  std::atomic<int> acquired{0};
  sync_wait(semaphore.acquire());
  Bunch bunch(10, [&] {
    for (int i = 0; i < 2; ++i) {
      sync_wait(semaphore.acquire());
      ++acquired;
    }
  });
  int expected = 6;
  for (const int more : {7, 6}) {
    sleep_for(1s);
    EXPECT_EQ(acquired, expected);
    for (int i = 0; i < more; ++i) semaphore.release();
    expected += more;
  }
  sleep_for(1s);
  EXPECT_EQ(acquired, expected);
  EXPECT_FALSE(semaphore.try_acquire());
  EXPECT_EQ(bunch.finished(), 9);
  semaphore.release();
  bunch.join();
  EXPECT_EQ(acquired, 20);
}

// BaseSemaphoreTests.test_try_acquire_contended
TYPED_TEST(SemaphoreInThreads, IsNeverGivenToMoreWhoTryThanItHasPermits) {
  for (int round = 0; round < rounds(50); ++round) {
    TypeParam semaphore(4);
    sync_wait(semaphore.acquire());
    std::atomic<int> got{0};
    Bunch(5, [&] {
      got += semaphore.try_acquire();
      got += semaphore.try_acquire();
    }).join();
    EXPECT_EQ(got, 3);
  }
}

// BaseSemaphoreTests.test_acquire_timeout
TYPED_TEST(SemaphoreInThreads, IsWaitedForNoLongerThanAsked) {
  VirtualTime time;
  TypeParam semaphore(2);
  const auto acquired = [&](Duration limit) { return sync_wait(move_on_after(limit, semaphore.acquire())); };
  EXPECT_TRUE(acquired(5ms));
  EXPECT_TRUE(acquired(5ms));
  EXPECT_EQ(time.elapsed(), 0s);
  EXPECT_FALSE(acquired(5ms));
  semaphore.release();
  EXPECT_TRUE(acquired(5ms));
  EXPECT_FALSE(acquired(500ms));
  EXPECT_EQ(time.elapsed(), 505ms);
  EXPECT_EQ(semaphore.value(), 0);
  EXPECT_EQ(semaphore.statistics().waiters, 0u);
}

// BaseSemaphoreTests.test_default_value
TYPED_TEST(SemaphoreInThreads, HasOnePermitUnlessToldOtherwise) {
  VirtualTime time;
  TypeParam semaphore;
  sync_wait(semaphore.acquire());
  Bunch bunch(1, [&] {
    sync_wait(semaphore.acquire());
    semaphore.release();
  });
  sleep_for(1s);
  EXPECT_EQ(bunch.finished(), 0);
  semaphore.release();
  bunch.join();
}

// BaseSemaphoreTests.test_with
TYPED_TEST(SemaphoreInThreads, HasItsPermitsBackAfterABlockThatThrew) {
  TypeParam semaphore(2);
  const auto block = [&](bool fails) {
    auto outer = sync_wait(semaphore.guard());
    EXPECT_TRUE(semaphore.try_acquire());
    semaphore.release();
    auto inner = sync_wait(semaphore.guard());
    EXPECT_FALSE(semaphore.try_acquire());
    if (fails) throw std::runtime_error("in the block");
  };
  block(false);
  EXPECT_EQ(semaphore.value(), 2);
  EXPECT_THROW(block(true), std::runtime_error);
  EXPECT_EQ(semaphore.value(), 2);
}

// ---- Barrier ----

constexpr int kParties = 5;

// BarrierTests.test_barrier_10, test_wait_return
TEST(BarrierInThreads, IsPassedInStepTenTimesAndNumbersThoseWhoPass) {
  Barrier barrier(kParties);
  std::atomic<int> before{0}, after{0};
  std::atomic<std::size_t> sum{0};
  Bunch(kParties, [&] {
    for (int i = 0; i < 10; ++i) {
      ++before;
      EXPECT_EQ(after, i * kParties);
      sum += sync_wait(barrier.wait());
      ++after;
      EXPECT_EQ(before, (i + 1) * kParties);
      sync_wait(barrier.wait());
    }
  }).join();
  EXPECT_EQ(sum, 10u * (0 + 1 + 2 + 3 + 4));
  EXPECT_EQ(barrier.n_waiting(), 0u);
  EXPECT_FALSE(barrier.broken());
}

// BarrierTests.test_abort, test_abort_and_reset
TEST(BarrierInThreads, IsBrokenForAllByAnAbortUntilItIsReset) {
  Barrier barrier(kParties), second(kParties);
  std::atomic<int> passed{0}, broken{0}, again{0};
  Bunch(kParties, [&] {
    try {
      if (sync_wait(barrier.wait()) == kParties / 2) {
        barrier.abort();
      } else {
        sync_wait(barrier.wait());
        ++passed;
      }
    } catch (const BrokenBarrierError&) {
      ++broken;
    }
    // All have left before it is reset, and nobody comes before that.
    if (sync_wait(second.wait()) == kParties / 2) {
      EXPECT_TRUE(barrier.broken());
      barrier.reset();
    }
    sync_wait(second.wait());
    sync_wait(barrier.wait());
    ++again;
  }).join();
  EXPECT_EQ(passed, 0);
  EXPECT_EQ(broken, kParties - 1);
  EXPECT_EQ(again, kParties);
}

// BarrierTests.test_reset
TEST(BarrierInThreads, FreesThoseWhoWaitWhenItIsReset) {
  Barrier barrier(kParties);
  std::atomic<int> passed{0}, broken{0}, again{0};
  Bunch(kParties, [&] {
    if (sync_wait(barrier.wait()) == kParties / 2) {
      while (barrier.n_waiting() < kParties - 1) std::this_thread::yield();
      barrier.reset();
    } else {
      try {
        sync_wait(barrier.wait());
        ++passed;
      } catch (const BrokenBarrierError&) {
        ++broken;
      }
    }
    sync_wait(barrier.wait());
    ++again;
  }).join();
  EXPECT_EQ(passed, 0);
  EXPECT_EQ(broken, kParties - 1);
  EXPECT_EQ(again, kParties);
}

// BarrierTests.test_timeout; a time limit for all is written where they wait, so test_default_timeout is the same.
TEST(BarrierInThreads, IsBrokenForAllWhenOneIsLate) {
  VirtualTime time;
  Barrier barrier(kParties);
  std::atomic<int> late{0}, broken{0};
  Bunch(kParties, [&] {
    if (sync_wait(barrier.wait()) == kParties / 2) sleep_for(1s);
    try {
      sync_wait(timeout(500ms, barrier.wait()));
      ADD_FAILURE() << "it was passed";
    } catch (const TimeoutError&) {
      ++late;
    } catch (const BrokenBarrierError&) {
      ++broken;
    }
  }).join();
  EXPECT_GE(late, 1);
  EXPECT_GE(broken, 1);
  EXPECT_EQ(late + broken, kParties);
  EXPECT_TRUE(barrier.broken());
  EXPECT_EQ(time.elapsed(), 1s);
}

// BarrierTests.test_single_thread
TEST(BarrierInThreads, OfOnePartyIsNoWait) {
  Barrier barrier(1);
  EXPECT_EQ(sync_wait(barrier.wait()), 0u);
  EXPECT_EQ(sync_wait(barrier.wait()), 0u);
}

// ---- Signals ----

std::atomic<int> signals_handled;
void count_signal(int) { ++signals_handled; }

// test_threadsignals.py: test_lock_acquire_retries_on_signals, test_rlock_acquire_retries_on_signals,
// test_interrupted_timed_acquire; here of everything that waits, by a handler without SA_RESTART.
TEST(WaitsOfThreads, GoOnAfterASignal) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = count_signal;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  Lock lock;
  RLock rlock;
  Event event;
  Condition condition;
  Semaphore semaphore(0);
  Barrier barrier(2);
  Queue<int> queue;
  Promise<int> promise;
  Future<int> future = promise.future();
  Thread joined([&] { sync_wait(event.wait()); });
  lock.lock();
  rlock.lock();
  joined.start();
  const std::vector<std::function<void()>> waits{
      [&] {
        lock.lock();
        lock.unlock();
      },
      [&] {
        EXPECT_TRUE(lock.try_lock_for(1h));
        lock.unlock();
      },
      [&] { auto guard = sync_wait(timeout(1h, lock.guard())); },
      [&] { const std::scoped_lock guard(rlock); },
      [&] { sync_wait(event.wait()); },
      [&] { EXPECT_TRUE(sync_wait(move_on_after(1h, event.wait()))); },
      [&] {
        const std::scoped_lock guard(condition);
        sync_wait(condition.wait());
      },
      [&] { sync_wait(semaphore.acquire()); },
      [&] { sync_wait(barrier.wait()); },
      [&] { EXPECT_EQ(sync_wait(queue.get()), 3); },
      [&] { EXPECT_EQ(future.result(), 4); },
      [&] { EXPECT_EQ(future.result_for(1h), 4); },
      [&] { joined.join(); },
  };
  std::vector<Thread> threads;
  std::atomic<int> ended{0};
  for (const auto& wait : waits) {
    threads.emplace_back([&] {
      wait();
      ++ended;
    });
    threads.back().start();
  }
  for (int round = 0; round < rounds(20); ++round) {
    for (Thread& thread : threads) {
      const int handled = signals_handled;
      ASSERT_EQ(::tgkill(::getpid(), thread.native_id(), SIGUSR1), 0);
      // ThreadSanitizer calls the handler when it likes.
      for (int i = 0; i < 10'000 && signals_handled == handled; ++i) std::this_thread::yield();
    }
  }
  EXPECT_EQ(ended, 0);
  while (condition.statistics().waiters == 0) std::this_thread::yield();
  lock.unlock();
  rlock.unlock();
  event.set();
  {
    const std::scoped_lock guard(condition);
    condition.notify();
  }
  semaphore.release();
  sync_wait(barrier.wait());
  sync_wait(queue.put(3));
  promise.set_value(4);
  for (Thread& thread : threads) thread.join();
  EXPECT_EQ(ended, static_cast<int>(waits.size()));
  ::sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace plait
