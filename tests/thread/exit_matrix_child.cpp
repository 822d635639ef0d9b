// SPDX-License-Identifier: BSL-1.0
//
// exit_matrix_child END OBJECT STAGE DAEMON: a program whose main ends in one of several ways while a thread, made in
// one of several ways, is at one of several stages. exit_matrix_test.cpp runs it and looks at what it prints.
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>

#include "plait/plait.hpp"

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

/// Somebody is about to end the program; the thread is at its stage.
std::atomic<bool> ending{false}, ready{false};
bool is_daemon = false;
std::binary_semaphore never(0);

void done() {
  witness.use();
  say("thread done");
}

/// Until the end has begun, and as long as a program that does not wait needs to be gone; a daemon for ever.
void sleep_past_the_end() {
  while (is_daemon || !ending) plait::sleep_for(500us);
  plait::sleep_for(3ms);
}

struct DiesSlowly {
  ~DiesSlowly() {
    ready = true;
    sleep_past_the_end();
    done();
  }
  int touched = 0;
};

/// What the thread does, by stage.
const std::map<std::string, void (*)()> stages = {
    {"not_started", [] {}},
    {"starting", done},
    {"running",
     [] {
       ready = true;
       while (is_daemon || !ending) std::this_thread::yield();
       done();
     }},
    {"blocked",
     [] {
       Thread other({.daemon = is_daemon}, sleep_past_the_end);
       other.start();
       ready = true;
       other.join();
       done();
     }},
    {"sleeping",
     [] {
       ready = true;
       sleep_past_the_end();
       done();
     }},
    {"finished", done},
    {"thread_local",
     [] {
       thread_local DiesSlowly slow;
       slow.touched = 1;
     }},
    {"starts_another",
     [] {
       ready = true;
       while (!ending) plait::sleep_for(500us);
       Thread({.daemon = false}, done).start();
     }},
};

/// A value that each thread has; a daemon's dies with the Local.
struct Value {
  int n = 0;
  ~Value() { witness.use(); }
};
plait::Local<Value>& local() {
  static plait::Local<Value> all;
  return all;
}

class Subclass : public Thread {
 public:
  Subclass(plait::ThreadOptions options, void (*body)()) : Thread(options), body_(body) {}
  void run() override { body_(); }

 private:
  void (*body_)();
};

template <class T>
void start(std::unique_ptr<T> thread, const std::string& stage) {
  static std::unique_ptr<T> kept;  // a thread that runs may lose its object, a subclass not
  if (stage != "not_started") thread->start();
  if (stage == "finished") {
    while (thread->is_alive()) std::this_thread::yield();
  }
  if (stage == "not_started" || std::is_same_v<T, Subclass>) kept = std::move(thread);
}

void call_in_the_pool(void (*body)(), const std::string& stage) {
  if (!is_daemon) {
    const auto call = [body] { plait::sync_wait(plait::to_thread(body)); };
    return start(std::make_unique<Thread>(call), stage);
  }
  plait::run([&]() -> plait::Task<> {
    const auto call = [body]() -> plait::Task<> {
      const plait::ToThreadOptions options{.abandon_on_cancel = true};
      co_await plait::to_thread(options, body);
    };
    plait::Future<void> calling = plait::spawn(call);
    while (!ready) co_await plait::yield_now();
    calling.cancel();
  });
}

/// By what the thread is made.
const std::map<std::string, void (*)(void (*)(), const std::string&)> objects = {
    {"thread",
     [](void (*body)(), const std::string& stage) {
       start(std::make_unique<Thread>(plait::ThreadOptions{.daemon = is_daemon}, body), stage);
     }},
    {"spawn_thread",
     [](void (*body)(), const std::string&) { static_cast<void>(plait::spawn_thread({.daemon = is_daemon}, body)); }},
    {"subclass",
     [](void (*body)(), const std::string& stage) {
       start(std::make_unique<Subclass>(plait::ThreadOptions{.daemon = is_daemon}, body), stage);
     }},
    {"timer",
     [](void (*body)(), const std::string& stage) {
       start(std::make_unique<plait::Timer>(plait::ThreadOptions{.daemon = is_daemon}, 100us, body), stage);
     }},
    {"local",
     [](void (*body)(), const std::string& stage) {
       local()->n = 1;
       const auto use = [body] {
         local()->n = 2;
         body();
         local()->n = 3;
       };
       start(std::make_unique<Thread>(plait::ThreadOptions{.daemon = is_daemon}, use), stage);
     }},
    {"to_thread", call_in_the_pool},
};

/// Calls `end`, which ends the program, in a thread.
void in_a_thread(void (*end)()) {
  ending = true;
  Thread({.daemon = false}, end).start();
  never.acquire();
}

/// How main ends.
const std::map<std::string, void (*)()> ends = {
    {"return", [] {}},
    {"exit", [] { std::exit(5); }},
    {"exit_in_thread", [] { in_a_thread([] { std::exit(3); }); }},
    {"quick_exit_in_thread", [] { in_a_thread([] { std::quick_exit(6); }); }},
    {"exception",
     [] {
       const rlimit no_core{0, 0};
       ::setrlimit(RLIMIT_CORE, &no_core);
       throw std::runtime_error("main failed");
     }},
    {"pthread_exit", [] { ::pthread_exit(nullptr); }},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::string stage = argv[3];
  is_daemon = argv[4] == std::string("1");
  objects.at(argv[2])(stages.at(stage), stage);
  while (!ready && stage != "not_started" && stage != "starting" && stage != "finished") std::this_thread::yield();
  say("main done");
  ending = true;
  ends.at(argv[1])();
}
