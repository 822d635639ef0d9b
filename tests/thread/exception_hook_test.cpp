// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/exception_hook.hpp"

#include <gtest/gtest.h>

#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "plait/plait.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using test::Unretrieved;

struct Call {
  std::string error, thread;
  bool on_the_thread = false;
  unsigned line = 0;
};
std::mutex mutex;
std::vector<Call> calls;

/// Installs a hook while it lives.
class Hooked {
 public:
  explicit Hooked(ThreadExceptionHook hook) : before_(set_thread_exception_hook(hook)) { calls.clear(); }
  Hooked(const Hooked&) = delete;
  Hooked& operator=(const Hooked&) = delete;
  ~Hooked() { set_thread_exception_hook(before_); }

 private:
  ThreadExceptionHook before_;
};

void note(const ThreadException& e) {
  std::scoped_lock guard(mutex);
  calls.push_back(
      {describe(e.error), e.thread.name(), e.thread == current_thread() && e.thread.is_alive(), e.started_at.line()});
}

[[noreturn]] void fail() { throw std::runtime_error("bad luck"); }

TEST(ThreadExceptionHook, IsCalledOnTheThreadThatFailedWithItsNameAndLine) {
  Unretrieved reported;
  Hooked hooked(note);
  Thread thread({.name = "unlucky"}, fail);
  const unsigned line = std::source_location::current().line() + 1;
  thread.start();
  thread.join();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].error, "std::runtime_error: bad luck");
  EXPECT_EQ(calls[0].thread, "unlucky");
  EXPECT_TRUE(calls[0].on_the_thread);
  EXPECT_EQ(calls[0].line, line);
  EXPECT_TRUE(reported.seen().empty());
}

TEST(ThreadExceptionHook, IsCalledForSubclassesAndTimersAndForDroppedThreads) {
  Hooked hooked(note);
  struct Fails : Thread {
    void run() override { fail(); }
  } fails;
  fails.start();
  fails.join();
  Timer timer({.name = "timer"}, std::chrono::seconds(0), fail);
  timer.start();
  timer.join();
  const ThreadView dropped = [] {
    Thread thread(fail);
    thread.start();
    for (const ThreadView& one : enumerate()) {
      if (one.ident() == thread.ident()) return one;
    }
    return main_thread();  // it has ended already
  }();
  if (dropped != main_thread()) dropped.join();
  for (;;) {
    std::scoped_lock guard(mutex);
    if (calls.size() == 3) break;
  }
  EXPECT_EQ(calls[1].thread, "timer");
}

TEST(ThreadExceptionHook, IsCalledEvenIfSomebodyAwaitsTheThread) {
  Hooked hooked(note);
  Thread thread(fail);
  thread.start();
  EXPECT_THROW(sync_wait(thread), std::runtime_error);
  EXPECT_EQ(calls.size(), 1u);
}

TEST(ThreadExceptionHook, IsNotCalledForWhatACancelEndsNorForASpawnedThread) {
  Hooked hooked(note);
  Thread cancelled([] { throw Cancelled{}; });
  cancelled.start();
  cancelled.join();
  EXPECT_THROW(spawn_thread(fail).result(), std::runtime_error);
  EXPECT_TRUE(calls.empty());
}

TEST(ThreadExceptionHook, ThatFailsItselfLeavesBothErrorsToTheDefault) {
  Unretrieved reported;
  Hooked hooked([](const ThreadException&) { throw std::logic_error("the hook is broken"); });
  Thread thread(fail);
  thread.start();
  thread.join();
  EXPECT_EQ(reported.seen(),
            (std::vector<std::string>{"std::logic_error: the hook is broken", "std::runtime_error: bad luck"}));
}

TEST(ThreadExceptionHook, MayCallTheDefault) {
  Unretrieved reported;
  Hooked hooked([](const ThreadException& e) {
    note(e);
    default_thread_exception_hook(e);
  });
  Thread thread(fail);
  thread.start();
  thread.join();
  EXPECT_EQ(calls.size(), 1u);
  EXPECT_EQ(reported.seen().size(), 1u);
}

TEST(ThreadExceptionHook, OfNullIsTheDefaultAndTheOneBeforeComesBack) {
  Unretrieved reported;
  EXPECT_EQ(set_thread_exception_hook(note), nullptr);
  EXPECT_EQ(set_thread_exception_hook(nullptr), note);
  calls.clear();
  Thread thread(fail);
  thread.start();
  thread.join();
  EXPECT_TRUE(calls.empty());
  EXPECT_EQ(reported.seen().size(), 1u);
}

TEST(UnretrievedHandler, ThatThrowsLosesNoErrorAndEndsNothing) {
  const auto before = set_unretrieved_handler([](const UnretrievedError&) { throw std::logic_error("broken"); });
  ::testing::internal::CaptureStderr();
  Thread thread({.name = "unlucky"}, fail);
  thread.start();
  thread.join();
  const std::string printed = ::testing::internal::GetCapturedStderr();
  set_unretrieved_handler(before);
  EXPECT_NE(printed.find("broken"), std::string::npos) << printed;
  EXPECT_NE(printed.find("\"unlucky\""), std::string::npos) << printed;
  EXPECT_NE(printed.find("bad luck"), std::string::npos) << printed;
}

TEST(ThreadExceptionHook, MayWaitAndUseTheLibrary) {
  static Lock lock;
  Hooked hooked([](const ThreadException& e) {
    sleep_for(std::chrono::microseconds(1));
    std::scoped_lock guard(lock);
    run(gather(sleep(std::chrono::microseconds(1)), yield_now()));
    note(e);
  });
  Thread thread(fail);
  thread.start();
  thread.join();
  EXPECT_EQ(calls.size(), 1u);
}

}  // namespace
}  // namespace plait
