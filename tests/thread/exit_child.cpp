// SPDX-License-Identifier: BSL-1.0
//
// A program that ends in the way that its argument names; exit_test.cpp runs it and looks at what it prints.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <semaphore>
#include <string>
#include <thread>

#include "plait/plait.hpp"
#include "plait/thread.hpp"

/// In a child of fork() a leak checker takes what the parent's threads held for lost; this is its hook to say no.
static bool forked = false;
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return forked ? 1 : 0; }

namespace {

using namespace std::chrono_literals;
using plait::Thread;

void say(const char* line) {
  std::printf("%s\n", line);
  std::fflush(stdout);
}

/// A static object. Who uses it after its death ends the program with status 77.
class Witness {
 public:
  ~Witness() {
    alive_ = false;
    say("static destroyed");
  }
  void use() const {
    if (!alive_) ::_exit(77);
  }

 private:
  std::atomic<bool> alive_{true};
};
const Witness witness;

/// Somebody is about to end the program.
std::atomic<bool> ending{false};

void work() {
  while (!ending) plait::sleep_for(1ms);
  plait::sleep_for(5ms);  // time enough for a program that does not wait to be gone
  witness.use();
  say("thread done");
}

void leave(int status) {
  ending = true;
  std::exit(status);
}

void never_end() {
  for (;;) plait::sleep_for(100us);
}

std::string scenario_name() {
  std::ifstream file("/proc/self/cmdline");
  std::string line((std::istreambuf_iterator<char>(file)), {});
  return line.substr(line.find('\0') + 1).c_str();
}

/// At namespace scope, some of them running before main does.
Thread static_thread(work);
[[maybe_unused]] const bool started_early = [] {
  if (scenario_name() == "started_by_a_static_constructor") static_thread.start();
  return true;
}();

class DaemonClass : public Thread {
 public:
  DaemonClass() : Thread({.name = "daemon class", .daemon = true}) {}
  void run() override { never_end(); }
};
DaemonClass static_daemon;

struct SlowToDie {
  ~SlowToDie() {
    while (!ending) plait::sleep_for(1ms);
    plait::sleep_for(5ms);
    witness.use();
    say("thread-local destroyed");
  }
  int touched = 0;
};

std::binary_semaphore never(0);

const std::map<std::string, std::function<void()>> scenarios = {
    {"thread_runs",
     [] {
       static Thread t(work);
       t.start();
     }},
    {"object_destroyed", [] { Thread(work).start(); }},
    {"spawned_future_dropped", [] { static_cast<void>(plait::spawn_thread(work)); }},
    {"started_by_a_static_constructor", [] {}},
    {"started_by_a_thread_at_the_end",
     [] {
       const auto start_another = [] {
         while (!ending) plait::sleep_for(1ms);
         Thread(work).start();
       };
       Thread(start_another).start();
     }},
    {"thread_local_dies_slowly",
     [] {
       const auto touch = [] {
         thread_local SlowToDie slow;
         slow.touched = 1;
       };
       Thread(touch).start();
     }},
    {"started_from_a_foreign_thread", [] { std::thread([] { Thread(work).start(); }).join(); }},
    {"static_pool_reads",
     [] {
       static int ends[2];
       if (::pipe(ends) != 0) ::_exit(3);
       static plait::ThreadPool pool(1);
       const auto wait = []() -> plait::Task<> {
         co_await plait::readable(ends[0]);
         witness.use();
         say("thread done");
       };
       static_cast<void>(pool.start(wait(), std::source_location::current()));
       const auto write = [] {
         while (!ending) plait::sleep_for(1ms);
         plait::sleep_for(5ms);
         if (::write(ends[1], "x", 1) != 1) ::_exit(4);
       };
       Thread(write).start();
     }},
    {"daemon_sleeps", [] { Thread({.daemon = true}, [] { plait::sleep_for(1h); }).start(); }},
    {"daemon_never_stops", [] { Thread({.daemon = true}, never_end).start(); }},
    {"daemon_prints",
     [] {
       std::atomic<int> lines{0};
       const auto print = [&lines] {
         for (;;) {
           plait::sleep_for(1us);
           say("tick");
           ++lines;
         }
       };
       Thread({.daemon = true}, print).start();
       while (lines < 10) std::this_thread::yield();
       leave(0);
     }},
    {"daemon_runs_a_loop",
     [] {
       const auto tick = [] {
         plait::run([]() -> plait::Task<> {
           for (;;) co_await plait::sleep(100us);
         });
       };
       Thread({.daemon = true}, tick).start();
     }},
    {"daemon_waits_for_a_lock",
     [] {
       static plait::Lock* lock = new plait::Lock;
       lock->lock();
       Thread({.daemon = true}, [] { lock->lock(); }).start();
     }},
    {"daemon_class_runs", [] { static_daemon.start(); }},
    {"daemon_joins_a_thread",
     [] {
       static Thread worker(work);
       worker.start();
       Thread({.daemon = true}, [] { worker.join(); }).start();
     }},
    {"exit_in_main",
     [] {
       Thread(work).start();
       leave(5);
     }},
    {"exit_in_a_thread",
     [] {
       Thread(work).start();
       Thread t([] { leave(3); });
       t.start();
       t.join();
       say("never said");
     }},
    {"exit_in_a_thread_while_main_waits",
     [] {
       const auto leave_late = [] {
         while (!ending) plait::sleep_for(1ms);
         plait::sleep_for(5ms);
         leave(3);
       };
       Thread(leave_late).start();
     }},
    {"exit_in_two_threads",
     [] {
       for (int i = 0; i < 2; ++i) Thread([] { leave(4); }).start();
       never.acquire();
     }},
    {"exit_in_a_daemon",
     [] {
       Thread(work).start();
       Thread({.daemon = true}, [] { leave(6); }).start();
       never.acquire();
     }},
    {"exit_in_a_foreign_thread",
     [] {
       Thread(work).start();
       std::thread([] { leave(7); }).join();
     }},
    {"exit_in_to_thread", [] { plait::sync_wait(plait::to_thread([] { leave(8); })); }},
    {"pthread_exit_in_a_thread",
     [] {
       Thread t([] { ::pthread_exit(nullptr); });
       t.start();
       t.join();
       plait::Future<void> f = plait::spawn_thread([] { ::pthread_exit(nullptr); });
       try {
         f.result();
       } catch (const std::runtime_error& e) {
         say(e.what());
       }
     }},
    {"to_thread_runs",
     [] {
       plait::sync_wait(plait::to_thread([] {}));  // leaves an idle thread
       Thread([] { plait::sync_wait(plait::to_thread(work)); }).start();
     }},
    {"static_pool_with_queued_calls",
     [] {
       static plait::ThreadPool pool(1);
       static_cast<void>(pool.submit([] {
         while (!ending) plait::sleep_for(1ms);
       }));
       for (int i = 0; i < 100; ++i) static_cast<void>(pool.submit([] { witness.use(); }));
       static_cast<void>(pool.submit(work));
     }},
    {"pool_leaked",
     [] {
       static auto* pool = new plait::ThreadPool(2);
       static_cast<void>(pool->submit([] { witness.use(); }));
       static_cast<void>(pool->submit(work));
     }},
    {"pool_shut_down_without_waiting",
     [] {
       static plait::ThreadPool pool(1);
       static_cast<void>(pool.submit(work));
       pool.shutdown({.wait = false});
     }},
    {"pool_task_at_the_end",
     [] {
       static plait::ThreadPool pool(2);
       const auto wait = []() -> plait::Task<> {
         while (!ending) co_await plait::sleep(1ms);
         co_await plait::gather(plait::sleep(1ms), plait::sleep(2ms));
         witness.use();
         say("thread done");
       };
       static_cast<void>(pool.start(wait(), std::source_location::current()));
     }},
    {"pool_in_a_forked_child",
     [] {
       static plait::ThreadPool pool(2);
       static_cast<void>(pool.submit(work));
       std::fflush(stdout);
       const pid_t child = ::fork();
       if (child == 0) {
         forked = true;
         std::exit(9);
       }
       int status = 0;
       ::waitpid(child, &status, 0);
       say(WEXITSTATUS(status) == 9 ? "child ended" : "child failed");
     }},
    {"exit_in_a_call_of_a_pool",
     [] {
       auto* pool = new plait::ThreadPool(2);
       std::atomic<int> both{0};
       const auto meet = [&] {
         ++both;
         while (both < 2) std::this_thread::yield();
       };
       plait::Future<void> first = pool->submit(meet), second = pool->submit(meet);
       first.result();
       second.result();
       pool->submit([] { leave(4); }).result();
     }},
    {"abandoned_call_hangs",
     [] {
       static std::atomic<bool> running{false};
       plait::run([]() -> plait::Task<> {
         const auto hang = []() -> plait::Task<> {
           co_await plait::to_thread({.abandon_on_cancel = true}, [] {
             running = true;
             never.acquire();
           });
         };
         plait::Future<void> call = plait::spawn(hang);
         while (!running) co_await plait::yield_now();
         call.cancel();
       });
     }},
    {"fork_while_threads_run",
     [] {
       Thread(work).start();
       std::fflush(stdout);
       const pid_t child = ::fork();
       if (child == 0) {
         forked = true;
         std::exit(9);
       }
       int status = 0;
       ::waitpid(child, &status, 0);
       say(WEXITSTATUS(status) == 9 ? "child ended" : "child failed");
     }},
    {"static_destructor_joins_a_daemon",
     [] {
       static struct Joins {
         Thread daemon{{.name = "left behind", .daemon = true}, never_end};
         ~Joins() {
           try {
             daemon.join();
           } catch (const std::logic_error& e) {
             say(e.what());
           }
         }
       } joins;
       joins.daemon.start();
     }},
    {"static_destructor_submits",
     [] {
       static auto* pool = new plait::ThreadPool(1);
       pool->submit([] {}).result();
       static struct Submits {
         ~Submits() {
           try {
             static_cast<void>(pool->submit([] {}));
           } catch (const std::logic_error& e) {
             say(e.what());
           }
         }
         int touched = 0;
       } submits;
       submits.touched = 1;
     }},
    {"static_destructor_asks_for_threads",
     [] {
       static struct Asks {
         ~Asks() {
           const bool main = plait::current_thread() == plait::main_thread() && !plait::main_thread().is_alive();
           say(main ? "on the main thread, which is over" : "somewhere");
         }
         int touched = 0;
       } asks;
       asks.touched = 1;
       Thread(work).start();
     }},
    {"class_destroyed_while_it_runs",
     [] {
       DaemonClass running;
       running.start();
     }},
    {"thread_throws",
     [] {
       const auto fail = [] { throw std::runtime_error("bad luck"); };
       Thread({.name = "unlucky"}, fail).start();
     }},
    {"many_at_every_stage",
     [] {
       std::minstd_rand random(static_cast<unsigned>(::getpid()));
       for (int i = 0; i < 30; ++i) {
         const auto span = std::chrono::microseconds(random() % 3000);
         const bool daemon = random() % 2 == 0;
         const auto body = [span, daemon] {
           plait::sleep_for(span);
           if (!daemon) witness.use();
         };
         Thread t({.daemon = daemon}, body);
         t.start();
         if (random() % 4 == 0) t.join();
         if (random() % 4 == 0) plait::sync_wait(plait::to_thread([] {}));
       }
     }},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  scenarios.at(argv[1])();
  say("main done");
  ending = true;
}
