// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/thread.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "plait/thread.hpp"
#include "support/tasks.hpp"

namespace {

using namespace std::chrono_literals;
using plait::Thread;
using plait::ThreadOptions;
using plait::testing::VirtualTime;

static_assert(std::is_trivially_destructible_v<ThreadOptions>);
static_assert(!std::is_copy_constructible_v<Thread>);

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const std::logic_error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

std::string kernel_name() {
  std::string name;
  std::ifstream file("/proc/thread-self/comm");
  std::getline(file, name);
  return name;
}

TEST(Thread, RunsTheCallableWithItsArgumentsOnceItIsStarted) {
  int sum = 0;
  Thread t([&sum](int a, const std::string& b) { sum = a + static_cast<int>(b.size()); }, 2, "abc");
  EXPECT_FALSE(t.is_alive());
  EXPECT_EQ(sum, 0);
  t.start();
  t.join();
  EXPECT_FALSE(t.is_alive());
  EXPECT_EQ(sum, 5);
}

TEST(Thread, CopiesItsArgumentsAndMovesThemIn) {
  std::unique_ptr<int> received;
  std::string text = "text";
  int n = 0;
  Thread t(
      [&received](std::unique_ptr<int> p, std::string copy, int& reference) {
        received = std::move(p);
        copy += "!";
        ++reference;
      },
      std::make_unique<int>(7), text, std::ref(n));
  t.start();
  t.join();
  EXPECT_EQ(*received, 7);
  EXPECT_EQ(text, "text");
  EXPECT_EQ(n, 1);
}

TEST(Thread, DestroysTheCallableInTheThreadBeforeItHasEnded) {
  auto held = std::make_shared<int>(1);
  Thread t([held] {});
  EXPECT_EQ(held.use_count(), 2);
  t.start();
  t.join();
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Thread, DestroysTheCallableOfAThreadThatIsNeverStarted) {
  auto held = std::make_shared<int>(1);
  {
    Thread t([held] {});
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Thread, HasTheNameOfItsOptionsForTheKernelToo) {
  std::string seen;
  std::string name = "a name of more than fifteen bytes";
  Thread t({.name = name}, [&seen] { seen = kernel_name(); });
  name = "gone";
  EXPECT_EQ(t.name(), "a name of more than fifteen bytes");
  t.start();
  t.join();
  EXPECT_EQ(seen, "a name of more ");
}

TEST(Thread, CutsTheKernelsNameBetweenTwoCharacters) {
  std::string seen;
  Thread t({.name = "fourteen bytesé"}, [&seen] { seen = kernel_name(); });
  t.start();
  t.join();
  EXPECT_EQ(seen, "fourteen bytes");
}

TEST(Thread, HasANumberedNameByDefault) {
  const Thread a([] {}), b([] {});
  EXPECT_EQ(a.name().substr(0, 7), "Thread-");
  EXPECT_NE(a.name(), b.name());
}

TEST(Thread, ShowsItsNameAndItsSpawnLineInTheRecord) {
  std::string name;
  unsigned line = 0;
  bool is_thread = false;
  Thread t({.name = "clock"}, [&] {
    const plait::detail::StrandRecord& record = *plait::detail::this_thread_strand().record;
    name = plait::detail::name_of(record);
    is_thread = record.kind == plait::StrandKind::thread;
    line = __builtin_bit_cast(std::source_location, record.spawned_at.load()).line();
  });
  const unsigned here = std::source_location::current().line() + 1;
  t.start();
  t.join();
  EXPECT_EQ(name, "clock");
  EXPECT_TRUE(is_thread);
  EXPECT_EQ(line, here);
}

TEST(Thread, InheritsBeingADaemonUnlessToldOtherwise) {
  bool inherited = false, told = true;
  Thread t({.daemon = true}, [&] {
    inherited = Thread([] {}).daemon();
    told = Thread({.daemon = false}, [] {}).daemon();
  });
  EXPECT_TRUE(t.daemon());
  EXPECT_FALSE(Thread([] {}).daemon());
  t.start();
  t.join();
  EXPECT_TRUE(inherited);
  EXPECT_FALSE(told);
}

TEST(Thread, BecomesADaemonOnlyBeforeItsStart) {
  Thread t([] {});
  t.daemon(true);
  EXPECT_TRUE(t.daemon());
  t.daemon(false);
  t.start();
  const std::string expected = "plait: Thread \"" + t.name() + "\": daemon() is set before start().";
  EXPECT_EQ(message_of([&] { t.daemon(true); }), expected);
  t.join();
  EXPECT_EQ(message_of([&] { t.daemon(true); }), expected);
}

TEST(Thread, IsStartedOnlyOnce) {
  Thread t({.name = "t"}, [] {});
  t.start();
  const std::string expected = "plait: Thread \"t\": start() may be called only once.";
  EXPECT_EQ(message_of([&] { t.start(); }), expected);
  t.join();
  EXPECT_EQ(message_of([&] { t.start(); }), expected);
}

TEST(Thread, IsJoinedNeitherBeforeItsStartNorByItself) {
  Thread t({.name = "t"}, [&t] {
    EXPECT_EQ(message_of([&t] { t.join(); }), "plait: Thread \"t\": join() of the thread by itself would never end.");
    EXPECT_THROW(t.join(1ms), std::logic_error);
  });
  EXPECT_EQ(message_of([&t] { t.join(); }), "plait: Thread \"t\": join() before start().");
  EXPECT_THROW(t.join(1ms), std::logic_error);
  t.start();
  t.join();
}

TEST(Thread, IsNotJoinedOnALoopsThread) {
  Thread t([] {});
  t.start();
  plait::run([&t]() -> plait::Task<> {
    EXPECT_NE(message_of([&t] { t.join(); }).find("Thread::join() would block the event loop"), std::string::npos);
    co_return;
  });
  t.join();
}

TEST(Thread, JoinWithALimitSaysWhetherItHasEnded) {
  VirtualTime time;
  Thread t([] { plait::sleep_for(10s); });
  t.start();
  EXPECT_FALSE(t.join(4s));
  EXPECT_EQ(time.elapsed(), 4s);
  EXPECT_TRUE(t.is_alive());
  EXPECT_FALSE(t.join(0s));
  EXPECT_FALSE(t.join(-1s));
  EXPECT_TRUE(t.join(1h));
  EXPECT_EQ(time.elapsed(), 10s);
  EXPECT_FALSE(t.is_alive());
  EXPECT_TRUE(t.join(0s));
  t.join();
}

TEST(Thread, RefusesALimitThatIsNotANumber) {
  Thread t([] {});
  t.start();
  EXPECT_THROW(t.join(std::chrono::duration<double>(NAN)), std::logic_error);
  t.join();
}

TEST(Thread, IsJoinedByManyThreadsAtOnce) {
  for (int round = 0; round < 20; ++round) {
    std::binary_semaphore gate(0);
    bool ran = false;
    Thread t([&] {
      gate.acquire();
      ran = true;
    });
    t.start();
    std::atomic<int> joined{0};
    std::vector<Thread> joiners;
    for (int i = 0; i < 10; ++i) {
      joiners.emplace_back([&] {
        t.join();
        EXPECT_TRUE(ran);
        ++joined;
      });
    }
    for (Thread& joiner : joiners) joiner.start();
    gate.release();
    for (Thread& joiner : joiners) joiner.join();
    EXPECT_EQ(joined, 10);
  }
}

TEST(Thread, JoinersWhoGiveUpLeaveTheOthersWaiting) {
  VirtualTime time;
  Thread t([] { plait::sleep_for(10s); });
  t.start();
  std::atomic<int> gave_up{0}, joined{0};
  std::vector<Thread> joiners;
  for (int i = 0; i < 8; ++i) {
    joiners.emplace_back([&t, &gave_up, &joined, i] {
      if (i % 2 == 0) {
        gave_up += !t.join(std::chrono::seconds(i));
      } else {
        joined += t.join(1min);
      }
    });
  }
  for (Thread& joiner : joiners) joiner.start();
  for (Thread& joiner : joiners) joiner.join();
  EXPECT_EQ(gave_up, 4);
  EXPECT_EQ(joined, 4);
  EXPECT_EQ(time.elapsed(), 10s);
}

TEST(Thread, JoinWaitsForThreadLocalObjects) {
  static std::atomic<bool> destroyed;
  struct Local {
    ~Local() {
      plait::sleep_for(1s);
      destroyed = true;
    }
    int touched = 0;
  };
  VirtualTime time;
  destroyed = false;
  Thread t([] {
    thread_local Local local;
    local.touched = 1;
  });
  t.start();
  t.join();
  EXPECT_TRUE(destroyed);
  EXPECT_EQ(time.elapsed(), 1s);
}

struct Counter : Thread {
  explicit Counter(int count) : Thread({.name = "counter"}), count(count) {}
  void run() override {
    for (int i = 0; i < count; ++i) ++sum;
  }
  int count;
  int sum = 0;
};

TEST(Thread, RunsTheOverrideOfASubclass) {
  Counter counter(10);
  counter.start();
  counter.join();
  EXPECT_EQ(counter.sum, 10);
  EXPECT_EQ(counter.name(), "counter");
  EXPECT_THROW(counter.start(), std::logic_error);
}

TEST(Thread, LetsASubclassCallTheCallableOfItsBase) {
  struct Loud : Thread {
    using Thread::Thread;
    void run() override {
      before = true;
      Thread::run();
    }
    bool before = false;
  };
  bool called = false;
  Loud loud([&called] { called = true; });
  loud.start();
  loud.join();
  EXPECT_TRUE(loud.before);
  EXPECT_TRUE(called);
}

TEST(Thread, DoesNothingWithoutABody) {
  Thread t;
  t.start();
  t.join();
  EXPECT_FALSE(t.is_alive());
}

TEST(Thread, CanBeMovedWhileItRuns) {
  std::binary_semaphore gate(0);
  Thread a([&gate] { gate.acquire(); });
  a.start();
  Thread b = std::move(a);
  EXPECT_FALSE(a.is_alive());
  EXPECT_EQ(message_of([&a] { a.join(); }), "plait: Thread: this object was moved from.");
  EXPECT_TRUE(b.is_alive());
  gate.release();
  b.join();
  a = std::move(b);
  a.join();
}

TEST(ThreadDeathTest, MovingASubclassObjectEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Counter counter(1);
        Counter moved = std::move(counter);
      },
      "plait: Thread \"counter\": an object of a subclass of Thread can't be moved.");
}

TEST(Thread, GoesOnWhenItsObjectIsDestroyed) {
  static std::binary_semaphore gate(0), done(0);  // the thread may still be in release() when the test ends
  {
    Thread t([&] {
      gate.acquire();
      done.release();
    });
    t.start();
  }
  gate.release();
  done.acquire();
}

TEST(Thread, ReportsAnExceptionWithItsNameAndLineAndEnds) {
  plait::test::Unretrieved unretrieved;
  Thread t({.name = "unlucky"}, [] { throw std::runtime_error("bad luck"); });
  const unsigned here = std::source_location::current().line() + 1;
  t.start();
  t.join();
  Thread cancelled([] { throw plait::Cancelled{}; });
  cancelled.start();
  cancelled.join();
  const auto reports = unretrieved.errors();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].name, "unlucky");
  EXPECT_EQ(reports[0].spawned_at.line(), here);
  EXPECT_EQ(plait::describe(reports[0].error), "std::runtime_error: bad luck");
}

TEST(Thread, TakesTheStackSizeOfItsOptions) {
  // 24 MiB on the stack do not fit into the usual 8.
  int touched = 0;
  Thread t({.stack_size = 32 << 20}, [&touched] {
    volatile char big[24 << 20];
    for (std::size_t i = 0; i < sizeof big; i += 4096) big[i] = 1;
    touched = big[0];
  });
  t.start();
  t.join();
  EXPECT_EQ(touched, 1);
}

TEST(Thread, ThatTheSystemRefusesMayBeTriedAgain) {
  Thread t({.name = "huge", .stack_size = std::size_t{1} << 46}, [] {});
  try {
    t.start();
    FAIL() << "the system gave a stack of 64 TiB";
  } catch (const std::system_error& e) {
    EXPECT_NE(std::string(e.what()).find("starting thread \"huge\""), std::string::npos) << e.what();
  }
  EXPECT_FALSE(t.is_alive());
  EXPECT_THROW(t.start(), std::system_error);
}

TEST(Thread, StartsAndEndsThousandsOfTimesWithoutLeavingAnythingBehind) {
  const auto threads_of_the_process = [] {
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("Threads:")) return std::stoi(line.substr(8));
    }
    return 0;
  };
  // A sanitizer starts a thread of its own beside the first one.
  Thread first([] {});
  first.start();
  first.join();
  const int before = threads_of_the_process();
  std::atomic<int> ran{0};
  for (int i = 0; i < 2000; ++i) {
    Thread t([&ran] { ++ran; });
    t.start();
    if (i % 2 == 0) t.join();
  }
  while (ran != 2000) plait::sleep_for(1ms);
  Thread last([] {});
  last.start();
  last.join();
  while (threads_of_the_process() > before) plait::sleep_for(1ms);
}

TEST(SpawnThread, GivesTheResult) {
  EXPECT_EQ(plait::spawn_thread([](int a, int b) { return a + b; }, 2, 3).result(), 5);
  EXPECT_EQ(*plait::spawn_thread([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(7)).result(), 7);
  plait::spawn_thread([] {}).result();
  int n = 0;
  EXPECT_EQ(&plait::spawn_thread([&n]() -> int& { return n; }).result(), &n);
}

TEST(SpawnThread, GivesTheError) {
  EXPECT_THROW(plait::spawn_thread([] { throw std::out_of_range("far"); }).result(), std::out_of_range);
}

TEST(SpawnThread, IsAwaitedByTasks) {
  const auto result = plait::testing::run([]() -> plait::Task<int> {
    plait::Future<int> f = plait::spawn_thread({.name = "reader"}, [] {
      plait::sleep_for(5s);
      return 42;
    });
    int ticks = 0;
    while (!f.done()) {
      co_await plait::sleep(1s);
      ++ticks;
    }
    EXPECT_GE(ticks, 5);
    co_return co_await f;
  });
  EXPECT_EQ(result.value, 42);
}

TEST(SpawnThread, GoesOnWhenItsFutureIsDropped) {
  static std::binary_semaphore gate(0), done(0);  // the thread may still be in release() when the test ends
  static_cast<void>(plait::spawn_thread([&] {
    gate.acquire();
    done.release();
  }));
  gate.release();
  done.acquire();
}

TEST(SpawnThread, IsNotInterruptedByCancel) {
  std::binary_semaphore gate(0);
  plait::Future<int> f = plait::spawn_thread([&gate] {
    gate.acquire();
    return 1;
  });
  f.cancel();
  EXPECT_FALSE(f.done());
  gate.release();
  EXPECT_EQ(f.result(), 1);
}

TEST(SpawnThread, ReportsAnErrorNobodyRetrievedWithItsNameAndLine) {
  plait::test::Unretrieved unretrieved;
  const auto fail = [] { throw std::runtime_error("no"); };
  const unsigned here = std::source_location::current().line() + 1;
  plait::Future<void> f = plait::spawn_thread({.name = "unlucky"}, fail);
  EXPECT_TRUE(f.wait_for(1min));
  EXPECT_TRUE(unretrieved.seen().empty());
  f = {};
  const auto reports = unretrieved.errors();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].name, "unlucky");
  EXPECT_EQ(reports[0].spawned_at.line(), here);
}

TEST(SpawnThread, DestroysTheFunctionBeforeTheResultIsThere) {
  auto held = std::make_shared<int>(1);
  plait::spawn_thread([held] { return *held; }).result();
  EXPECT_EQ(held.use_count(), 1);
}

TEST(SpawnThread, ThrowsIfTheSystemHasNoThreadToGive) {
  EXPECT_THROW(static_cast<void>(plait::spawn_thread({.stack_size = std::size_t{1} << 46}, [] {})), std::system_error);
}

}  // namespace
