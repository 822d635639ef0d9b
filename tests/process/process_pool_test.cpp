// SPDX-License-Identifier: BSL-1.0
#include "plait/process/process_pool.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <numeric>
#include <random>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "support/build.hpp"
#include "support/descriptors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;

int add_one(int n) { return n + 1; }
int who(int) { return ::getpid(); }
int throws_at(int n) {
  if (n % 5 == 3) throw std::out_of_range("at " + std::to_string(n));
  return n;
}
int dies(int) {
  ::raise(SIGKILL);
  return 0;
}
void forever() { sync_wait(sleep(1000h)); }
std::string twice(const std::string& text) { return text + text; }

static_assert(Executor<ProcessPool>);

TEST(ProcessPool, MakesCallsInOtherProcesses) {
  ProcessPool pool(2);
  EXPECT_EQ(pool.size(), 2);
  EXPECT_EQ(pool.submit(add_one, 1).result(), 2);
  EXPECT_NE(pool.submit(who, 0).result(), ::getpid());
  EXPECT_EQ(pool.submit(twice, "ab").result(), "abab");
  pool.submit([] {}).result();
}

TEST(ProcessPool, UsesAnIdleProcessAgain) {  // test_idle_process_reuse_one
  ProcessPool pool(4);
  std::set<int> processes;
  for (int i = 0; i < 3; ++i) processes.insert(pool.submit(who, i).result());
  EXPECT_EQ(processes.size(), 1u);
}

TEST(ProcessPool, StartsNoMoreThanItsSize) {
  ProcessPool pool(2);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 300; ++i) futures.push_back(pool.submit(who, i));
  std::set<int> processes;
  for (auto& future : futures) processes.insert(future.result());
  EXPECT_LE(processes.size(), 2u);
}

TEST(ProcessPool, HoldsMoreCallsThanThereAreSlots) {
  ProcessPool pool(2);
  const int count = 5000;
  std::vector<Future<int>> futures;
  for (int i = 0; i < count; ++i) futures.push_back(pool.submit(add_one, i));
  for (int i = 0; i < count; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(), i + 1);
}

TEST(ProcessPool, CarriesMessagesOfAnySize) {
  ProcessPool pool(2);
  for (const std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{191}, std::size_t{192}, std::size_t{193},
                                 std::size_t{5'000}, std::size_t{3'000'000}}) {
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31);
    for (int again = 0; again < 3; ++again) EXPECT_EQ(pool.submit(twice, text).result(), text + text) << size;
  }
}

TEST(ProcessPool, ThrowsWhatACallThrew) {
  ProcessPool pool(1);
  Future<int> future = pool.submit(throws_at, 3);
  try {
    future.result();
    ADD_FAILURE();
  } catch (const std::out_of_range& error) {
    EXPECT_STREQ(error.what(), "at 3");
    ASSERT_NE(remote_info(error), nullptr);
    EXPECT_NE(remote_info(error)->story().pid, ::getpid());
  }
  EXPECT_EQ(pool.submit(throws_at, 4).result(), 4);
}

TEST(ProcessPool, DescriptorsGoAlongBothWays) {
  ProcessPool pool(2);
  shared::Value<int> sum(0);
  const auto add = [](shared::Value<int> to, int n) {
    shared::Lock lock = to.get_lock();
    const std::scoped_lock guard(lock);
    *to += n;
    return to;
  };
  std::vector<Future<shared::Value<int>>> futures;
  for (int i = 1; i <= 100; ++i) futures.push_back(pool.submit(add, sum, i));
  for (auto& future : futures) {
    const shared::Value<int> same = future.result();
    EXPECT_EQ(&*same, &*sum);
  }
  EXPECT_EQ(*sum, 5050);
}

TEST(ProcessPool, ADeathFailsTheCallThatItWasIn) {
  ProcessPool pool(2);
  for (int round = 0; round < 5; ++round) {
    std::vector<Future<int>> good;
    for (int i = 0; i < 20; ++i) good.push_back(pool.submit(add_one, i));
    Future<int> bad = pool.submit(dies, 1);
    for (int i = 20; i < 40; ++i) good.push_back(pool.submit(add_one, i));
    for (int i = 0; i < 40; ++i) EXPECT_EQ(good[static_cast<std::size_t>(i)].result(), i + 1);
    try {
      bad.result();
      ADD_FAILURE();
    } catch (const WorkerDied& error) {
      EXPECT_EQ(error.exitcode(), -SIGKILL);
      EXPECT_NE(error.call().find("dies"), std::string::npos) << error.call();
    }
  }
}

TEST(ProcessPool, AnExitInACallIsADeathWithThatCode) {
  ProcessPool pool(1);
  const auto exits = [](int code) { std::exit(code); };
  try {
    pool.submit(exits, 4).result();
    ADD_FAILURE();
  } catch (const WorkerDied& error) {
    EXPECT_EQ(error.exitcode(), 4);
  }
  const auto aborts = [] { std::abort(); };
  EXPECT_THROW(pool.submit(aborts).result(), WorkerDied);
  EXPECT_EQ(pool.submit(add_one, 1).result(), 2);
}

TEST(ProcessPool, CancelEndsACallThatRuns) {
  ProcessPool pool(1);
  Future<void> runs = pool.submit(forever);
  Future<int> next = pool.submit(add_one, 1);
  while (active_children().empty()) std::this_thread::yield();
  runs.cancel();
  EXPECT_THROW(runs.result(), Cancelled);
  EXPECT_EQ(next.result(), 2);
}

TEST(ProcessPool, AFutureTellsWhetherItsCallRuns) {
  ProcessPool pool(1);
  Future<void> runs = pool.submit(forever);
  Future<int> next = pool.submit(add_one, 1);
  while (!runs.running()) std::this_thread::yield();
  EXPECT_FALSE(next.running());
  runs.cancel();
  EXPECT_EQ(next.result(), 2);
  EXPECT_FALSE(runs.running());
  EXPECT_FALSE(next.running());
}

TEST(ProcessPool, CancelWithdrawsACallThatHasNotBegun) {
  ProcessPool pool(1);
  Future<void> runs = pool.submit(forever);
  std::vector<Future<int>> waiting;
  for (int i = 0; i < 2000; ++i) waiting.push_back(pool.submit(add_one, i));
  for (std::size_t i = 0; i < waiting.size(); i += 2) waiting[i].cancel();
  for (std::size_t i = 0; i < waiting.size(); i += 2) EXPECT_THROW(waiting[i].result(), Cancelled);
  runs.cancel();
  for (std::size_t i = 1; i < waiting.size(); i += 2) EXPECT_EQ(waiting[i].result(), static_cast<int>(i) + 1);
}

TEST(ProcessPool, ACallThatIgnoresSIGTERMIsKilled) {
  ProcessPool pool({.size = 1, .grace = 1ms});
  const auto deaf = [] {
    ::signal(SIGTERM, SIG_IGN);
    for (;;) ::pause();
  };
  Future<void> runs = pool.submit(deaf);
  while (active_children().empty()) std::this_thread::yield();
  runs.cancel();
  EXPECT_THROW(runs.result(), Cancelled);
  EXPECT_EQ(pool.submit(add_one, 1).result(), 2);
}

TEST(ProcessPool, CancelsAtAnyTimeHitNobodyElse) {  // invariant 3
  ProcessPool pool(2);
  std::mt19937 random(5);
  for (int round = 0; round < test::rounds(60); ++round) {
    std::vector<Future<int>> futures;
    for (int i = 0; i < 30; ++i) futures.push_back(pool.submit(add_one, i));
    std::set<std::size_t> cancelled;
    for (int i = 0; i < 5; ++i) {
      const std::size_t at = random() % futures.size();
      futures[at].cancel();
      cancelled.insert(at);
    }
    for (std::size_t i = 0; i < futures.size(); ++i) {
      try {
        EXPECT_EQ(futures[i].result(), static_cast<int>(i) + 1);
      } catch (const Cancelled&) {
        EXPECT_TRUE(cancelled.contains(i));
      }
    }
  }
}

TEST(ProcessPool, ReplacesAProcessThatHasMadeItsCalls) {  // test_max_tasks_per_child
  ProcessPool pool({.size = 1, .max_tasks = 3});
  std::vector<int> processes;
  for (int i = 0; i < 7; ++i) processes.push_back(pool.submit(who, i).result());
  EXPECT_EQ(processes[0], processes[2]);
  EXPECT_NE(processes[2], processes[3]);
  EXPECT_EQ(processes[3], processes[5]);
  EXPECT_NE(processes[5], processes[6]);
}

int initialized = 0;
void initialize() { initialized = 42; }
void fail_to_initialize() { throw std::runtime_error("no licence"); }

TEST(ProcessPool, InitializesItsProcesses) {
  ProcessPool pool({.size = 1, .initializer = initialize});
  EXPECT_EQ(pool.submit([] { return initialized; }).result(), 42);
  EXPECT_EQ(initialized, 0);
}

TEST(ProcessPool, IsBrokenIfItsInitializerFails) {  // test_initializer, FailingInitializerMixin
  testing::internal::CaptureStderr();
  {
    ProcessPool pool({.size = 2, .initializer = fail_to_initialize});
    Future<int> future = pool.submit(add_one, 1);
    try {
      future.result();
      ADD_FAILURE();
    } catch (const BrokenProcessPool& error) {
      EXPECT_NE(std::string(error.what()).find("no licence"), std::string::npos) << error.what();
    }
    EXPECT_THROW(pool.submit(add_one, 1), BrokenProcessPool);
  }
  testing::internal::GetCapturedStderr();
}

TEST(ProcessPool, MapsInOrderOrAsTheyCome) {
  ProcessPool pool(2);
  std::vector<int> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 0);
  for (const std::size_t chunk : {0, 1, 7, 5000}) {
    int expected = 0;
    for (const int n : pool.map(add_one, numbers, {.chunksize = chunk})) EXPECT_EQ(n, ++expected);
    EXPECT_EQ(expected, 1000);
    std::set<int> seen;
    for (const int n : pool.map(add_one, numbers, {.chunksize = chunk, .ordered = false})) seen.insert(n);
    EXPECT_EQ(seen.size(), 1000u);
  }
}

TEST(ProcessPool, AMapGoesOnAfterACallThatThrew) {
  ProcessPool pool(2);
  for (const std::size_t chunk : {1, 3, 100}) {
    auto results = pool.map(throws_at, std::views::iota(0, 20), {.chunksize = chunk});
    run([&]() -> Task<> {
      for (int n = 0; n < 20; ++n) {
        bool threw = false;
        try {
          EXPECT_EQ(co_await results.next(), n);
        } catch (const std::out_of_range&) {
          threw = true;
        }
        EXPECT_EQ(threw, n % 5 == 3);
      }
      EXPECT_EQ(co_await results.next(), std::nullopt);
    });
  }
}

TEST(ProcessPool, AMapTakesOnlySoMuchFromItsInput) {  // test_map_buffersize_on_infinite_iterable
  ProcessPool pool(2);
  int taken = 0;
  auto endless = std::views::iota(0) | std::views::transform([&](int n) {
                   ++taken;
                   return n;
                 });
  int sum = 0;
  for (const int n : pool.map(add_one, endless, {.chunksize = 1, .buffersize = 4})) {
    sum += n;
    if (n == 10) break;
  }
  EXPECT_EQ(sum, 55);
  EXPECT_LE(taken, 14);
}

TEST(ProcessPool, AMapWhosePoolIsShutDownGivesWhatWasSubmittedAndThenTheRefusal) {
  for (const bool ordered : {true, false}) {
    ProcessPool pool(2);
    auto results = pool.map(add_one, std::views::iota(0, 20), {.chunksize = 1, .buffersize = 4, .ordered = ordered});
    auto at = results.begin();
    pool.shutdown();
    std::set<int> seen;
    EXPECT_THROW(
        {
          for (; at != results.end(); ++at) seen.insert(*at);
        },
        std::logic_error);
    EXPECT_EQ(seen, (std::set{1, 2, 3, 4}));
  }
}

TEST(ProcessPool, WorksForTasksAndThreadsAtOnce) {
  ProcessPool pool(2);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 200; ++n) wrong += pool.submit(add_one, n).result() != n + 1;
    });
  }
  run([&]() -> Task<> {
    for (int n = 0; n < 200; ++n) wrong += co_await pool.submit(add_one, n) != n + 1;
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ProcessPool, RefusesWorkAfterItsEnd) {
  ProcessPool pool(2);
  Future<int> future = pool.submit(add_one, 1);
  pool.shutdown();
  pool.shutdown();
  EXPECT_EQ(future.result(), 2);
  EXPECT_THROW(pool.submit(add_one, 1), std::logic_error);
  ProcessPool unused(1);
  unused.shutdown();
  EXPECT_THROW(ProcessPool(0), std::logic_error);
  EXPECT_THROW(ProcessPool(65), std::logic_error);
}

TEST(ProcessPool, ShutdownCancelsWhatHasNotBegun) {  // test_cancel_futures
  ProcessPool pool(1);
  Future<int> first = pool.submit(add_one, 1);
  EXPECT_EQ(first.result(), 2);
  const auto takes_a_while = [] { sync_wait(sleep(20ms)); };
  Future<void> runs = pool.submit(takes_a_while);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 50; ++i) futures.push_back(pool.submit(add_one, i));
  pool.shutdown({.cancel_futures = true});
  int cancelled = 0;
  for (auto& future : futures) {
    try {
      future.result();
    } catch (const Cancelled&) {
      ++cancelled;
    }
  }
  EXPECT_GE(cancelled, 49);
}

TEST(ProcessPool, ClosesOnALoop) {
  run([]() -> Task<> {
    ProcessPool pool(2);
    Future<int> future = pool.submit(add_one, 1);
    co_await pool.close();
    EXPECT_EQ(co_await future, 2);
  });
}

TEST(ProcessPool, LeavesNothingBehind) {
  {
    ProcessPool(1).submit(add_one, 1).result();
  }
  const std::size_t before = test::open_descriptors();
  for (int i = 0; i < 3; ++i) {
    ProcessPool pool(2);
    std::vector<Future<int>> futures;
    for (int n = 0; n < 10; ++n) futures.push_back(pool.submit(n % 4 == 1 ? dies : add_one, n));
    for (int n = 0; n < 10; ++n) {
      if (n % 4 == 1) {
        EXPECT_THROW(futures[static_cast<std::size_t>(n)].result(), BrokenProcessPool);
      } else {
        EXPECT_EQ(futures[static_cast<std::size_t>(n)].result(), n + 1);
      }
    }
  }
  EXPECT_EQ(test::open_descriptors(), before);
  EXPECT_TRUE(active_children().empty());
}

/// Kills a random process at a random time while calls run: each call ends with its result or its worker's death.
TEST(ProcessPool, SurvivesTheDeathOfAnyOfItsProcesses) {
  const long kills = test::from_environment("PLAIT_POOL_KILLS", test::rounds(60));
  std::mt19937 random(static_cast<unsigned>(test::from_environment("PLAIT_STRESS_SEED", 2026)));
  ProcessPool pool(2);
  long died = 0;
  for (long kill = 0; kill < kills; ++kill) {
    std::vector<Future<std::string>> futures;
    std::vector<std::string> texts;
    for (int i = 0; i < 40; ++i) {
      texts.emplace_back(random() % (i % 7 == 0 ? 20'000 : 300), static_cast<char>('a' + i % 26));
      futures.push_back(pool.submit(twice, texts.back()));
    }
    for (unsigned wait = random() % 2000; wait > 0; --wait) detail::cpu_relax();
    const std::vector<ProcessInfo> children = active_children();
    const int victim = children.empty() ? 0 : children[random() % children.size()].pid;
    if (victim > 0 && random() % 3 == 0) ::kill(victim, SIGSTOP);  // killed a little later, as it stands
    if (victim > 0) ::kill(victim, SIGKILL);
    for (std::size_t i = 0; i < futures.size(); ++i) {
      try {
        EXPECT_EQ(futures[i].result(), texts[i] + texts[i]);
      } catch (const WorkerDied&) {
        ++died;
      }
    }
  }
  EXPECT_LE(died, kills);  // one call in each process at most
  std::cout << kills << " kills, " << died << " calls failed with their process\n";
}

TEST(ToProcess, IsAwaited) {
  run([]() -> Task<> {
    EXPECT_EQ(co_await to_process(add_one, 1), 2);
    EXPECT_FALSE((co_await move_on_after(1ms, to_process(forever))));
    EXPECT_EQ(co_await to_process(add_one, 2), 3);
  });
}

}  // namespace
}  // namespace plait
