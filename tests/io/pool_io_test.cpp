// SPDX-License-Identifier: BSL-1.0
//
// I/O by tasks of a ThreadPool: what connects, reads and writes; what ends a wait early is in pool_io_cancel_test.cpp.
// Both run on the poller that the environment chooses.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "plait/plait.hpp"
#include "support/build.hpp"
#include "support/child_process.hpp"
#include "support/descriptors.hpp"
#include "support/tcp.hpp"

namespace {

using plait::Future;
using plait::Listener;
using plait::on;
using plait::Stream;
using plait::Task;
using plait::ThreadPool;
using plait::test::connected_pair;
using plait::test::error_of;
using plait::test::NoMoreDescriptors;
using plait::test::open_descriptors;
using plait::test::Pair;
using plait::test::read_all;
using plait::test::read_once;
using namespace std::chrono_literals;

Task<> echo(Stream stream) {
  char buffer[512];
  while (const std::size_t n = co_await stream.read_some(buffer)) {
    co_await stream.write(std::string_view(buffer, n));
  }
}

Task<> serve(Listener& listener, int connections) {
  std::vector<Future<void>> all;
  for (int i = 0; i < connections; ++i) all.push_back(plait::spawn(echo(co_await listener.accept())));
  for (Future<void>& each : all) co_await each;
}

Task<> talk(int port, int rounds) {
  Stream stream = co_await plait::connect_tcp("127.0.0.1", port);
  for (int i = 0; i < rounds; ++i) {
    const std::string question = std::to_string(port) + "/" + std::to_string(i);
    co_await stream.write(question);
    std::string answer;
    while (answer.size() < question.size()) {
      char buffer[64];
      const std::size_t n = co_await stream.read_some(buffer);
      if (n == 0) break;
      answer.append(buffer, n);
    }
    EXPECT_EQ(answer, question);
  }
}

Task<> echo_many(int clients, int rounds) {
  Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
  Future<void> server = plait::spawn(serve(listener, clients));
  std::vector<Future<void>> all;
  for (int i = 0; i < clients; ++i) all.push_back(plait::spawn(talk(listener.port(), rounds)));
  for (Future<void>& each : all) co_await each;
  co_await server;
}

TEST(PoolIo, AServerAndItsClientsLiveOnOnePool) {
  ThreadPool pool(2);
  pool.run(echo_many(10, plait::test::rounds(500)));
}

TEST(PoolIo, OneWorkerIsEnough) {
  ThreadPool pool(1);
  pool.run(echo_many(3, 50));
}

TEST(PoolIo, SeveralPoolsHaveALoopEachAndNothingIsLeftOpen) {
  plait::run([]() -> Task<> { co_await plait::yield_now(); });  // this thread's loop keeps its descriptors
  {
    ThreadPool(1).run(echo_many(1, 1));
  }  // and so do the loops that are kept
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 5; ++i) {
    ThreadPool pool(2);
    pool.run(echo_many(2, 5));
  }
  EXPECT_EQ(open_descriptors(), before);
  ThreadPool one(1), other(1);
  EXPECT_EQ(one.run(on(other,
                       [](ThreadPool& one) -> Task<int> {
                         co_await echo_many(1, 5);
                         co_await on(one, echo_many(1, 5));
                         co_return 7;
                       }(one))),
            7);
}

TEST(PoolIo, AReaderAndAWriterUseOneStreamAtTheSameTime) {
  ThreadPool pool(3);
  pool.run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string data(4 << 20, 'x');
    Future<void> echoing = plait::spawn(echo(std::move(server)));
    Future<void> writing = plait::spawn(
        [](Stream& stream, const std::string& data) -> Task<> {
          co_await stream.write(data);
          stream.shutdown_write();
        },
        std::ref(client), std::cref(data));
    EXPECT_TRUE(co_await read_all(client, 65536) == data);
    co_await writing;
    EXPECT_EQ(client.written(), data.size());
    co_await echoing;
  }());
}

TEST(PoolIo, AStreamWandersBetweenLoopAndPools) {
  ThreadPool pool(2), other(1);
  plait::run([](ThreadPool& pool, ThreadPool& other) -> Task<> {
    auto [client, server] = co_await connected_pair();
    const auto exchange = [](Stream& from, Stream& to, char mark) -> Task<> {
      // The reader waits before there is anything.
      Future<std::size_t> reading = plait::spawn(read_once(to));
      for (int i = 0; i < 3; ++i) co_await plait::yield_now();
      co_await from.write(std::string_view(&mark, 1));
      EXPECT_EQ(co_await reading, 1u);
    };
    for (int i = 0; i < plait::test::rounds(100); ++i) {
      co_await exchange(client, server, 'a');
      co_await on(pool, exchange(server, client, 'b'));
      co_await on(other, exchange(client, server, 'c'));
    }
    // One end here, the other there.
    Future<std::size_t> reading = plait::spawn(on(pool, read_once(server)));
    co_await plait::yield_now();
    co_await client.write("x");
    EXPECT_EQ(co_await reading, 1u);
    co_await pool.close();
    co_await other.close();
  }(pool, other));
}

TEST(PoolIo, ForeignDescriptorsAreWaitedForBothWays) {
  ThreadPool pool(2);
  pool.run([]() -> Task<> {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    co_await plait::writable(ends[1]);
    const auto wait = [](int fd) -> Task<> { co_await plait::readable(fd); };
    Future<void> first = plait::spawn(wait, ends[0]);
    Future<void> second = plait::spawn(wait, ends[0]);
    co_await plait::sleep(1ms);
    EXPECT_FALSE(first.done() || second.done());
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
    co_await first;
    co_await second;
    co_await plait::readable(ends[0]);  // at once
    int code = 0;
    co_await error_of(plait::readable(1 << 20), code);
    EXPECT_EQ(code, EBADF);
    ::close(ends[0]);
    ::close(ends[1]);
  }());
}

TEST(PoolIo, FilesAndFifosAreRead) {
  std::string folder = testing::TempDir() + "plait_pool_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/file") << "content";
  ASSERT_EQ(::mkfifo((folder + "/fifo").c_str(), 0600), 0);
  ThreadPool pool(2);
  pool.run([](const std::string& folder) -> Task<> {
    char buffer[64];
    plait::File file = co_await plait::open_file(folder + "/file");
    EXPECT_EQ(co_await file.read_some(buffer), 7u);
    EXPECT_EQ(co_await file.read_at(3, buffer), 4u);
    EXPECT_EQ(std::string(buffer, 4), "tent");
    Future<plait::File> opening = plait::spawn(plait::open_file(folder + "/fifo"));
    const int writer = co_await plait::to_thread([](const char* path) { return ::open(path, O_WRONLY | O_CLOEXEC); },
                                                 (folder + "/fifo").c_str());
    plait::File fifo = co_await std::move(opening);
    Future<std::size_t> reading = plait::spawn(fifo.read_some(buffer));
    co_await plait::sleep(1ms);
    EXPECT_FALSE(reading.done());
    EXPECT_EQ(::write(writer, "late", 4), 4);
    EXPECT_EQ(co_await reading, 4u);
    ::close(writer);
    EXPECT_EQ(co_await fifo.read_some(buffer), 0u);
  }(folder));
  std::filesystem::remove_all(folder);
}

TEST(PoolIo, AnAcceptWithoutDescriptorsRestsAndThenSucceeds) {
  ThreadPool pool(1);
  pool.run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    Stream client = co_await plait::connect_tcp("127.0.0.1", listener.port());
    const auto accept = [](Listener& listener) -> Task<Stream> { co_return co_await listener.accept(); };
    int code = 0;
    {
      NoMoreDescriptors limit;
      co_await error_of(accept(listener), code);
      EXPECT_EQ(code, EMFILE);
    }
    // The connection is there, but the next one rests first, and can be cancelled meanwhile.
    EXPECT_THROW(co_await plait::timeout(1ms, accept(listener)), plait::TimeoutError);
    Stream server = co_await listener.accept();
    co_await server.write("late");
    EXPECT_EQ(co_await read_once(client), 4u);
  }());
}

TEST(PoolIo, APoolThatClosesWaitsForIt) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  bool done = false;
  {
    ThreadPool pool(1);
    const auto wait = [](int fd, bool& done) -> Task<> {
      co_await plait::readable(fd);
      co_await plait::sleep(1ms);
      done = true;
    };
    Future<void> waiting = pool.start(wait(ends[0], done), std::source_location::current());
    std::jthread writer([&] {
      std::this_thread::sleep_for(20ms);
      EXPECT_EQ(::write(ends[1], "x", 1), 1);
    });
  }
  EXPECT_TRUE(done);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(PoolIo, AJobClosesAStreamThatATaskWaitsFor) {
  ThreadPool pool(2);
  pool.run([](ThreadPool& pool) -> Task<> {
    auto [client, server] = co_await connected_pair();
    Future<std::size_t> reading = plait::spawn(read_once(server));
    co_await plait::sleep(1ms);
    co_await pool.submit([](Stream& stream) { stream.close(); }, std::ref(server));
    int code = 0;
    co_await error_of(reading, code);
    EXPECT_EQ(code, EBADF);
  }(pool));
}

}  // namespace
