// SPDX-License-Identifier: BSL-1.0
// What calls do that nobody should do, and what comes at a bad time: the program and its other calls go on.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/os/process.hpp"
#include "plait/plait.hpp"
#include "process/arena.hpp"
#include "process/call_board.hpp"
#include "support/build.hpp"
#include "support/forked.hpp"

namespace plait {
namespace {

/// All processes of this program have one, too, and start nevertheless.
const shared::Value<int> made_before_main(7);

int add_one(int n) { return n + 1; }
void forever() {
  for (;;) ::pause();
}
void write_garbage() {
  for (int fd = 3; fd < 30; ++fd) ::send(fd, "hello", 5, MSG_NOSIGNAL);
}

/// Runs in a process of its own, which has a server of its own; what it exits with.
template <class F>
int exit_code_of(F f) {
  Process process(f);
  process.start();
  process.join();
  return *process.exitcode();
}

TEST(HostileCalls, AWorkerThatAsksBeforeItsStartIsKnown) {
  const shared::Value<int> value(7);
  const auto read = [](shared::Value<int> from) { return *from; };
  ProcessPool pool({.size = 1, .max_tasks = 1});
  for (int i = 0; i < test::rounds(200); ++i) EXPECT_EQ(pool.submit(read, value).result(), 7);
}

TEST(HostileCalls, GarbageOnAChannelIsPassedOver) {
  ProcessPool pool(1);
  pool.submit(write_garbage).result();
  EXPECT_EQ(pool.submit(add_one, 1).result(), 2);
  EXPECT_EQ(exit_code_of(write_garbage), 0);
}

TEST(HostileCalls, GarbageForTheServerIsPassedOver) {
  const auto program = [] {
    Process first({.daemon = true}, forever);
    first.start();
    write_garbage();
    Process second(add_one, 1);
    second.start();
    second.join();
    std::exit(first.is_alive() && *second.exitcode() == 0 ? 0 : 2);
  };
  EXPECT_EQ(exit_code_of(program), 0);
}

TEST(HostileCalls, AStartThatTheServerHasNoRoomForHarmsNobody) {
  const auto program = [] {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit low = before;
    low.rlim_cur = 64;
    ::setrlimit(RLIMIT_NOFILE, &low);
    std::vector<Process> started;
    const auto start = [&started] {
      Process process({.daemon = true}, forever);
      process.start();
      started.push_back(std::move(process));
    };
    start();
    ::setrlimit(RLIMIT_NOFILE, &before);
    bool refused = false;
    for (int i = 0; i < 100 && !refused; ++i) {
      try {
        start();
      } catch (const std::system_error&) {
        refused = true;
      }
    }
    for (Process& process : started) refused &= process.is_alive();
    std::exit(refused ? 0 : 2);
  };
  EXPECT_EQ(exit_code_of(program), 0);
}

TEST(HostileCalls, ABlockThatIsKeptForLongDoesNotKeepOthers) {
  detail::Arena arena = detail::Arena::create();
  arena.allocate(5000);
  std::set<std::uint64_t> used;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t block = arena.allocate(5000);
    used.insert(block);
    arena.release(block);
  }
  EXPECT_LE(used.size(), 2u);
}

TEST(HostileCalls, AWorkerThatClosedItsBellIsReplaced) {
  ProcessPool pool(1);
  const auto close_all = [] {
    ::close_range(3, ~0U, 0);
    sync_wait(sleep(std::chrono::milliseconds(50)));  // until nobody looks for the result
    return 5;
  };
  EXPECT_EQ(pool.submit(close_all).result(), 5);
  EXPECT_EQ(pool.submit(add_one, 1).result(), 2);
}

TEST(HostileCalls, MoreDescriptorsThanAMessageHasAreRefused) {
  ProcessPool pool(1);
  std::vector<shared::Value<int>> many;
  for (int i = 0; i < 251; ++i) many.emplace_back(i);
  const auto count = [](std::vector<shared::Value<int>> values) { return values.size(); };
  const auto make = [](int n) {
    std::vector<shared::Value<int>> values;
    for (int i = 0; i < n; ++i) values.emplace_back(i);
    return values;
  };
  EXPECT_THROW(pool.submit(count, many), std::system_error);
  EXPECT_THROW(pool.submit(make, 251).result(), std::system_error);
  many.pop_back();
  EXPECT_EQ(pool.submit(count, many).result(), 250u);
  EXPECT_EQ(pool.submit(make, 250).result().size(), 250u);
  run([&]() -> Task<> {
    bool refused = false;
    try {
      co_await spawn_process(make, 251);
    } catch (const std::system_error&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  });
}

TEST(HostileCalls, ACallbackMayWaitForAnotherResult) {
  ProcessPool pool(2);
  const auto slow = [] {
    sync_wait(sleep(std::chrono::milliseconds(5)));
    return 3;
  };
  for (int i = 0; i < test::rounds(50); ++i) {
    const Future<int> first = pool.submit(add_one, 1);
    const Future<int> second = pool.submit(slow);
    first.add_done_callback([&] {
      try {
        EXPECT_EQ(second.result(), 3);
      } catch (const std::logic_error&) {  // on the pool's own thread
      }
    });
    EXPECT_EQ(first.result(), 2);
    EXPECT_EQ(second.result(), 3);
  }
}

TEST(HostileCalls, AllWhoSleepAreWokenForWhatIsPublishedAtOnce) {
  ProcessPool pool(4);
  const auto meet = [](shared::Barrier at) { sync_wait(at.wait()); };
  {
    shared::Barrier all(4);  // four processes
    std::vector<Future<void>> calls;
    for (int i = 0; i < 4; ++i) calls.push_back(pool.submit(meet, all));
    for (auto& call : calls) call.result();
  }
  std::atomic<bool> called{false};
  std::atomic<bool> go_on{false};
  const Future<void> first = pool.submit([] { sync_wait(sleep(std::chrono::milliseconds(20))); });
  first.add_done_callback([&] {
    called = true;
    while (!go_on) std::this_thread::yield();
  });
  while (!called) std::this_thread::yield();
  std::vector<Future<void>> calls;
  for (std::uint32_t i = 0; i < detail::CallBoard::kSlots; ++i) calls.push_back(pool.submit([] {}));
  shared::Barrier all(4);
  for (int i = 0; i < 4; ++i) calls.push_back(pool.submit(meet, all));
  sync_wait(sleep(std::chrono::milliseconds(100)));  // they make these, and fall asleep
  go_on = true;
  for (auto& call : calls) call.result();
}

TEST(HostileCalls, ACopyThatClosesItsChannelIsAlive) {
  PLAIT_TEST_NEEDS_FORK();
  const auto program = [] {
    Process copy({.start = Start::fork}, [] {
      ::close_range(3, ~0U, 0);
      forever();
    });
    copy.start();
    while (copy.is_alive() && !copy.join(std::chrono::milliseconds(20))) copy.kill();
    std::exit(copy.exitcode() == -SIGKILL ? 0 : 2);
  };
  EXPECT_EQ(exit_code_of(program), 0);
}

TEST(HostileCalls, ACopyEndsThoughItsChannelIsHeld) {
  PLAIT_TEST_NEEDS_FORK();
  const auto program = [] {
    Process copy({.start = Start::fork}, [] {
      if (::fork() == 0) forever();
    });
    copy.start();
    copy.join();
    std::exit(*copy.exitcode() == 0 ? 0 : 2);
  };
  Process process(program);
  process.start();
  EXPECT_TRUE(process.join(std::chrono::seconds(10)));
  EXPECT_EQ(process.exitcode(), 0);
  process.kill();
}

TEST(HostileCalls, AProgramMayHaveClosedItsStandardStreams) {
  PLAIT_TEST_NEEDS_FORK();
  test::Forked program([] {
    for (int stream = 0; stream < 3; ++stream) ::close(stream);
    const auto write = [](int n) {
      for (int stream = 1; stream < 3; ++stream) static_cast<void>(!::write(stream, "garbage", 7));
      return n;
    };
    for (const Start method : {Start::server, Start::spawn, Start::server}) {
      Process lives({.daemon = true, .start = method}, forever);
      lives.start();
      Process process({.start = method}, write, 1);
      process.start();
      process.join();
      if (process.exitcode() != 0 || !lives.is_alive()) ::_exit(2);
    }
    ProcessPool pool(1);
    if (pool.submit(write, 5).result() != 5) ::_exit(3);
  });
  EXPECT_TRUE(program.ends_well());
}

TEST(HostileCalls, StaticObjectsMayBeShared) {
  EXPECT_EQ(exit_code_of([] { std::exit(*made_before_main); }), 7);
}

}  // namespace
}  // namespace plait
