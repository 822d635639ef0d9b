// SPDX-License-Identifier: BSL-1.0
#include <gtest/gtest.h>

#include <string>

#include "support/program.hpp"

namespace {

using plait::test::Outcome;

/// Runs exit_child.cpp.
Outcome run(const std::string& scenario) { return plait::test::run_program(PLAIT_CHILDREN "/exit_child " + scenario); }

void expect(const std::string& scenario, int status, const std::string& printed) {
  const Outcome outcome = run(scenario);
  EXPECT_EQ(outcome.status, status) << outcome.printed;
  EXPECT_EQ(outcome.printed, printed);
}

const std::string kAwaited = "main done\nthread done\nstatic destroyed\n";
const std::string kLeftBehind = "main done\nstatic destroyed\n";

TEST(ProgramEnd, WaitsForAThreadThatRunsBeforeAnyStaticDies) { expect("thread_runs", 0, kAwaited); }
TEST(ProgramEnd, WaitsForAThreadWhoseObjectIsGone) { expect("object_destroyed", 0, kAwaited); }
TEST(ProgramEnd, WaitsForASpawnedThreadWhoseFutureIsGone) { expect("spawned_future_dropped", 0, kAwaited); }
TEST(ProgramEnd, WaitsForAThreadThatAStaticConstructorStarted) {
  expect("started_by_a_static_constructor", 0, kAwaited);
}
TEST(ProgramEnd, WaitsForAThreadThatIsStartedMeanwhile) { expect("started_by_a_thread_at_the_end", 0, kAwaited); }
TEST(ProgramEnd, WaitsForAThreadThatAForeignThreadStarted) { expect("started_from_a_foreign_thread", 0, kAwaited); }
TEST(ProgramEnd, WaitsForThreadLocalObjectsOfAThread) {
  expect("thread_local_dies_slowly", 0, "main done\nthread-local destroyed\nstatic destroyed\n");
}
TEST(ProgramEnd, WaitsForACallInThePool) { expect("to_thread_runs", 0, kAwaited); }
TEST(ProgramEnd, WaitsForTheQueuedCallsOfAStaticPool) { expect("static_pool_with_queued_calls", 0, kAwaited); }
TEST(ProgramEnd, WaitsForTheCallsOfAPoolThatNobodyDestroys) { expect("pool_leaked", 0, kAwaited); }
TEST(ProgramEnd, WaitsForTheCallsOfAPoolThatWasShutDown) { expect("pool_shut_down_without_waiting", 0, kAwaited); }
TEST(ProgramEnd, WaitsForTheTasksOfAStaticPool) { expect("pool_task_at_the_end", 0, kAwaited); }
TEST(ProgramEnd, WaitsForATaskOfAStaticPoolThatReads) { expect("static_pool_reads", 0, kAwaited); }
TEST(ProgramEnd, WaitsForAThreadThatADaemonJoins) { expect("daemon_joins_a_thread", 0, kAwaited); }

TEST(ProgramEnd, LeavesASleepingDaemonBehind) { expect("daemon_sleeps", 0, kLeftBehind); }
TEST(ProgramEnd, LeavesABusyDaemonBehind) { expect("daemon_never_stops", 0, kLeftBehind); }
TEST(ProgramEnd, LeavesADaemonWithALoopBehind) { expect("daemon_runs_a_loop", 0, kLeftBehind); }
TEST(ProgramEnd, LeavesADaemonThatWaitsForALockBehind) { expect("daemon_waits_for_a_lock", 0, kLeftBehind); }
TEST(ProgramEnd, LeavesADaemonOfASubclassBehind) { expect("daemon_class_runs", 0, kLeftBehind); }
TEST(ProgramEnd, LeavesAnAbandonedCallBehind) { expect("abandoned_call_hangs", 0, kLeftBehind); }
TEST(ProgramEnd, ParksADaemonAtItsNextOperation) {
  for (int i = 0; i < 50; ++i) {
    const Outcome outcome = run("daemon_prints");
    EXPECT_EQ(outcome.status, 0);
    const std::string last_words = "static destroyed\n";
    const std::size_t end = outcome.printed.find(last_words);
    ASSERT_NE(end, std::string::npos) << outcome.printed;
    // At most the line that it was about to print.
    EXPECT_LE(outcome.printed.size(), end + last_words.size() + 5) << outcome.printed;
  }
}

TEST(ProgramEnd, RefusesAJoinOfADaemonThatItHasLeftBehind) {
  expect("static_destructor_joins_a_daemon", 0,
         "main done\nplait: Thread \"left behind\": join() of a daemon at the program's end would never end; join it "
         "before.\nstatic destroyed\n");
}
TEST(ProgramEnd, LeavesAStaticDestructorOnTheMainThread) {
  expect("static_destructor_asks_for_threads", 0,
         "main done\nthread done\non the main thread, which is over\nstatic destroyed\n");
}

// test_concurrent_futures/test_shutdown.py: test_submit_after_interpreter_shutdown
TEST(ProgramEnd, RefusesACallOfAPoolThatItHasClosed) {
  expect("static_destructor_submits", 0,
         "main done\nplait: ThreadPool: it was shut down and takes no more work.\nstatic destroyed\n");
}

TEST(ProgramEnd, ByExitInMainKeepsTheStatus) { expect("exit_in_main", 5, "thread done\nstatic destroyed\n"); }
TEST(ProgramEnd, ByExitInAThreadWaitsForTheOthersAndNotForItself) {
  expect("exit_in_a_thread", 3, "thread done\nstatic destroyed\n");
}
TEST(ProgramEnd, ByExitInADaemonWaitsForTheOthers) { expect("exit_in_a_daemon", 6, "thread done\nstatic destroyed\n"); }
TEST(ProgramEnd, ByExitInAForeignThreadWaitsAsWell) {
  expect("exit_in_a_foreign_thread", 7, "thread done\nstatic destroyed\n");
}
TEST(ProgramEnd, ByExitInTheBlockingPool) { expect("exit_in_to_thread", 8, "static destroyed\n"); }
TEST(ProgramEnd, ByExitInACallOfAPool) { expect("exit_in_a_call_of_a_pool", 4, "static destroyed\n"); }
TEST(ProgramEnd, ByExitInTwoThreadsIsMadeByTheFirst) { expect("exit_in_two_threads", 4, "static destroyed\n"); }
TEST(ProgramEnd, GoesOnWhenAnAwaitedThreadCallsExit) { expect("exit_in_a_thread_while_main_waits", 0, kLeftBehind); }

TEST(ProgramEnd, InAForkedChildWaitsForNoThreadOfTheParent) {
  expect("fork_while_threads_run", 0, "static destroyed\nchild ended\nmain done\nthread done\nstatic destroyed\n");
}
TEST(ProgramEnd, InAForkedChildLeavesTheParentsPoolAlone) {
  expect("pool_in_a_forked_child", 0, "static destroyed\nchild ended\nmain done\nthread done\nstatic destroyed\n");
}
TEST(ProgramEnd, FindsThreadsThatPthreadExitEnded) {
  expect("pthread_exit_in_a_thread", 0, "plait: the thread was ended by pthread_exit\nmain done\nstatic destroyed\n");
}

TEST(ProgramEnd, StopsWithASentenceWhenASubclassObjectDiesBeforeItsThread) {
  const Outcome outcome = run("class_destroyed_while_it_runs");
  EXPECT_EQ(outcome.status, 128 + 6) << outcome.printed;
  EXPECT_NE(
      outcome.printed.find("plait: Thread \"daemon class\": an object of a subclass of Thread was destroyed while "
                           "its thread runs; join() it before."),
      std::string::npos)
      << outcome.printed;
}
TEST(ProgramEnd, ReportsAnExceptionThatLeftAThreadWithItsNameAndLine) {
  const Outcome outcome = run("thread_throws");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_NE(outcome.printed.find("\"unlucky\""), std::string::npos) << outcome.printed;
  EXPECT_NE(outcome.printed.find("exit_child.cpp:"), std::string::npos) << outcome.printed;
  EXPECT_NE(outcome.printed.find("bad luck"), std::string::npos) << outcome.printed;
}

TEST(ProgramEnd, IsCleanWithThreadsAndDaemonsAtEveryStage) {
  for (int i = 0; i < 50; ++i) expect("many_at_every_stage", 0, kLeftBehind);
}
TEST(ProgramEnd, IsTheSameFiftyTimes) {
  for (int i = 0; i < 50; ++i) {
    expect("daemon_never_stops", 0, kLeftBehind);
    expect("exit_in_two_threads", 4, "static destroyed\n");
  }
}

}  // namespace
