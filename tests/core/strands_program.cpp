// SPDX-License-Identifier: BSL-1.0
//
// The program that read_strands_test looks into: tells on stdout which strand it expects to be seen at which line, and
// then runs until it is killed. With the argument `closes-descriptors` it closes all that it did not open itself.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string_view>
#include <thread>

#include "plait/core/dump.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/plait.hpp"

namespace {

using namespace plait;
using namespace std::chrono_literals;

constexpr int kNapLine = __LINE__ + 1;
Task<> nap() { co_await sleep(1h); }

/// The line that counts is that of the innermost co_await.
Task<> call_nap() { co_await nap(); }

constexpr int kJoinLine = __LINE__ + 1;
Task<> join(Future<void>& other) { co_await other; }

void tell_lines();

/// Keeps the loop running, and its records changing: strands come and go.
constexpr int kBusyLine = __LINE__ + 1;
Task<> come_and_go() { co_await yield_now(); }
Task<> busy() {
  for (int turn = 0;; ++turn) {
    if (turn == 3) tell_lines();  // by now all the others wait
    auto brief = spawn(come_and_go(), {.name = "brief"});
    co_await brief;
  }
}

constexpr int kSpawnLine = __LINE__ + 3;
Task<> program() {
  // One line each, so that none is mistaken for the other.
  auto napping = spawn(call_nap(), {.name = "nap"});
  auto joining = spawn(join(napping), {.name = "join"});
  auto running = spawn(busy(), {.name = "busy"});
  co_await running;
}

void tell_lines() {
  std::printf("%s %d %d %d %d\n", __FILE__, kNapLine, kJoinLine, kBusyLine, kSpawnLine);
  std::fflush(stdout);
}

bool sleeps(std::string_view name) {
  for (const StrandInfo& strand : strands()) {
    if (strand.name == name && strand.state == StrandState::waiting) return true;
  }
  return false;
}

}  // namespace

int main(int count, char** words) {
  std::thread sleeper([] {
    name_record(*detail::this_thread_strand().record, "sleeper");
    sleep_for(1h);
  });
  while (!sleeps("sleeper")) std::this_thread::yield();
  if (count > 1 && std::string_view(words[1]) == "closes-descriptors") {
    for (int fd = 3; fd < 64; ++fd) ::close(fd);
  }
  run(program());
}
