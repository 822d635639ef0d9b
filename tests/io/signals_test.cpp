// SPDX-License-Identifier: BSL-1.0
#include "plait/io/signals.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using test::turns;

void send(int signal) { ::kill(::getpid(), signal); }

bool is_default(int signal) {
  struct sigaction now{};
  return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_DFL;
}

TEST(Signals, GivesTheNumberOfEachSignalThatComes) {
  run([]() -> Task<> {
    Signals signals({SIGUSR1, SIGUSR2, SIGUSR1});
    send(SIGUSR2);
    EXPECT_EQ(co_await signals.next(), SIGUSR2);
    Future<int> next = spawn(signals.next());
    co_await turns(3);
    EXPECT_FALSE(next.done());
    send(SIGUSR1);
    EXPECT_EQ(co_await next, SIGUSR1);
  });
}

TEST(Signals, KeepsThoseThatComeWhileNobodyWaits) {
  run([]() -> Task<> {
    Signals signals({SIGUSR1, SIGUSR2});
    for (int i = 0; i < 3; ++i) std::raise(SIGUSR1);  // delivered one by one
    std::raise(SIGUSR2);
    int first = 0, second = 0;
    for (int i = 0; i < 4; ++i) (co_await signals.next() == SIGUSR1 ? first : second)++;
    EXPECT_EQ(first, 3);
    EXPECT_EQ(second, 1);
    EXPECT_FALSE(co_await move_on_after(1ms, signals.next()));
  });
}

TEST(Signals, GivesASharedSignalToEach) {
  run([]() -> Task<> {
    Signals a({SIGUSR1}), b({SIGUSR1, SIGUSR2});
    std::raise(SIGUSR1);
    EXPECT_EQ(co_await a.next(), SIGUSR1);
    EXPECT_EQ(co_await b.next(), SIGUSR1);
    std::raise(SIGUSR2);
    EXPECT_EQ(co_await b.next(), SIGUSR2);
    EXPECT_FALSE(co_await move_on_after(1ms, a.next()));
  });
}

TEST(Signals, LeavesTheSignalAsItWasWhateverTheOrderInWhichTheyGo) {
  ASSERT_TRUE(is_default(SIGUSR1));
  auto first = std::make_unique<Signals>(std::initializer_list<int>{SIGUSR1});
  auto second = std::make_unique<Signals>(std::initializer_list<int>{SIGUSR1});
  EXPECT_FALSE(is_default(SIGUSR1));
  first.reset();
  EXPECT_FALSE(is_default(SIGUSR1));
  std::raise(SIGUSR1);
  EXPECT_EQ(sync_wait(second->next()), SIGUSR1);
  second.reset();
  EXPECT_TRUE(is_default(SIGUSR1));
}

TEST(Signals, BeginsWithoutThoseOfTheOneBefore) {
  {
    Signals signals({SIGUSR1});
    std::raise(SIGUSR1);
  }
  Signals signals({SIGUSR1});
  EXPECT_FALSE(sync_wait(move_on_after(1ms, signals.next())));
}

TEST(Signals, RefusesWhatIsNoSignalOrCannotBeHandledAndLeavesNothingBehind) {
  for (const int wrong : {0, -1, 65, 1000, SIGKILL, SIGSTOP}) {
    EXPECT_THROW(Signals({SIGUSR1, wrong}), std::system_error) << wrong;
    EXPECT_TRUE(is_default(SIGUSR1));
  }
  std::vector<std::unique_ptr<Signals>> many;
  const std::array<int, 1> one{SIGUSR1};
  for (int i = 0; i < 64; ++i) many.push_back(std::make_unique<Signals>(one));
  EXPECT_THROW(Signals({SIGUSR1}), std::system_error);
  many.pop_back();
  Signals again({SIGUSR1});
  many.clear();
}

TEST(Signals, IsAwaitedByAThread) {
  Signals signals({SIGUSR1});
  Future<int> next = spawn_thread([&] { return sync_wait(signals.next()); });
  send(SIGUSR1);
  EXPECT_EQ(next.result(), SIGUSR1);
}

TEST(Signals, WakesALoopThatSleepsFromWhicheverThreadTheKernelChooses) {
  Signals signals({SIGUSR1});
  constexpr int kMany = 50;
  std::atomic<int> got{0};
  std::thread sender([&] {
    for (int i = 0; i < kMany; ++i) {
      send(SIGUSR1);
      while (got <= i) std::this_thread::yield();
    }
  });
  run([&]() -> Task<> {
    for (int i = 0; i < kMany; ++i) {
      EXPECT_EQ(co_await signals.next(), SIGUSR1);
      ++got;
    }
  });
  sender.join();
}

TEST(Signals, IsACheckpoint) {
  run([]() -> Task<> {
    Signals signals({SIGUSR1});
    std::raise(SIGUSR1);
    EXPECT_FALSE(co_await move_on_after(0s, signals.next()));
    EXPECT_EQ(co_await signals.next(), SIGUSR1);
  });
}

TEST(Signals, LosesNoneWhereverItIsCancelled) {
  std::unique_ptr<Signals> signals;
  int taken = 0;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        const std::array<int, 1> one{SIGUSR1};
        signals.reset();
        signals = std::make_unique<Signals>(one);
        taken = 0;
        std::raise(SIGUSR1);
        std::raise(SIGUSR1);
        for (int i = 0; i < 2; ++i) {
          co_await signals->next();
          ++taken;
          co_await yield_now();
        }
      },
      [&](const testing::CancelPoint& point) {
        for (; taken < 2; ++taken) EXPECT_EQ(sync_wait(timeout(5s, signals->next())), SIGUSR1) << point.text();
        EXPECT_FALSE(sync_wait(move_on_after(0s, signals->next())));
      });
}

struct Outcome {
  int status = 0;  ///< As waitpid has it.
  std::string printed;
};

/// Runs interrupt_child.cpp. One that does not end within a minute ends by SIGALRM.
Outcome run_child(const char* scenario) {
  int ends[2];
  Outcome outcome;
  if (::pipe(ends) != 0) return outcome;
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    std::signal(SIGINT, SIG_DFL);  // a shell's `&` leaves it ignored
    ::alarm(60);
    ::execl(PLAIT_CHILDREN "/interrupt_child", "interrupt_child", scenario, nullptr);
    ::_exit(98);
  }
  ::close(ends[1]);
  std::array<char, 4096> buffer{};
  for (ssize_t n; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
    outcome.printed.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  ::waitpid(child, &outcome.status, 0);
  return outcome;
}

void expect_return(const char* scenario, const std::string& printed) {
  const Outcome outcome = run_child(scenario);
  EXPECT_TRUE(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 0) << outcome.status;
  EXPECT_EQ(outcome.printed, printed);
}
void expect_killed(const char* scenario, const std::string& printed) {
  const Outcome outcome = run_child(scenario);
  EXPECT_TRUE(WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == SIGINT) << outcome.status;
  EXPECT_EQ(outcome.printed.substr(0, printed.size()), printed);  // an uncaught exception may be named after it
}

TEST(CtrlC, CancelsTheMainTaskAndComesOutOfRun) { expect_return("caught", "cleaned up\ninterrupted\n"); }
TEST(CtrlC, ComesOutOfRunAlsoWhenTheBodySwallowsItsCancellation) {
  expect_return("swallowed", "swallowed\ninterrupted\n");
}
TEST(CtrlC, ComesOutOfRunAlsoWhenTheBodyHasEnded) { expect_return("body_has_ended", "interrupted\n"); }
TEST(CtrlC, ComesOutOfRunWhenTheBodyFailedAndTheErrorIsReported) {
  const Outcome outcome = run_child("body_fails");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_NE(outcome.printed.find("the body failed"), std::string::npos) << outcome.printed;
  EXPECT_NE(outcome.printed.find("interrupted\n"), std::string::npos) << outcome.printed;
}
TEST(CtrlC, EndsTheProgramAsTheSignalDoesWhenNobodyCatchesIt) { expect_killed("uncaught", "cleaned up\n"); }
TEST(CtrlC, CancelsEverythingFromTheRoot) {
  const Outcome outcome = run_child("everything_is_cancelled");
  EXPECT_EQ(outcome.status, 0);
  for (const char* line : {"spawned\n", "child\n", "thread\n", "body\n", "interrupted\n"}) {
    EXPECT_NE(outcome.printed.find(line), std::string::npos) << outcome.printed;
  }
}
TEST(CtrlC, TwiceEndsAProgramWhoseCleanUpHangs) { expect_killed("clean_up_hangs", "cleaned up\nhangs\n"); }
TEST(CtrlC, TwiceEndsAProgramWhoseCleanUpNeverWaits) { expect_killed("clean_up_never_waits", "hangs\n"); }
TEST(CtrlC, TwiceEndsAProgramThatWaitsForItsLeftovers) { expect_killed("leftover_hangs", "hangs\nstill there\n"); }
TEST(CtrlC, StaysIgnoredWhereItWas) { expect_return("ignored", "no interrupt\nalive\n"); }
TEST(CtrlC, IsLeftToTheHandlerOfTheProgram) {
  expect_return("handled_by_the_program", "no interrupt\nhandled twice\n");
}
TEST(CtrlC, InterruptsOneRunAfterAnotherAndEndsTheProgramAfterThem) {
  expect_killed("again", "cleaned up\ninterrupted\nno interrupt\ncleaned up\ninterrupted\n");
}
TEST(CtrlC, EndsTheProgramAfterARun) { expect_killed("after_a_run", "no interrupt\n"); }
TEST(CtrlC, EndsTheProgramInASyncWait) { expect_killed("in_a_sync_wait", ""); }
TEST(CtrlC, GoesToTheFirstOfRunsInTwoThreads) {
  expect_return("runs_in_two_threads", "the first\ninterrupted\nthe second went on\n");
}
TEST(CtrlC, ReachesTheRunFromWhateverThreadGetsTheSignal) {
  expect_return("arrives_at_another_thread", "cleaned up\ninterrupted\n");
}
TEST(CtrlC, IsAValueWhereItIsAwaited) { expect_return("awaited_as_a_value", "a value\ncleaned up\ninterrupted\n"); }
TEST(CtrlC, IsAValueAlsoForWhatWasMadeInARunAndOutlivesIt) {
  expect_killed("awaited_by_what_outlives_the_run", "no interrupt\na value\ncleaned up\ninterrupted\n");
}

}  // namespace
}  // namespace plait
