// SPDX-License-Identifier: BSL-1.0
//
// What CPython's test_threading.py asks of threads, and trio's test_threads.py of calls in them, asked of Plait. Each
// test names its source. Those about the program's end are programs of their own, in tests/thread/exit_test.cpp and
// exit_matrix_test.cpp; README.md says which.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <semaphore>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/build.hpp"
#include "support/child_process.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::in_forked_child;
using test::rounds;
using testing::VirtualTime;

bool is_listed(std::uint64_t ident) { return std::ranges::count(enumerate(), ident, &ThreadView::ident) != 0; }

template <class F>
std::string refusal_of(F f) {
  try {
    f();
  } catch (const std::logic_error& e) {
    return e.what();
  }
  return "";
}

// ThreadTests.test_name
TEST(Threads, HaveTheNameTheyWereGivenOrOneOfTheirOwn) {
  EXPECT_EQ(Thread({.name = "myname1"}, [] {}).name(), "myname1");
  EXPECT_TRUE(Thread([] {}).name().starts_with("Thread-"));
  Thread a([] {}), b([] {});
  EXPECT_NE(a.name(), b.name());
}

// ThreadTests.test_args_argument
TEST(Threads, TakeAnyArguments) {
  std::vector<int> seen;
  const auto call = [&](auto f, auto... args) {
    Thread thread(f, args...);
    thread.start();
    thread.join();
  };
  call([&] { seen.push_back(0); });
  call([&](int n) { seen.push_back(n); }, 1);
  call([&](int n, const std::string& s) { seen.push_back(n + static_cast<int>(s.size())); }, 1, "a");
  EXPECT_EQ(seen, (std::vector{0, 1, 2}));
}

// ThreadTests.test_various_ops, test_various_ops_small_stack, test_various_ops_large_stack
TEST(Threads, DoVariousThingsOnStacksOfAnySize) {
  for (const std::size_t stack : {std::size_t{0}, std::size_t{262'144}, std::size_t{0x100000}}) {
    BoundedSemaphore semaphore(3);
    std::atomic<int> running{0}, most{0};
    std::vector<Thread> threads;
    for (int i = 0; i < 10; ++i) {
      threads.emplace_back(ThreadOptions{.name = "<thread>", .stack_size = stack}, [&] {
        auto guard = sync_wait(semaphore.guard());
        const int now_running = ++running;
        for (int seen = most; seen < now_running && !most.compare_exchange_weak(seen, now_running);) {
        }
        std::this_thread::yield();
        --running;
      });
      EXPECT_EQ(threads.back().ident(), 0u);
      EXPECT_FALSE(threads.back().is_alive());
      threads.back().start();
      EXPECT_NE(threads.back().native_id(), 0);
    }
    std::set<std::uint64_t> idents{current_thread().ident()};
    for (const Thread& t : threads) idents.insert(t.ident());
    EXPECT_EQ(idents.size(), 11u);
    for (Thread& t : threads) {
      t.join();
      EXPECT_FALSE(t.is_alive());
      EXPECT_NE(t.ident(), 0u);
    }
    EXPECT_EQ(running, 0);
    EXPECT_LE(most, 3);
  }
}

// ThreadTests.test_ident_of_no_threading_threads, test_foreign_thread
TEST(Threads, AreKnownThoughSomebodyElseStartedThem) {
  EXPECT_NE(current_thread().ident(), 0u);
  Lock lock;
  lock.lock();
  ThreadView foreign = current_thread();
  std::thread thread([&] {
    foreign = current_thread();
    EXPECT_TRUE(foreign.is_alive());
    EXPECT_TRUE(is_listed(foreign.ident()));
    lock.unlock();
  });
  lock.lock();
  thread.join();
  lock.unlock();
  EXPECT_NE(foreign.ident(), current_thread().ident());
  EXPECT_FALSE(foreign.is_alive());
  EXPECT_FALSE(is_listed(foreign.ident()));
}

// ThreadTests.test_limbo_cleanup, test_start_new_thread_failed
TEST(Threads, ThatTheSystemRefusesToStartLeaveNoTrace) {
  Thread thread({.name = "fail", .stack_size = std::size_t{1} << 46}, [] {});
  EXPECT_THROW(thread.start(), std::system_error);
  EXPECT_EQ(std::ranges::count(enumerate(), "fail", &ThreadView::name), 0);
  EXPECT_FALSE(thread.is_alive());
}

// ThreadTests.test_enumerate_after_join
TEST(Threads, AreNotListedOnceTheyAreJoined) {
  for (int i = 0; i < rounds(200); ++i) {
    Thread thread([] {});
    thread.start();
    thread.join();
    EXPECT_FALSE(is_listed(thread.ident()));
  }
}

// ThreadTests.test_join_from_multiple_threads
TEST(Threads, AreJoinedByManyAtOnceOnceAndAgain) {
  VirtualTime time;
  std::atomic<int> errors{0};
  Thread target([] { sleep_for(100ms); });
  target.start();
  std::vector<Thread> joiners;
  for (int i = 0; i < 10; ++i) {
    joiners.emplace_back([&] {
      if (target.join(10ms)) ++errors;
      target.join();
      target.join();
      if (target.is_alive()) ++errors;
    });
  }
  for (Thread& joiner : joiners) joiner.start();
  for (Thread& joiner : joiners) joiner.join();
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(time.elapsed(), 100ms);
}

// ThreadTests.test_join_with_timeout
TEST(Threads, AreJoinedForATimeThatMayPass) {
  VirtualTime time;
  Lock lock;
  lock.lock();
  Thread thread([&] { std::scoped_lock guard(lock); });
  thread.start();
  EXPECT_FALSE(thread.join(-1s));  // a time that has passed
  EXPECT_FALSE(thread.join(0s));
  EXPECT_EQ(time.elapsed(), 0s);
  EXPECT_FALSE(thread.join(10ms));
  EXPECT_TRUE(thread.is_alive());
  lock.unlock();
  EXPECT_TRUE(thread.join(10s));
  EXPECT_FALSE(thread.is_alive());
}

// ThreadTests.test_daemon_param
TEST(Threads, AreDaemonsIfToldSoOrIfTheirMakerIs) {
  EXPECT_FALSE(Thread([] {}).daemon());
  EXPECT_FALSE(Thread({.daemon = false}, [] {}).daemon());
  EXPECT_TRUE(Thread({.daemon = true}, [] {}).daemon());
  EXPECT_TRUE(spawn_thread({.daemon = true}, [] { return Thread([] {}).daemon(); }).result());
}

// ThreadTests.test_main_thread
TEST(Threads, KnowTheMainThread) {
  const ThreadView main = main_thread();
  EXPECT_EQ(main, current_thread());
  EXPECT_NE(main.ident(), 0u);
  const auto [other, inside] = spawn_thread([] { return std::pair(current_thread(), main_thread()); }).result();
  EXPECT_NE(other.ident(), main.ident());
  EXPECT_EQ(inside, main);
}

// ThreadTests.test_is_alive_after_fork, test_dummy_thread_after_fork, test_main_thread_after_fork,
// test_main_thread_after_fork_from_nonmain_thread, …_from_foreign_thread, …_from_dummy_thread
TEST(Threads, OfTheParentAreNotAliveInAForkedChildWhoseMainThreadIsTheOneThatForked) {
  std::binary_semaphore gate(0), ready(0), stop(0);
  Thread other([&] { gate.acquire(); });
  other.start();
  std::thread dummy([&] {
    static_cast<void>(current_thread());
    ready.release();
    stop.acquire();
  });
  ready.acquire();
  const auto only_one = [&] {
    return in_forked_child([&] {
      return !other.is_alive() && active_count() == 1 && main_thread() == current_thread() &&
             current_thread().is_alive() &&
             // ThreadSanitizer starts no threads after the fork of a program with several.
             (test::kSanitized || spawn_thread([] { return active_count(); }).result() == 2);
    });
  };
  for (int i = 0; i < rounds(20); ++i) {
    EXPECT_TRUE(only_one());
    EXPECT_TRUE(spawn_thread(only_one).result());
    bool by_foreign = false, by_dummy = false;
    std::thread([&] { by_foreign = only_one(); }).join();
    std::thread([&] {
      static_cast<void>(current_thread());
      by_dummy = only_one();
    }).join();
    EXPECT_TRUE(by_foreign);
    EXPECT_TRUE(by_dummy);
  }
  gate.release();
  stop.release();
  other.join();
  dummy.join();
}

// After a fork the locks of the runtime are as new, whatever the other threads did meanwhile: threading._after_fork,
// ThreadTests.test_reinit_tls_after_fork, lock_tests.py: EventTests.test_reset_internal_locks
TEST(Threads, OfTheParentMayBeAnywhereInPlaitWhenItForks) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer has locks of its own, which the child may find held";
  std::atomic<bool> stop{false};
  const auto sleeps = []() -> Task<> { co_await gather(sleep(0s), sleep(0s)); };
  std::thread noise[] = {std::thread([&] {
                           while (!stop) {
                             ThreadPool pool(1);
                             pool.submit([] {}).result();
                           }
                         }),
                         std::thread([&] {
                           while (!stop) run(sleeps());
                         }),
                         std::thread([&] {
                           while (!stop) std::thread([&] { sync_wait(sleeps()); }).join();
                         })};
  for (int i = 0; i < 300 && !HasFailure(); ++i) {
    EXPECT_TRUE(in_forked_child([&] {
      ::alarm(30);
      ThreadPool own(1);
      const int sum = own.submit([] { return 2; }).result() + spawn_thread([] { return 3; }).result();
      run(sleeps());
      return sum == 5;
    }));
  }
  stop = true;
  for (std::thread& thread : noise) thread.join();
}

// ThreadTests.test_no_refcycle_through_target
TEST(Threads, KeepNothingOfWhatTheyWereGivenBeyondTheirEnd) {
  for (const bool fails : {false, true}) {
    test::Unretrieved reported;
    auto held = std::make_shared<int>();
    Thread thread([fails](const std::shared_ptr<int>&) { fails ? throw std::runtime_error("no") : void(); }, held);
    thread.start();
    thread.join();
    EXPECT_EQ(held.use_count(), 1);
  }
}

// ThreadTests.test_leak_without_join
TEST(Threads, NeedNoJoin) {
  std::atomic<int> ended{0};
  for (int i = 0; i < rounds(200); ++i) Thread([&] { ++ended; }).start();
  while (ended != rounds(200)) std::this_thread::yield();
}

// ThreadingExceptionTests.test_start_thread_again, test_joining_current_thread, test_joining_inactive_thread,
// test_daemonize_active_thread
TEST(Threads, RefuseWhatMakesNoSense) {
  Thread thread({.name = "t"}, [&] {
    EXPECT_NE(refusal_of([] { current_thread().join(); }), "");
    EXPECT_NE(refusal_of([&] { thread.join(); }), "");
  });
  EXPECT_NE(refusal_of([&] { thread.join(); }), "");
  thread.start();
  EXPECT_NE(refusal_of([&] { thread.start(); }), "");
  EXPECT_NE(refusal_of([&] { thread.daemon(true); }), "");
  thread.join();
  EXPECT_NE(refusal_of([&] { thread.start(); }), "");
}

class ThreadRunFails : public Thread {
 public:
  ThreadRunFails() : Thread({.name = "excepthook thread"}) {}
  void run() override { throw std::runtime_error("run failed"); }
};

std::string printed_by(Thread& thread) {
  ::testing::internal::CaptureStderr();
  thread.start();
  thread.join();
  return ::testing::internal::GetCapturedStderr();
}

// ThreadingExceptionTests.test_print_exception, ExceptHookTests.test_excepthook
TEST(ThreadHook, PrintsTheNameAndTheErrorOfAThreadByDefault) {
  ThreadRunFails thread;
  const std::string printed = printed_by(thread);
  EXPECT_NE(printed.find("\"excepthook thread\""), std::string::npos) << printed;
  EXPECT_NE(printed.find("std::runtime_error: run failed"), std::string::npos) << printed;
}

// ExceptHookTests.test_system_exit: what ends a thread on purpose is silent; here that is Cancelled.
TEST(ThreadHook, IsSilentAboutAThreadThatIsCancelled) {
  Thread thread([] { throw Cancelled{}; });
  EXPECT_EQ(printed_by(thread), "");
}

// ExceptHookTests.test_custom_excepthook
TEST(ThreadHook, MayBeReplaced) {
  static std::string error, name;
  const auto before = set_thread_exception_hook([](const ThreadException& e) {
    error = describe(e.error);
    name = e.thread.name();
  });
  ThreadRunFails thread;
  EXPECT_EQ(printed_by(thread), "");
  set_thread_exception_hook(before);
  EXPECT_EQ(error, "std::runtime_error: run failed");
  EXPECT_EQ(name, "excepthook thread");
}

// ExceptHookTests.test_custom_excepthook_fail
TEST(ThreadHook, ThatFailsIsReportedToo) {
  const auto before = set_thread_exception_hook([](const ThreadException&) { throw std::logic_error("hook failed"); });
  ThreadRunFails thread;
  const std::string printed = printed_by(thread);
  set_thread_exception_hook(before);
  EXPECT_NE(printed.find("hook failed"), std::string::npos) << printed;
  EXPECT_NE(printed.find("run failed"), std::string::npos) << printed;
}

// ExceptHookTests.test_original_excepthook
TEST(ThreadHook, MayBeThatOfOthersWhichCallsTheOriginal) {
  const auto before = set_thread_exception_hook(default_thread_exception_hook);
  ThreadRunFails thread;
  const std::string printed = printed_by(thread);
  set_thread_exception_hook(before);
  EXPECT_NE(printed.find("run failed"), std::string::npos) << printed;
}

// test_threading_local.py: BaseLocalTest.test_local_refs, test_derived, test_threading_local;
// Lib/_threading_local.py: a subclass' __init__ is called in each thread
TEST(ThreadLocals, AreEachThreadsOwnAndGoWithTheThreadOrTheObject) {
  struct Weak {
    std::shared_ptr<int> token;
  };
  const auto token = std::make_shared<int>();
  {
    Local<Weak> local([token] { return Weak{token}; });
    const long factory = token.use_count();
    std::vector<Thread> threads;
    std::counting_semaphore<> gate(0), ready(0);
    for (int i = 0; i < 10; ++i) {
      threads.emplace_back([&] {
        EXPECT_NE(local->token, nullptr);
        ready.release();
        gate.acquire();
      });
      threads.back().start();
    }
    for (int i = 0; i < 10; ++i) ready.acquire();
    EXPECT_EQ(token.use_count(), factory + 10);
    gate.release(10);
    for (Thread& t : threads) t.join();
    EXPECT_EQ(token.use_count(), factory);
    EXPECT_NE(local->token, nullptr);
  }
  EXPECT_EQ(token.use_count(), 1);
}

// 53. trio, _tests/test_threads.py: test_run_in_worker_thread_limiter
TEST(CallsInThreads, KeepTheirTokensUntilTheyReturnEvenIfTheyAreAbandoned) {
  constexpr int kMost = 5, kCount = 2 * kMost;
  for (const bool cancel : {false, true}) {
    struct State {
      std::atomic<bool> go{false};
      std::atomic<int> ran{0}, running{0}, most{0};
    };
    auto state = std::make_shared<State>();
    auto limiter = std::make_shared<CapacityLimiter>(kMost);
    const auto work = [state] {
      ++state->ran;
      const int running = ++state->running;
      for (int seen = state->most; seen < running && !state->most.compare_exchange_weak(seen, running);) {
      }
      while (!state->go) std::this_thread::yield();
      --state->running;
    };
    run([&]() -> Task<> {
      const auto call = [&]() -> Task<> {
        const ToThreadOptions options{.abandon_on_cancel = true, .limiter = limiter.get()};
        co_await to_thread(options, std::cref(work));
      };
      std::vector<Future<void>> calls;
      for (int i = 0; i < kCount; ++i) calls.push_back(spawn(call));
      while (state->running != kMost) co_await yield_now();
      co_await test::turns(50);
      EXPECT_EQ(state->ran, kMost);
      EXPECT_EQ(limiter->borrowed_tokens(), static_cast<std::size_t>(kMost));
      if (cancel) {
        for (Future<void>& one : calls) one.cancel();
      } else {
        state->go = true;
      }
      for (Future<void>& one : calls) {
        bool cancelled = false;
        try {
          co_await one;
        } catch (const Cancelled&) {
          cancelled = true;
        }
        EXPECT_EQ(cancelled, cancel);
      }
      if (cancel) {
        EXPECT_EQ(limiter->borrowed_tokens(), static_cast<std::size_t>(kMost));
      }
      state->go = true;
    });
    while (limiter->borrowed_tokens() != 0) std::this_thread::yield();
    EXPECT_EQ(state->most, kMost);
    EXPECT_EQ(state->ran, cancel ? kMost : kCount);
  }
}

}  // namespace
}  // namespace plait
