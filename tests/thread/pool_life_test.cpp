// SPDX-License-Identifier: BSL-1.0
// A pool's beginning and end, its threads, its sleep: what thread_pool_test.cpp takes for granted.
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/build.hpp"
#include "support/child_process.hpp"
#include "support/spin_until.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::spin_until;

// ---- Beginning and end ----

TEST(PoolLife, ThatEndedUnusedLeavesNothingToTheNext) {
  for (int round = 0; round < 5; ++round) {
    {
      ThreadPool pool(1);
      pool.shutdown();
      EXPECT_THROW(static_cast<void>(pool.submit([] {})), std::logic_error);
      EXPECT_THROW(pool.run([]() -> Task<> { co_return; }()), std::logic_error);
    }
    ThreadPool pool(1);
    EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
  }
}

TEST(PoolLife, BeginsWithTwoSubmittersAtOnce) {
  for (int round = 0; round < test::rounds(300); ++round) {
    ThreadPool pool(1);
    std::atomic<int> ready{0};
    const auto submit = [&] {
      ++ready;
      while (ready < 2) std::this_thread::yield();
      return pool.submit([] { return 1; }).result();
    };
    int other = 0;
    std::thread second([&] { other = submit(); });
    EXPECT_EQ(submit(), 1);
    second.join();
    EXPECT_EQ(other, 1);
  }
}

TEST(PoolLife, SubmittersLearnEachThatThereIsNoThread) {
  const auto refuse = [](void*, detail::PoolWorker&) {
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  };
  const auto refuse_io = [](void*, detail::PoolIo&) {};
  for (int round = 0; round < test::rounds(50); ++round) {
    detail::PoolScheduler& pool = detail::PoolScheduler::borrow(1, refuse, refuse_io, nullptr);
    detail::Work work[2];
    const auto submit = [&](int i) { EXPECT_THROW(static_cast<void>(pool.submit(work[i])), std::system_error); };
    std::thread other([&] { submit(0); });
    submit(1);
    other.join();
    EXPECT_EQ(pool.withdraw(), nullptr);
    pool.close();
    EXPECT_TRUE(pool.closed());
    detail::PoolScheduler::give_back(pool);
  }
}

TEST(PoolLife, WhatArrivesAfterTheEndIsRefused) {
  detail::PoolScheduler* ended = nullptr;
  {
    ThreadPool pool(1);
    const auto look = [&]() -> Task<> {
      ended = static_cast<detail::PoolScheduler*>((co_await detail::CurrentStrand{}).scheduler);
    };
    pool.run(look());
  }
  detail::Work late;  // as a cancel of a task of another loop's that ended meanwhile
  EXPECT_FALSE(ended->try_post(late));
  ThreadPool next(1);
}

TEST(PoolLife, ThatWasCancelledByAnExceptionLeavesNothingToTheNext) {
  for (int round = 0; round < 3; ++round) {
    try {
      ThreadPool pool(1);
      pool.submit([] {}).result();
      throw std::runtime_error("leave");
    } catch (const std::runtime_error&) {
    }
    ThreadPool pool(1);
    pool.run([]() -> Task<> { co_await yield_now(); }());
  }
}

TEST(PoolLife, MayBeShutDownBySeveralThreads) {
  for (int round = 0; round < test::rounds(200); ++round) {
    auto pool = std::make_unique<ThreadPool>(2);
    for (int i = 0; i < 4; ++i) static_cast<void>(pool->submit([] { std::this_thread::yield(); }));
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { pool->shutdown(); });
    for (std::thread& t : threads) t.join();
  }
}

TEST(PoolLife, MayBeClosedByTasksThatAreCancelledMeanwhile) {
  for (int round = 0; round < test::rounds(200); ++round) {
    ThreadPool pool(2);
    for (int i = 0; i < 4; ++i) static_cast<void>(pool.submit([] { std::this_thread::yield(); }));
    run([&]() -> Task<> {
      std::vector<Future<void>> closing;
      for (int i = 0; i < 3; ++i) closing.push_back(spawn(pool.close()));
      for (int i = 0; i < round % 7; ++i) co_await yield_now();
      for (Future<void>& f : closing) f.cancel();
      for (Future<void>& f : closing) {
        try {
          co_await f;
        } catch (const Cancelled&) {
        }
      }
      co_await pool.close();
    });
  }
}

TEST(PoolLife, IsAwaitedByItsDestructorWhateverCancelsTheThread) {
  std::atomic<bool> begun{false}, go{false}, refused{false};
  Future<void> owner = spawn_thread([&] {
    ThreadPool pool(1);
    static_cast<void>(pool.submit([&] {
      begun = true;
      try {
        for (;;) {
          static_cast<void>(pool.submit([] {}));
          std::this_thread::yield();
        }
      } catch (const std::logic_error&) {
        refused = true;
      }
      spin_until(go);
    }));
    spin_until(begun);
  });
  spin_until(refused);
  owner.cancel();
  owner.cancel();
  go = true;
  owner.result();
}

TEST(PoolLife, EveryFutureOfASubmitThatRacesAShutdownIsDone) {
  for (int round = 0; round < test::rounds(50); ++round) {
    ThreadPool pool(2);
    std::atomic<int> submitting{0};
    std::vector<Future<int>> futures[2];
    std::vector<std::thread> submitters;
    for (auto& mine : futures) {
      submitters.emplace_back([&] {
        ++submitting;
        try {
          for (int i = 0; i < 1000; ++i) mine.push_back(pool.submit([i] { return i; }));
        } catch (const std::logic_error&) {
        }
      });
    }
    while (submitting < 2) std::this_thread::yield();
    pool.shutdown({.cancel_futures = round % 2 == 0});
    for (std::thread& t : submitters) t.join();
    for (auto& mine : futures) {
      for (std::size_t i = 0; i < mine.size(); ++i) {
        ASSERT_TRUE(mine[i].done());
        try {
          EXPECT_EQ(mine[i].result(), static_cast<int>(i));
        } catch (const Cancelled&) {
          EXPECT_EQ(round % 2, 0);
        }
      }
    }
  }
}

// ---- Places of workers ----

/// Nor those that a worker was about to put into its deque.
TEST(PoolLife, NoCallBeginsAfterAShutdownThatCancels) {
  for (int round = 0; round < test::rounds(500); ++round) {
    std::atomic<bool> over{false};
    std::atomic<int> late{0};
    ThreadPool pool(2);
    for (int i = 0; i < 100; ++i) {
      static_cast<void>(pool.submit([&] {
        if (over) ++late;
      }));
    }
    pool.shutdown({.wait = false, .cancel_futures = true});
    over = true;
    pool.shutdown();
    EXPECT_LE(late, 2);  // one that has begun may look late
  }
}

// [P2] The worker that a spare has run for comes back, and the spare, which is one too many now, has just made a parent
// ready.
TEST(PoolLife, AParentThatASpareMadeReadyGoesOn) {
  ThreadPool pool(1);
  for (int round = 0; round < 8; ++round) {
    Promise<void> promise;
    Future<void> future = promise.future();
    std::atomic<bool> waits{false}, back{false}, done{false};
    Future<void> call = pool.submit([&] {
      waits = true;
      future.result();
      back = true;
      // So that the spare sees that it is one too many. Not a number of yields: each may cost a time slice.
      const auto enough = std::chrono::steady_clock::now() + 2ms;
      while (std::chrono::steady_clock::now() < enough) std::this_thread::yield();
    });
    spin_until(waits);
    Event event;
    bool first_done = false;
    const auto first = [&]() -> Task<> {
      co_await event.wait();
      first_done = true;
    };
    const auto second = [&]() -> Task<> {
      event.set();
      while (!first_done) co_await yield_now();
      for (int i = 0; i < 3; ++i) co_await yield_now();  // the parent waits for this one now
      promise.set_value();
      spin_until(back);
    };
    const auto both = [&]() -> Task<> {
      co_await gather(first(), second());
      done = true;
    };
    std::thread guard([&] {  // a pool that hangs fails the test instead of hanging it
      for (int i = 0; i < 300'000 && !done; ++i) std::this_thread::sleep_for(100us);
      EXPECT_TRUE(done.exchange(true)) << "the parent was left lying";
    });
    pool.run(both());
    guard.join();
    call.result();
  }
}

// ---- Timers ----

TEST(PoolLife, NoTimerIsLostBetweenThoseWhoKeepTheTime) {
  testing::VirtualTime time;
  ThreadPool pool(2);
  const auto sleeper = [](int n) -> Task<> {
    for (int i = 0; i < 500; ++i) co_await sleep(std::chrono::microseconds(i % n + 1));
  };
  const auto all = [&]() -> Task<> { co_await gather(sleeper(2), sleeper(3), sleeper(5)); };
  pool.run(all());
}

TEST(PoolLife, NoTimerIsLostInRealTime) {
  ThreadPool pool(2);
  const auto sleeper = [](int n) -> Task<> {
    for (int i = 0; i < 300; ++i) {
      co_await sleep(std::chrono::microseconds(i * 7 % 60));
      for (int spin = 0; spin < i * n % 997; ++spin) detail::cpu_relax();
    }
  };
  const auto all = [&]() -> Task<> { co_await gather(sleeper(2), sleeper(3)); };
  pool.run(all());
}

// ---- Two pools ----

TEST(PoolLife, TasksThatWaitForEachOthersPoolsAreCancelledFromBothSides) {
  ThreadPool one(2), two(2);
  for (int round = 0; round < test::rounds(200); ++round) {
    Event never;
    std::atomic<int> waiting{0};
    const auto leaf = [&]() -> Task<> {
      ++waiting;
      co_await never.wait();
    };
    const auto there = [&](ThreadPool& other) -> Task<> { co_await on(other, leaf()); };
    std::atomic<int> ready{0};
    const auto cancel_one = [&](ThreadPool& here, ThreadPool& other) {
      Future<void> f = here.start(there(other), std::source_location::current());
      ++ready;
      while (ready < 2 || waiting < 2) std::this_thread::yield();
      f.cancel();
      EXPECT_THROW(f.result(), Cancelled);
    };
    std::thread second([&] { cancel_one(two, one); });
    cancel_one(one, two);
    second.join();
  }
}

// ---- Threads ----

/// The system's threads of this process whose name begins with `name`.
std::vector<std::filesystem::path> threads_named(const std::string& name) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string line;
    std::getline(std::ifstream(entry.path() / "comm") >> std::ws, line);
    if (line.starts_with(name)) found.push_back(entry.path());
  }
  return found;
}

long voluntary_switches(const std::filesystem::path& thread) {
  std::ifstream status(thread / "status");
  for (std::string line; std::getline(status, line);) {
    const std::string key = "voluntary_ctxt_switches:";
    if (line.starts_with(key)) return std::stol(line.substr(key.size()));
  }
  return -1;
}

bool sleeps_in_kernel(const std::filesystem::path& thread) {
  std::ifstream status(thread / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("State:")) return line.find('S') != std::string::npos && line.find("sleeping") != line.npos;
  }
  return false;
}

void until_asleep(const std::vector<std::filesystem::path>& threads) {
  for (const auto& thread : threads) {
    for (int seen = 0; seen < 3;) {
      seen = sleeps_in_kernel(thread) ? seen + 1 : 0;
      std::this_thread::sleep_for(200us);
    }
  }
}

TEST(PoolLife, StartsThreadsAsTheyAreNeeded) {
  ThreadPool pool({.size = 4, .name = "lazy"});
  EXPECT_EQ(threads_named("lazy-").size(), 0u);
  std::set<std::thread::id> ids;
  for (int i = 0; i < 3; ++i) {
    ids.insert(pool.submit([] { return std::this_thread::get_id(); }).result());
    until_asleep(threads_named("lazy-"));
  }
  EXPECT_EQ(ids.size(), 1u);  // an idle worker is used again
  EXPECT_EQ(threads_named("lazy-").size(), 1u);
  std::atomic<bool> go{false};
  std::vector<Future<void>> held;
  for (int i = 0; i < 4; ++i) held.push_back(pool.submit([&] { spin_until(go); }));
  for (int i = 0; i < 10'000 && threads_named("lazy-").size() < 4; ++i) std::this_thread::yield();
  for (int i = 0; i < 10; ++i) held.push_back(pool.submit([&] { spin_until(go); }));
  EXPECT_EQ(threads_named("lazy-").size(), 4u);
  go = true;
  for (Future<void>& f : held) f.result();
}

TEST(PoolLife, SleepsWithoutWakingWhenItIsIdle) {
  ThreadPool pool({.size = 2, .name = "idle"});
  std::atomic<int> both{0};
  const auto meet = [&] {
    ++both;
    while (both < 2) std::this_thread::yield();
  };
  Future<void> first = pool.submit(meet), second = pool.submit(meet);
  first.result();
  second.result();
  const auto threads = threads_named("idle-");
  ASSERT_EQ(threads.size(), 2u);
  until_asleep(threads);
  std::vector<long> before;
  for (const auto& thread : threads) before.push_back(voluntary_switches(thread));
  std::this_thread::sleep_for(20ms);
  for (std::size_t i = 0; i < threads.size(); ++i) EXPECT_EQ(voluntary_switches(threads[i]), before[i]);
}

TEST(PoolLife, SleepsUntilATimerAndNotBefore) {
  ThreadPool pool({.size = 1, .name = "timed"});
  std::atomic<bool> begun{false};
  const auto body = [&]() -> Task<> {
    begun = true;
    co_await sleep(1h);
  };
  Future<void> sleeper = pool.start(body(), std::source_location::current());
  spin_until(begun);
  pool.submit([] {}).result();  // wakes who keeps the time
  const auto threads = threads_named("timed-");
  ASSERT_EQ(threads.size(), 1u);
  until_asleep(threads);
  const long before = voluntary_switches(threads[0]);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(voluntary_switches(threads[0]), before);
  sleeper.cancel();
  EXPECT_THROW(sleeper.result(), Cancelled);
}

// [P2]
TEST(PoolLife, SparesTakeThePlaceOfCallsThatWaitAndAreUsedAgain) {
  ThreadPool pool({.size = 2, .name = "spares"});
  for (int round = 0; round < 5; ++round) {
    Promise<int> promise;
    Future<int> answer = promise.future();
    std::atomic<int> waiting{0};
    std::vector<Future<int>> waiters;
    for (int i = 0; i < 10; ++i) {
      waiters.push_back(pool.submit([&] {
        ++waiting;
        return answer.result();
      }));
    }
    while (waiting < 10) std::this_thread::yield();
    EXPECT_EQ(pool.submit([] { return 3; }).result(), 3);  // there is a place free
    promise.set_value(7);
    for (Future<int>& f : waiters) EXPECT_EQ(f.result(), 7);
  }
  EXPECT_LE(threads_named("spares-").size(), 12u);
}

TEST(PoolLife, ACallThatWaitsForARunningOneGivesItsPlace) {
  ThreadPool pool(1);
  Event go;
  std::atomic<bool> begun{false};
  Future<int> running = pool.submit([&] {
    begun = true;
    return pool.submit([&] { return 1; }).result() + (sync_wait(go.wait()), 1);
  });
  spin_until(begun);
  go.set();
  EXPECT_EQ(running.result(), 2);
}

int reported_errors = 0;

TEST(PoolLife, IsBrokenIfItsInitializerFails) {  // test_initializer, FailingInitializerMixin
  reported_errors = 0;
  const UnretrievedHandler before = set_unretrieved_handler([](const UnretrievedError&) { ++reported_errors; });
  {
    static std::atomic<bool> go;
    go = false;
    ThreadPool pool({.size = 1, .initializer = [] {
                       spin_until(go);
                       throw std::runtime_error("no licence");
                     }});
    std::vector<Future<int>> pending;
    for (int i = 0; i < 100; ++i) pending.push_back(pool.submit([] { return 1; }));
    Event never;
    const auto waits = [&]() -> Task<> { co_await never.wait(); };
    Future<void> task = pool.start(waits(), {});
    pending[50].cancel();
    go = true;
    for (std::size_t i = 0; i < pending.size(); ++i) {
      try {
        static_cast<void>(pending[i].result());
        ADD_FAILURE() << "call " << i << " was made";
      } catch (const BrokenThreadPool& error) {
        EXPECT_STREQ(error.what(), "ThreadPool: its initializer failed: std::runtime_error: no licence");
        EXPECT_NE(i, 50u);
      } catch (const Cancelled&) {
        EXPECT_EQ(i, 50u);
      }
    }
    EXPECT_THROW(task.result(), Cancelled);
    EXPECT_THROW(static_cast<void>(pool.submit([] {})), BrokenThreadPool);
    EXPECT_THROW(pool.run(waits()), BrokenThreadPool);
    EXPECT_THROW(static_cast<void>(pool.map([](int x) { return x; }, std::vector{1, 2})), BrokenThreadPool);
  }
  set_unretrieved_handler(before);
  EXPECT_EQ(reported_errors, 1);
}

/// The call that has begun goes on; what it submits fails.
TEST(PoolLife, ThatBreaksLaterLeavesACallThatRunsAlone) {
  static std::atomic<int> threads;
  threads = 0;
  const UnretrievedHandler before = set_unretrieved_handler([](const UnretrievedError&) {});
  {
    ThreadPool pool({.size = 2, .initializer = [] {
                       if (++threads == 2) throw std::runtime_error("one is enough");
                     }});
    std::atomic<bool> broken{false};
    Future<int> runs = pool.submit([&] {
      spin_until(broken);
      EXPECT_THROW(static_cast<void>(pool.submit([] {})), BrokenThreadPool);
      return 1;
    });
    while (!runs.running()) std::this_thread::yield();
    EXPECT_THROW(pool.submit([] {}).result(), BrokenThreadPool);
    broken = true;
    EXPECT_EQ(runs.result(), 1);
  }
  set_unretrieved_handler(before);
}

TEST(PoolLife, ACallThatEndsItsThreadLosesNothing) {
  ThreadPool pool(2);
  for (int i = 0; i < 3; ++i) {
    Future<void> ends = pool.submit([] { ::pthread_exit(nullptr); });
    EXPECT_THROW(ends.result(), std::runtime_error);
    EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
  }
}

TEST(PoolLife, InAForkedChildIsLeftAlone) {
  ThreadPool pool(2);
  pool.submit([] {}).result();
  EXPECT_TRUE(test::in_forked_child([&] {
    pool.~ThreadPool();
    return true;
  }));
}

TEST(PoolLife, AChildThatACallHasForkedMayExit) {
  const pid_t parent = ::getpid();
  ThreadPool pool(1);
  Future<bool> forks = pool.submit([&] {
    std::vector<Future<void>> queued;
    for (int i = 0; i < 10; ++i) {
      queued.push_back(pool.submit([parent] {
        if (::getpid() != parent) ::_exit(1);  // the parent makes it
      }));
    }
    return test::in_forked_child([]() -> bool {
      ::alarm(20);
      std::atexit([] { ::_exit(0); });  // after the end of the thread, which is what is tested, and before the statics'
      std::exit(1);
    });
  });
  EXPECT_TRUE(forks.result());
}

}  // namespace
}  // namespace plait
