// SPDX-License-Identifier: BSL-1.0
//
// What ends the I/O of a pool's tasks early: a cancel at every stage, a timeout, a second strand on the same stream,
// and a close, from everywhere. The races are driven by a seed: PLAIT_STRESS_SEED, PLAIT_STRESS_OPERATIONS.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "plait/core/hooks.hpp"
#include "plait/plait.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/stress.hpp"
#include "support/tcp.hpp"

namespace {

using plait::Cancelled;
using plait::Future;
using plait::Listener;
using plait::on;
using plait::Stream;
using plait::Task;
using plait::ThreadPool;
using plait::test::connected_pair;
using plait::test::error_of;
using plait::test::full_listener;
using plait::test::FullListener;
using plait::test::Pair;
using plait::test::read_all;
using plait::test::read_once;
using namespace std::chrono_literals;

/// Spins for so long, without a wait.
void dawdle(unsigned turns) {
  for (volatile unsigned i = 0; i < turns;) i = i + 1;
}

/// Waits until the strand of `future` has most likely sent its operation off.
Task<> settle() { co_await plait::sleep(1ms); }

TEST(PoolIo, ACancelledReadTakesNothing) {
  ThreadPool pool(2);
  pool.run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    Future<std::size_t> reading = plait::spawn(read_once(server));
    co_await settle();
    reading.cancel();
    EXPECT_THROW(co_await reading, Cancelled);
    co_await client.write("kept");
    client.shutdown_write();
    EXPECT_EQ(co_await read_all(server), "kept");
  }());
}

TEST(PoolIo, ACancelledWriteSaysHowMuchWentOut) {
  ThreadPool pool(2);
  pool.run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string data(16 << 20, 'x');
    Future<void> writing =
        plait::spawn([](Stream& stream, const std::string& data) -> Task<> { co_await stream.write(data); },
                     std::ref(client), std::cref(data));
    co_await plait::sleep(20ms);
    writing.cancel();
    EXPECT_THROW(co_await writing, Cancelled);
    const std::size_t written = client.written();
    EXPECT_GT(written, 0u);
    EXPECT_LT(written, data.size());
    client.close();
    EXPECT_EQ((co_await read_all(server, 65536)).size(), written);
  }());
}

TEST(PoolIo, ACancelledAcceptOrConnectTakesNoConnection) {
  ThreadPool pool(2);
  pool.run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    const auto accept = [](Listener& listener) -> Task<Stream> { co_return co_await listener.accept(); };
    Future<Stream> accepting = plait::spawn(accept(listener));
    co_await settle();
    accepting.cancel();
    EXPECT_THROW(co_await accepting, Cancelled);
    Stream client = co_await plait::connect_tcp("127.0.0.1", listener.port());
    Stream server = co_await listener.accept();
    co_await server.write("x");
    EXPECT_EQ(co_await read_once(client), 1u);
    FullListener full = co_await full_listener();
    Future<Stream> connecting = plait::spawn(plait::connect_tcp("127.0.0.1", full.listener.port()));
    co_await settle();
    connecting.cancel();
    EXPECT_THROW(co_await connecting, Cancelled);
  }());
}

TEST(PoolIo, EachOperationIsACheckpointBeforeItTries) {
  ThreadPool pool(2);
  pool.run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    co_await client.write("here");
    plait::CancelScope scope;
    const auto body = [&]() -> Task<> {
      scope.cancel();
      co_await read_once(server);
    };
    co_await scope.run(body);
    EXPECT_TRUE(scope.cancelled_caught());
    EXPECT_EQ(co_await read_once(server), 4u);
  }());
}

TEST(PoolIo, TimeoutsRoundReadsKeepVirtualTime) {
  plait::testing::VirtualTime time;
  ThreadPool pool(2);
  pool.run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const auto begin = plait::now();
    EXPECT_THROW(co_await plait::timeout(1h, read_once(server)), plait::TimeoutError);
    EXPECT_GE(plait::now() - begin, 1h);
    co_await client.write("late");
    EXPECT_EQ(co_await plait::timeout(1h, read_once(server)), 4u);
    EXPECT_LT(plait::now() - begin, 2h);
  }());
}

/// Numbered bytes through a connection whose reader is cancelled again and again at any moment: by a scope on the
/// pool, by a timeout, and from a loop. What arrives must be what was sent.
Task<> write_numbers(Stream& stream, int count, unsigned seed) {
  std::mt19937 random(seed);
  std::string sent;
  for (int i = 0; i < count;) {
    std::string piece;
    for (unsigned n = 1 + random() % 5; n != 0 && i < count; --n, ++i) piece += static_cast<char>(i % 251);
    co_await stream.write(piece);
    switch (random() % 4) {
      case 0:
        co_await plait::yield_now();
        break;
      case 1:
        co_await plait::sleep(std::chrono::microseconds(random() % 100));
        break;
      default:
        dawdle(random() % 5000);
    }
  }
  stream.shutdown_write();
}

struct Reading {
  Stream& stream;
  int count = 0;
  bool ended = false;

  Task<> some() {
    char buffer[8];
    const std::size_t n = co_await stream.read_some(buffer);
    ended = n == 0;
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_EQ(static_cast<unsigned char>(buffer[i]), count % 251);
      ++count;
    }
  }
};

TEST(PoolIo, NoByteIsLostWhateverIsCancelledWhen) {
  ThreadPool pool(3);
  const auto body = [](int count, unsigned seed) -> Task<> {
    auto [client, server] = co_await connected_pair();
    Future<void> writing = plait::spawn(write_numbers(client, count, seed));
    std::mt19937 random(seed + 1);
    Reading reading{server};
    int cancelled = 0, tries = 0;
    while (!reading.ended) {
      ++tries;
      if (random() % 2 == 0) {
        Future<void> attempt = plait::spawn(reading.some());
        if (random() % 2 == 0) co_await plait::yield_now();
        dawdle(random() % 20000);
        attempt.cancel();
        try {
          co_await attempt;
        } catch (const Cancelled&) {
          ++cancelled;
        }
      } else {
        try {
          co_await plait::timeout(std::chrono::microseconds(random() % 100), reading.some());
        } catch (const plait::TimeoutError&) {
          ++cancelled;
        }
      }
    }
    EXPECT_EQ(reading.count, count);
    EXPECT_GT(cancelled, 0);
    EXPECT_LE(cancelled, tries);
    co_await writing;
  };
  pool.run(body(static_cast<int>(plait::test::stress_operations(5000)), plait::test::stress_seed()));
}

TEST(PoolIo, NoByteIsLostWhenALoopCancels) {
  ThreadPool pool(2);
  plait::run([](ThreadPool& pool) -> Task<> {
    auto [client, server] = co_await connected_pair();
    const unsigned seed = plait::test::stress_seed();
    const int count = static_cast<int>(plait::test::stress_operations(3000));
    Future<void> writing = plait::spawn(write_numbers(client, count, seed));
    std::mt19937 random(seed + 1);
    Reading reading{server};
    while (!reading.ended) {
      Future<void> attempt = plait::spawn(on(pool, reading.some()));
      for (unsigned i = random() % 4; i != 0; --i) co_await plait::yield_now();
      dawdle(random() % 20000);
      attempt.cancel();
      try {
        co_await attempt;
      } catch (const Cancelled&) {
      }
    }
    EXPECT_EQ(reading.count, count);
    co_await writing;
    co_await pool.close();
  }(pool));
}

TEST(PoolIo, ASecondReaderIsRefusedAndTheFirstGoesOn) {
  ThreadPool pool(2);
  pool.run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    Future<std::size_t> first = plait::spawn(read_once(server));
    co_await settle();
    EXPECT_THROW(co_await read_once(server), std::logic_error);
    co_await client.write("x");
    EXPECT_EQ(co_await first, 1u);
    co_await client.write("yz");
    EXPECT_EQ(co_await read_once(server), 2u);
  }());
}

TEST(PoolIo, ClosingEndsTheWaitsWithAnError) {
  ThreadPool pool(2);
  pool.run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string data(16 << 20, 'x');
    Future<std::size_t> reading = plait::spawn(read_once(server));
    Future<void> writing =
        plait::spawn([](Stream& stream, const std::string& data) -> Task<> { co_await stream.write(data); },
                     std::ref(server), std::cref(data));
    co_await plait::sleep(20ms);
    server.close();
    int read_code = 0, write_code = 0;
    EXPECT_NE((co_await error_of(reading, read_code)).find("closed meanwhile"), std::string::npos);
    co_await error_of(writing, write_code);
    EXPECT_EQ(read_code, EBADF);
    EXPECT_EQ(write_code, EBADF);
    server.close();
    EXPECT_EQ(co_await error_of(read_once(server), read_code),
              "read from " + server.peer_address() + ": Bad file descriptor");
  }());
}

TEST(PoolIo, ALoopAndAPlainThreadMayCloseWhatAPoolWaitsFor) {
  ThreadPool pool(2);
  plait::run([](ThreadPool& pool) -> Task<> {
    for (const bool in_thread : {false, true}) {
      auto [client, server] = co_await connected_pair();
      Future<std::size_t> reading = plait::spawn(on(pool, read_once(server)));
      co_await settle();
      if (in_thread) {
        co_await plait::to_thread([](Stream& stream) { stream.close(); }, std::ref(server));
      } else {
        server.close();
      }
      int code = 0;
      co_await error_of(reading, code);
      EXPECT_EQ(code, EBADF);
    }
    // The other way round it is refused, and nothing is closed.
    auto [client, server] = co_await connected_pair();
    Future<std::size_t> reading = plait::spawn(read_once(server));
    co_await plait::yield_now();
    const auto close = [](Stream& stream) -> Task<> {
      EXPECT_THROW(stream.close(), std::logic_error);
      co_return;
    };
    co_await on(pool, close(server));
    co_await client.write("x");
    EXPECT_EQ(co_await reading, 1u);
    co_await pool.close();
  }(pool));
}

TEST(PoolIo, DestroyingAnAwaitedListenerEndsTheAccept) {
  ThreadPool pool(2);
  pool.run([]() -> Task<> {
    auto listener = std::make_unique<Listener>(co_await plait::listen_tcp("127.0.0.1", 0));
    const auto accept = [](Listener& listener) -> Task<> { co_await listener.accept(); };
    Future<void> accepting = plait::spawn(accept(*listener));
    co_await settle();
    listener.reset();
    int code = 0;
    co_await error_of(accepting, code);
    EXPECT_EQ(code, EBADF);
  }());
}

TEST(PoolIo, NotifyClosingEndsTheWaitsForAForeignDescriptor) {
  ThreadPool pool(2);
  pool.run([]() -> Task<> {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const auto wait = [](int fd) -> Task<> { co_await plait::readable(fd); };
    EXPECT_THROW(co_await plait::timeout(1ms, wait(ends[0])), plait::TimeoutError);  // and the pool's loop runs
    Future<void> waiting = plait::spawn(wait(ends[0]));
    co_await settle();
    plait::notify_closing(ends[0]);
    ::close(ends[0]);
    int code = 0;
    co_await error_of(waiting, code);
    EXPECT_EQ(code, EBADF);
    ::close(ends[1]);
  }());
}

/// Holds up the first strand that is about to make its system call.
class HeldUp final : public plait::detail::Hook {
 public:
  HeldUp() { plait::detail::installed_hook = this; }
  ~HeldUp() override { plait::detail::installed_hook = nullptr; }
  void reach(plait::detail::Point point, const void* object) override {
    if (point == plait::detail::Point::checkpoint) descriptor_ = object;
    if (point != plait::detail::Point::primitive || !object || object != descriptor_ || tried.exchange(true)) return;
    for (int i = 0; i < 3000; ++i) std::this_thread::yield();
    over = true;
  }
  unsigned choose(unsigned) override { return 0; }
  std::atomic<bool> tried{false}, over{false};

 private:
  std::atomic<const void*> descriptor_{nullptr};
};

TEST(PoolIo, AStreamIsNotClosedUnderASystemCall) {
  ThreadPool pool(1);
  Pair pair = pool.run(connected_pair());
  HeldUp held;
  Future<std::size_t> reading = pool.start(read_once(pair.server), std::source_location::current());
  while (!held.tried) std::this_thread::yield();
  pair.server.close();
  EXPECT_TRUE(held.over);
  EXPECT_THROW(reading.result(), std::system_error);
}

/// Readers, writers, a closer and a canceller at one connection, at any moment; its descriptor's number is used again
/// at once by the connections beside it, whose bytes must stay theirs.
Task<> clash(unsigned seed) {
  std::mt19937 random(seed);
  auto [client, server] = co_await connected_pair();
  co_await client.write("first");
  const auto read = [](Stream& stream, unsigned delay) -> Task<> {
    dawdle(delay);
    for (;;) {
      char buffer[16] = {};
      const std::size_t n = co_await stream.read_some(buffer);
      EXPECT_TRUE(std::string_view(buffer, n) == "first" || n == 0) << std::string_view(buffer, n);
      if (n == 0) co_return;
    }
  };
  const auto write = [](Stream& stream, unsigned delay) -> Task<> {
    dawdle(delay);
    const std::string data(1 << 20, 'y');
    for (;;) co_await stream.write(data);
  };
  Future<void> reading = plait::spawn(read(server, random() % 20000));
  Future<void> writing = plait::spawn(write(server, random() % 20000));
  if (random() % 2 == 0) co_await plait::yield_now();
  dawdle(random() % 20000);
  if (random() % 3 == 0) reading.cancel();
  if (random() % 3 == 0) writing.cancel();
  server.close();
  auto [other_client, other_server] = co_await connected_pair();
  co_await other_client.write("other");
  for (Future<void>* each : {&reading, &writing}) {
    try {
      co_await *each;
    } catch (const Cancelled&) {
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), EBADF) << error.what();
    }
  }
  EXPECT_EQ(co_await read_once(other_server), 5u);
}

TEST(PoolIo, ClosingAtAnyMomentTouchesNoOtherDescriptor) {
  ThreadPool pool(3);
  const auto body = [](int count, unsigned seed) -> Task<> {
    const auto repeat = [](int count, unsigned seed) -> Task<> {
      for (int i = 0; i < count; ++i) co_await clash(seed + static_cast<unsigned>(i));
    };
    Future<void> one = plait::spawn(repeat(count, seed)), two = plait::spawn(repeat(count, seed + 1000000));
    co_await one;
    co_await two;
  };
  pool.run(body(static_cast<int>(plait::test::stress_operations(300)), plait::test::stress_seed()));
}

TEST(PoolIo, AnExceptionThatPassesCancelsTheWait) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const auto wait = [](int fd) -> Task<> { co_await plait::readable(fd); };
  try {
    ThreadPool pool(1);
    Future<void> waiting = pool.start(wait(ends[0]), std::source_location::current());
    throw std::runtime_error("passes");
  } catch (const std::runtime_error&) {
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
