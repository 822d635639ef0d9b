// SPDX-License-Identifier: BSL-1.0
//
// Threads as others see them: names, ids, and who is there; what their options do.
#include "plait/thread/thread_view.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <semaphore>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/os/futex.hpp"
#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/child_process.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::rounds;

bool listed(const ThreadView& thread) { return std::ranges::count(enumerate(), thread) == 1; }

std::vector<int> processors_of_this_thread() {
  cpu_set_t set;
  EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  std::vector<int> numbers;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) numbers.push_back(i);
  }
  return numbers;
}

template <class F>
std::string refusal_of(F f) {
  try {
    f();
  } catch (const std::system_error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(ThreadIds, AreZeroBeforeTheStartAndStayAfterTheEnd) {
  int inside = 0;
  std::uint64_t own = 0;
  Thread thread([&] {
    inside = os::thread_id();
    own = current_thread().ident();
  });
  EXPECT_EQ(thread.ident(), 0u);
  EXPECT_EQ(thread.native_id(), 0);
  thread.start();
  EXPECT_NE(thread.ident(), 0u);
  EXPECT_NE(thread.native_id(), 0);
  thread.join();
  EXPECT_EQ(thread.native_id(), inside);
  EXPECT_EQ(thread.ident(), own);
}

TEST(ThreadIds, AreThereWhenTheStartReturns) {
  for (int i = 0; i < rounds(500); ++i) {
    std::binary_semaphore gate(0);
    int inside = 0;
    Thread thread([&] {
      inside = os::thread_id();
      gate.acquire();
    });
    thread.start();
    const int outside = thread.native_id();
    gate.release();
    thread.join();
    EXPECT_EQ(outside, inside);
  }
}

TEST(ThreadIds, AreThoseOfTheRecordOfStrandsAndNeverUsedTwice) {
  std::set<std::uint64_t> idents;
  for (int i = 0; i < 100; ++i) {
    Thread thread([&] {
      const auto all = strands();
      EXPECT_TRUE(std::ranges::any_of(all, [&](const StrandInfo& s) {
        return s.id == current_thread().ident() && s.thread_id == current_thread().native_id();
      }));
    });
    thread.start();
    idents.insert(thread.ident());
    thread.join();
  }
  EXPECT_EQ(idents.size(), 100u);
}

TEST(ThreadIds, OfAThreadThatCouldNotBeStartedAreZero) {
  Thread thread({.stack_size = std::size_t{1} << 46}, [] {});
  EXPECT_THROW(thread.start(), std::system_error);
  EXPECT_EQ(thread.ident(), 0u);
  EXPECT_EQ(thread.native_id(), 0);
  EXPECT_EQ(std::ranges::count(enumerate(), thread.name(), &ThreadView::name), 0);
}

TEST(ThreadOptionsTest, TheKernelShowsTheNameToOthers) {
  std::binary_semaphore gate(0), runs(0);
  Thread thread({.name = "seen from outside"}, [&] {
    runs.release();
    gate.acquire();
  });
  thread.start();
  runs.acquire();
  std::ifstream file("/proc/self/task/" + std::to_string(thread.native_id()) + "/comm");
  std::string name;
  std::getline(file, name);
  EXPECT_EQ(name, "seen from outsi");
  gate.release();
  thread.join();
}

TEST(ThreadOptionsTest, TheStackHasTheSizeThatWasAskedFor) {
  for (const std::size_t wanted : {std::size_t{32} << 20, std::size_t{20'000'001}}) {
    std::size_t size = 0;
    Thread thread({.stack_size = wanted}, [&] {
      pthread_attr_t attributes;
      ::pthread_getattr_np(::pthread_self(), &attributes);
      ::pthread_attr_getstacksize(&attributes, &size);
      ::pthread_attr_destroy(&attributes);
    });
    thread.start();
    thread.join();
    EXPECT_GE(size, wanted);
  }
}

TEST(ThreadOptionsTest, TheThreadRunsOnTheProcessorsThatWereAskedFor) {
  for (const int number : processors_of_this_thread()) {
    std::vector<int> seen;
    std::vector<int> wanted{number};
    Thread thread({.affinity = wanted}, [&] { seen = processors_of_this_thread(); });
    wanted[0] = -1;  // was copied
    thread.start();
    thread.join();
    EXPECT_EQ(seen, std::vector<int>{number});
    const int one[] = {number};
    EXPECT_EQ(spawn_thread({.affinity = one}, processors_of_this_thread).result(), std::vector<int>{number});
  }
}

TEST(ThreadOptionsTest, ProcessorsThatAreNotThereAreRefusedAtTheStart) {
  for (const int number : {-1, 100'000}) {
    const int numbers[] = {0, number};
    Thread thread({.name = "t", .affinity = numbers}, [] {});
    EXPECT_EQ(refusal_of([&] { thread.start(); }), "starting thread \"t\" on processor " + std::to_string(number) +
                                                       ", which is not there: Invalid argument");
    EXPECT_FALSE(thread.is_alive());
    EXPECT_THROW(static_cast<void>(spawn_thread({.affinity = numbers}, [] {})), std::system_error);
  }
}

TEST(CurrentThread, IsTheThreadThatAsks) {
  Thread thread({.name = "asks", .daemon = true}, [&] {
    const ThreadView me = current_thread();
    EXPECT_EQ(me, current_thread());
    EXPECT_EQ(me.name(), "asks");
    EXPECT_TRUE(me.daemon());
    EXPECT_TRUE(me.is_alive());
    EXPECT_EQ(me.native_id(), os::thread_id());
    EXPECT_FALSE(me == main_thread());
    run([&]() -> Task<> {  // in a task, that of its loop
      EXPECT_EQ(current_thread(), me);
      co_return;
    });
  });
  thread.start();
  thread.join();
}

TEST(CurrentThread, OutlivesTheThreadAndItsHandle) {
  const ThreadView view = spawn_thread({.name = "gone"}, [] { return current_thread(); }).result();
  view.join();
  EXPECT_FALSE(view.is_alive());
  EXPECT_EQ(view.name(), "gone");
  EXPECT_NE(view.native_id(), 0);
  EXPECT_FALSE(listed(view));
  EXPECT_TRUE(view.join(0s));
  sync_wait(view);
}

TEST(CurrentThread, IsKnownInAForeignThreadToo) {
  ThreadView view = main_thread();
  std::thread foreign([&] {
    ::pthread_setname_np(::pthread_self(), "from outside");
    view = current_thread();
    EXPECT_EQ(view, current_thread());
    EXPECT_EQ(view.name(), "from outside");
    EXPECT_EQ(view.native_id(), os::thread_id());
    EXPECT_NE(view.ident(), 0u);
    EXPECT_FALSE(view.daemon());
    EXPECT_TRUE(view.is_alive());
    EXPECT_TRUE(listed(view));
  });
  foreign.join();
  EXPECT_FALSE(view.is_alive());
  EXPECT_FALSE(listed(view));
  try {
    view.join();
    FAIL();
  } catch (const std::logic_error& e) {
    EXPECT_EQ(
        std::string(e.what()),
        "plait: thread \"from outside\": join() of a thread that Plait did not start; only who started it can wait "
        "for its end.");
  }
}

TEST(CurrentThread, MayBeAskedForInDestructorsOfThreadLocalObjects) {
  struct Asks {
    ~Asks() { EXPECT_NE(current_thread().native_id(), 0); }
    int touched = 0;
  };
  const auto touch = [] {
    thread_local Asks first;  // destroyed after the thread's own mark
    first.touched = 1;
    static_cast<void>(current_thread());
    thread_local Asks last;
    last.touched = 1;
  };
  std::thread(touch).join();
  Thread thread(touch);
  thread.start();
  thread.join();
}

TEST(MainThread, IsTheSameForAll) {
  const ThreadView main = main_thread();
  EXPECT_EQ(main, current_thread());
  EXPECT_EQ(main.name(), "main");
  EXPECT_EQ(main.native_id(), ::getpid());
  EXPECT_NE(main.ident(), 0u);
  EXPECT_TRUE(main.is_alive());
  EXPECT_FALSE(main.daemon());
  EXPECT_EQ(spawn_thread([] { return main_thread(); }).result(), main);
  EXPECT_THROW(main.join(), std::logic_error);
}

TEST(Enumerate, ListsThreadsFromTheirStartToTheirEnd) {
  std::binary_semaphore gate(0);
  EXPECT_EQ(std::ranges::count(enumerate(), main_thread()), 1);
  Thread thread({.name = "listed"}, [&] { gate.acquire(); });
  EXPECT_EQ(std::ranges::count(enumerate(), "listed", &ThreadView::name), 0);
  thread.start();
  const auto all = enumerate();
  const auto found = std::ranges::find(all, thread.ident(), &ThreadView::ident);
  ASSERT_NE(found, all.end());
  EXPECT_EQ(found->name(), "listed");
  gate.release();
  found->join();
  EXPECT_FALSE(listed(*found));
}

TEST(Enumerate, GivesAsManyAsActiveCountSays) {
  std::counting_semaphore<> gate(0);
  std::vector<Thread> threads;
  for (int i = 0; i < 20; ++i) threads.emplace_back([&] { gate.acquire(); }).start();
  // Threads of earlier tests may be ending.
  while (active_count() != enumerate().size()) std::this_thread::yield();
  const std::size_t with_all = active_count();
  EXPECT_GE(with_all, 21u);
  gate.release(20);
  for (Thread& thread : threads) thread.join();
  EXPECT_LE(active_count(), with_all - 20);
}

TEST(Enumerate, IsRightWhileThreadsComeAndGo) {
  std::atomic<bool> stop{false};
  std::vector<Thread> makers;
  for (int i = 0; i < 2; ++i) {
    makers.emplace_back([&] {
      while (!stop) {
        Thread thread([] { static_cast<void>(current_thread().name()); });
        thread.start();
        std::thread foreign([] { static_cast<void>(current_thread()); });
        thread.join();
        foreign.join();
      }
    });
  }
  for (Thread& maker : makers) maker.start();
  for (int i = 0; i < rounds(500); ++i) {
    const auto all = enumerate();
    EXPECT_EQ(std::ranges::count(all, main_thread()), 1);
    EXPECT_GE(all.size(), 3u);
    for (const ThreadView& one : all) EXPECT_NE(one.native_id(), 0) << one.name();
  }
  stop = true;
  for (Thread& maker : makers) maker.join();
}

TEST(Enumerate, ListsInAForkedChildTheForkingThreadAlone) {
  std::binary_semaphore gate(0);
  Thread other([&] { gate.acquire(); });
  other.start();
  const auto in_child = [&] {
    return test::in_forked_child([&] {
      const auto all = enumerate();
      return all.size() == 1 && all[0] == current_thread() && main_thread() == current_thread() &&
             main_thread().native_id() == ::getpid() && !other.is_alive() && other.join(1h);
    });
  };
  EXPECT_TRUE(in_child());
  EXPECT_TRUE(spawn_thread(in_child).result());
  bool by_foreign = false;
  std::thread([&] { by_foreign = in_child(); }).join();
  EXPECT_TRUE(by_foreign);
  gate.release();
  other.join();
}

}  // namespace
}  // namespace plait
