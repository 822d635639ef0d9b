// SPDX-License-Identifier: BSL-1.0
//
// A thread of spawn_thread is cancelled by its Future: at its next wait, or the one that it is in.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::forever;
using test::rounds;
using test::turns;

/// Starts `wait` in a thread, cancels it in the middle, and says whether it ended by Cancelled. Time is virtual, so
/// that the thread is in its wait when the cancel comes.
template <class F>
bool is_cancelled_in(F wait) {
  testing::VirtualTime time;
  Future<void> f = spawn_thread([&] { static_cast<void>(wait()); });
  sleep_for(1s);
  EXPECT_FALSE(f.done());
  f.cancel();
  try {
    f.result();
  } catch (const Cancelled&) {
    EXPECT_EQ(time.elapsed(), 1s);
    return true;
  }
  return false;
}

TEST(ThreadCancel, EndsASleep) {
  EXPECT_TRUE(is_cancelled_in([] { sleep_for(1000h); }));
  EXPECT_TRUE(is_cancelled_in([] { sync_wait(sleep(1000h)); }));
}

TEST(ThreadCancel, EndsAWaitForAFuture) {
  Promise<int> promise;
  Future<int> future = promise.future();
  EXPECT_TRUE(is_cancelled_in([&] { return future.result(); }));
  EXPECT_TRUE(is_cancelled_in([&] { return sync_wait(future); }));
  EXPECT_TRUE(is_cancelled_in([&] { return future.wait_for(1000h); }));
  promise.set_value(1);
}

TEST(ThreadCancel, EndsAWaitForAPrimitive) {
  Event event;
  Semaphore semaphore(0);
  Queue<int> queue;
  EXPECT_TRUE(is_cancelled_in([&] { sync_wait(event.wait()); }));
  EXPECT_TRUE(is_cancelled_in([&] { sync_wait(semaphore.acquire()); }));
  EXPECT_TRUE(is_cancelled_in([&] { return sync_wait(queue.get()); }));
  semaphore.release();
  EXPECT_EQ(semaphore.value(), 1);
  EXPECT_TRUE(queue.try_put(1));
  EXPECT_EQ(sync_wait(queue.get()), 1);
}

TEST(ThreadCancel, EndsAWaitForALockWhereThatIsACheckpoint) {
  Lock lock;
  ASSERT_TRUE(lock.try_lock());
  EXPECT_TRUE(is_cancelled_in([&] { sync_wait(lock.acquire()); }));
  EXPECT_TRUE(is_cancelled_in([&] { sync_wait(timeout(1000h, lock.acquire())); }));
  EXPECT_TRUE(lock.locked());
  lock.unlock();
  EXPECT_FALSE(lock.locked());
}

TEST(ThreadCancel, EndsAWaitOfACombinator) {
  EXPECT_TRUE(is_cancelled_in([] { sync_wait(timeout(1000h, forever())); }));
  EXPECT_TRUE(is_cancelled_in([] { sync_wait(race(forever(), forever())); }));
  EXPECT_TRUE(is_cancelled_in([] { sync_wait(gather(forever(), sleep(1000h))); }));
  EXPECT_TRUE(is_cancelled_in([] { sync_wait(move_on_after(1000h, forever())); }));
}

TEST(ThreadCancel, EndsARunWithAllThatItSpawned) {
  int live = 0;
  EXPECT_TRUE(is_cancelled_in([&] {
    run([&]() -> Task<> {
      Future<void> leftover = spawn(test::live_forever(live));
      co_await with_task_group([&](TaskGroup& group) -> Task<> {
        group.spawn(test::live_forever(live));
        co_await forever();
      });
    });
  }));
  EXPECT_EQ(live, 0);
}

TEST(ThreadCancel, EndsAJoinAndAWaitForACallInAnotherThread) {
  std::atomic<bool> stop{false};
  Thread thread([&] {
    while (!stop) std::this_thread::yield();
  });
  thread.start();
  Future<void> f = spawn_thread([&] { thread.join(); });
  f.cancel();
  EXPECT_THROW(f.result(), Cancelled);
  stop = true;
  thread.join();
}

TEST(ThreadCancel, IsLevelTriggered) {
  int thrown = 0;
  EXPECT_TRUE(is_cancelled_in([&] {
    for (int i = 0; i < 2; ++i) {
      try {
        sleep_for(1000h);
      } catch (const Cancelled&) {
        ++thrown;
      }
    }
    try {
      sync_wait(turns(1));  // on a loop as well
    } catch (const Cancelled&) {
      ++thrown;
    }
    try {
      sync_wait(yield_now());
    } catch (const Cancelled&) {
      ++thrown;
    }
    sleep_for(0s);
  }));
  EXPECT_EQ(thrown, 4);
}

TEST(ThreadCancel, ShieldsAndCleanUpsOnItsLoopAreCarriedToTheirEnd) {
  testing::VirtualTime time;
  bool cleaned = false;
  Future<void> f = spawn_thread([&] {
    const auto clean = [&]() -> Task<> {
      co_await sleep(5s);
      cleaned = true;
    };
    sync_wait(finally(&forever, clean));
  });
  sleep_for(1s);
  f.cancel();
  EXPECT_THROW(f.result(), Cancelled);
  EXPECT_TRUE(cleaned);
  EXPECT_EQ(time.elapsed(), 6s);
}

TEST(ThreadCancel, ComesAtTheFirstWaitWhenItWasBeforeTheThreadRan) {
  for (int round = 0; round < rounds(500); ++round) {
    std::atomic<bool> ran{false};
    Future<void> f = spawn_thread([&] {
      ran = true;  // what does not wait goes on
      if (round % 2) {
        sleep_for(1000h);
      } else {
        sync_wait(timeout(1000h, forever()));
      }
    });
    if (round % 3) std::this_thread::yield();
    f.cancel();
    f.cancel();  // idempotent
    EXPECT_THROW(f.result(), Cancelled);
    EXPECT_TRUE(ran);
  }
}

TEST(ThreadCancel, ComesTooLateAfterTheEnd) {
  for (int round = 0; round < rounds(500); ++round) {
    Future<int> f = spawn_thread([] { return 4; });
    if (round % 2) f.cancel();
    EXPECT_EQ(f.result(), 4);
    f.cancel();
    EXPECT_EQ(f.result(), 4);
  }
  // A thread that takes over the same memory is not cancelled.
  EXPECT_EQ(spawn_thread([] {
              sleep_for(1us);
              return 5;
            }).result(),
            5);
}

/// Waits when it dies, as an object that owns strands does.
struct WaitsAtItsEnd {
  std::atomic<int>* ended;
  explicit WaitsAtItsEnd(std::atomic<int>& count) : ended(&count) {}
  WaitsAtItsEnd(WaitsAtItsEnd&& other) noexcept : ended(std::exchange(other.ended, nullptr)) {}
  ~WaitsAtItsEnd() {
    if (!ended) return;
    sleep_for(1us);
    ++*ended;
  }
};

TEST(ThreadCancel, DoesNotReachWhatDiesAfterTheCall) {
  std::atomic<int> ended{0};
  const auto call = [&](const WaitsAtItsEnd&) {
    static thread_local WaitsAtItsEnd with_the_thread(ended);
    sleep_for(1000h);
  };
  Future<void> f = spawn_thread(call, WaitsAtItsEnd(ended));
  f.cancel();
  EXPECT_THROW(f.result(), Cancelled);
  while (ended != 2) std::this_thread::yield();
}

TEST(ThreadCancel, DoesNotReachWhatTheThreadSpawned) {
  testing::VirtualTime time;
  Future<int> child;
  Future<void> f = spawn_thread([&] {
    child = spawn_thread([] {
      sleep_for(5s);
      return 1;
    });
    sleep_for(1000h);
  });
  sleep_for(1s);
  f.cancel();
  EXPECT_THROW(f.result(), Cancelled);
  EXPECT_EQ(child.result(), 1);
}

TEST(ThreadCancel, LosesNothingWhenItRacesACompletion) {
  for (int round = 0; round < rounds(2000); ++round) {
    Promise<int> promise;
    Future<int> future = promise.future();
    Future<int> f = spawn_thread([&] { return round % 2 ? future.result() : sync_wait(timeout(1000h, future)); });
    std::thread completer([&] { promise.set_value(3); });
    f.cancel();
    try {
      EXPECT_EQ(f.result(), 3);
    } catch (const Cancelled&) {
    }
    completer.join();
    EXPECT_EQ(future.result(), 3);
  }
}

TEST(ThreadCancel, LosesNoLockWhenItRacesARelease) {
  for (int round = 0; round < rounds(1000); ++round) {
    Lock lock;
    ASSERT_TRUE(lock.try_lock());
    std::atomic<int> taken{0};
    const auto user = [&] {
      sync_wait(timeout(1000h, lock.acquire()));
      ++taken;
      lock.release();
    };
    Future<void> a = spawn_thread(user), b = spawn_thread(user);
    if (round % 2) std::this_thread::yield();
    a.cancel();
    lock.unlock();
    b.result();
    try {
      a.result();
    } catch (const Cancelled&) {
    }
    EXPECT_FALSE(lock.locked());
    EXPECT_GE(taken, 1);
  }
}

TEST(ThreadCancel, MayComeFromManyThreadsAtOnce) {
  for (int round = 0; round < rounds(200); ++round) {
    Future<void> f = spawn_thread([&] { round % 2 ? sleep_for(1000h) : run(forever()); });
    std::vector<std::thread> cancellers;
    for (int i = 0; i < 3; ++i) cancellers.emplace_back([&] { f.cancel(); });
    for (std::thread& t : cancellers) t.join();
    EXPECT_THROW(f.result(), Cancelled);
  }
}

TEST(ThreadCancel, ComesFromATask) {
  run([]() -> Task<> {
    Future<void> f = spawn_thread([] { sleep_for(1000h); });
    co_await turns(2);
    f.cancel();
    EXPECT_THROW(co_await f, Cancelled);
  });
}

}  // namespace
}  // namespace plait
