// SPDX-License-Identifier: BSL-1.0
//
// A program that gets Ctrl-C in the way that its argument names; signals_test.cpp runs it, and looks at what it prints
// and how it ends.
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "plait/plait.hpp"

namespace {

using namespace std::chrono_literals;
using plait::Cancelled;
using plait::KeyboardInterrupt;
using plait::Signals;
using plait::Task;

void say(const char* line) {
  std::printf("%s\n", line);
  std::fflush(stdout);
}
void ctrl_c() { ::kill(::getpid(), SIGINT); }

/// Waits until it is cancelled, and says so.
Task<> wait_and_say(const char* line) {
  try {
    co_await plait::sleep(1h);
  } catch (const Cancelled&) {
    say(line);
    throw;
  }
}
Task<> interrupted_body() {
  ctrl_c();
  co_await wait_and_say("cleaned up");
}

/// Runs `body` and says whether it was interrupted.
template <class F>
void run_and_say(F body) {
  try {
    plait::run(body);
    say("no interrupt");
  } catch (const KeyboardInterrupt&) {
    say("interrupted");
  }
}

void caught() { run_and_say(&interrupted_body); }
void uncaught() { plait::run(interrupted_body()); }

void swallowed() {
  run_and_say([]() -> Task<> {
    ctrl_c();
    try {
      co_await plait::sleep(1h);
    } catch (const Cancelled&) {
      say("swallowed");
    }
  });
}

void body_fails() {
  run_and_say([]() -> Task<> {
    ctrl_c();
    try {
      co_await plait::sleep(1h);
    } catch (const Cancelled&) {
      throw std::runtime_error("the body failed");
    }
  });
}

void body_has_ended() {
  run_and_say([]() -> Task<> {
    ctrl_c();
    co_return;
  });
}

void everything_is_cancelled() {
  run_and_say([]() -> Task<> {
    auto spawned = plait::spawn(wait_and_say("spawned"));
    co_await plait::with_task_group([](plait::TaskGroup& group) -> Task<> {
      group.spawn(wait_and_say("child"));
      group.spawn_thread([] {
        try {
          plait::sleep_for(1h);
        } catch (const Cancelled&) {
          say("thread");
          throw;
        }
      });
      co_await plait::sleep(1ms);
      ctrl_c();
      co_await wait_and_say("body");
    });
  });
}

void clean_up_hangs() {
  run_and_say([]() -> Task<> {
    const auto hangs = []() -> Task<> {
      say("hangs");
      ctrl_c();
      co_await plait::sleep(1h);
    };
    co_await plait::finally(&interrupted_body, hangs, 1h);
  });
}

void clean_up_never_waits() {
  run_and_say([]() -> Task<> {
    ctrl_c();
    try {
      co_await plait::sleep(1h);
    } catch (const Cancelled&) {
      say("hangs");
      std::thread([] { ctrl_c(); }).detach();
      for (;;) ::pause();
    }
  });
}

void leftover_hangs() {
  run_and_say([]() -> Task<> {
    plait::Future<void> leftover = plait::spawn([]() -> Task<> {
      const auto hangs = []() -> Task<> {
        say("hangs");
        ctrl_c();
        co_await plait::sleep(1ms);
        say("still there");
        ctrl_c();
        co_await plait::sleep(1h);
      };
      const auto forever = []() -> Task<> { co_await plait::sleep(1h); };
      co_await plait::finally(forever, hangs, 1h);
    });
    co_await plait::sleep(1ms);
  });
}

void ignored() {
  std::signal(SIGINT, SIG_IGN);
  run_and_say([]() -> Task<> {
    ctrl_c();
    co_await plait::sleep(1ms);
  });
  ctrl_c();
  say("alive");
}

std::atomic<int> own_handler_called{0};
void handled_by_the_program() {
  std::signal(SIGINT, [](int) { ++own_handler_called; });
  run_and_say([]() -> Task<> {
    ctrl_c();
    co_await plait::sleep(1ms);
  });
  ctrl_c();
  say(own_handler_called == 2 ? "handled twice" : "not handled");
}

void again() {
  run_and_say(&interrupted_body);
  run_and_say([]() -> Task<> { co_await plait::yield_now(); });
  run_and_say(&interrupted_body);
  ctrl_c();
  say("unreachable");
}

void after_a_run() {
  run_and_say([]() -> Task<> { co_await plait::yield_now(); });
  ctrl_c();
  say("unreachable");
}

void in_a_sync_wait() {
  std::thread([] {
    plait::sleep_for(10ms);
    ctrl_c();
  }).detach();
  plait::sync_wait(plait::timeout(1h, plait::sleep(1h)));
  say("unreachable");
}

void runs_in_two_threads() {
  plait::Promise<void> go;
  plait::Future<void> gone = go.future();
  std::thread second;
  run_and_say([&]() -> Task<> {
    plait::Promise<void> ready;
    plait::Future<void> is_ready = ready.future();
    second = std::thread([&] {
      plait::run([&]() -> Task<> {
        ready.set_value();
        co_await gone;
        say("the second went on");
      });
    });
    co_await is_ready;
    ctrl_c();
    co_await wait_and_say("the first");
  });
  go.set_value();
  second.join();
}

void arrives_at_another_thread() {
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) plait::sleep_for(1ms);
  });
  run_and_say([&]() -> Task<> {
    ::pthread_kill(other.native_handle(), SIGINT);
    co_await wait_and_say("cleaned up");
  });
  stop = true;
  other.join();
}

void awaited_as_a_value() {
  run_and_say([]() -> Task<> {
    {
      Signals signals({SIGINT});
      ctrl_c();
      if (co_await signals.next() == SIGINT) say("a value");
    }
    co_await interrupted_body();
  });
}

void awaited_by_what_outlives_the_run() {
  std::unique_ptr<Signals> signals;
  run_and_say([&]() -> Task<> {
    signals = std::make_unique<Signals>(std::initializer_list<int>{SIGINT});
    co_return;
  });
  ctrl_c();
  if (plait::sync_wait(signals->next()) == SIGINT) say("a value");
  signals.reset();
  run_and_say(&interrupted_body);
  ctrl_c();
  say("unreachable");
}

const std::map<std::string, std::function<void()>> scenarios{
    {"caught", caught},
    {"uncaught", uncaught},
    {"swallowed", swallowed},
    {"body_fails", body_fails},
    {"body_has_ended", body_has_ended},
    {"everything_is_cancelled", everything_is_cancelled},
    {"clean_up_hangs", clean_up_hangs},
    {"clean_up_never_waits", clean_up_never_waits},
    {"leftover_hangs", leftover_hangs},
    {"ignored", ignored},
    {"handled_by_the_program", handled_by_the_program},
    {"again", again},
    {"after_a_run", after_a_run},
    {"in_a_sync_wait", in_a_sync_wait},
    {"runs_in_two_threads", runs_in_two_threads},
    {"arrives_at_another_thread", arrives_at_another_thread},
    {"awaited_as_a_value", awaited_as_a_value},
    {"awaited_by_what_outlives_the_run", awaited_by_what_outlives_the_run},
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 2 || !scenarios.contains(arguments[1])) return 99;
  scenarios.at(arguments[1])();
}
