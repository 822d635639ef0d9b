// SPDX-License-Identifier: BSL-1.0
//
// What connects, reads and writes; what ends a wait early is in tcp_cancel_test.cpp. Both run on the poller that the
// environment chooses.
#include "plait/io/tcp.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <bit>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <source_location>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/sched/gather.hpp"
#include "plait/sched/run.hpp"
#include "plait/sched/sleep.hpp"
#include "plait/sched/spawn.hpp"
#include "plait/testing/virtual_time.hpp"
#include "support/descriptors.hpp"
#include "support/tcp.hpp"

namespace {

using plait::Future;
using plait::Listener;
using plait::Stream;
using plait::Task;
using plait::test::connected_pair;
using plait::test::error_of;
using plait::test::full_listener;
using plait::test::FullListener;
using plait::test::open_descriptors;
using plait::test::read_all;
using plait::test::read_once;
using plait::test::reset;
using namespace std::chrono_literals;

Task<> echo(Stream stream) {
  char buffer[512];
  while (const std::size_t n = co_await stream.read_some(buffer)) {
    co_await stream.write(std::string_view(buffer, n));
  }
}

constexpr unsigned read_one_line = __LINE__ + 3;
Task<> read_one(Stream& stream) {
  char byte[1];
  co_await stream.read_some(byte);
}

TEST(Tcp, AnEchoServerAnswers) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    auto server = plait::spawn([&]() -> Task<> { co_await echo(co_await listener.accept()); });
    Stream client = co_await plait::connect_tcp("localhost", listener.port());
    co_await client.write("hello");
    client.shutdown_write();
    EXPECT_EQ(co_await read_all(client), "hello");
    co_await server;
  });
}

TEST(Tcp, AddressesAreNamedAsPeopleWriteThem) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    EXPECT_EQ(listener.address(), "127.0.0.1:" + std::to_string(listener.port()));
    Stream client = co_await plait::connect_tcp("127.0.0.1", listener.port());
    EXPECT_EQ(client.peer_address(), listener.address());
    Stream server = co_await listener.accept();
    EXPECT_EQ(server.peer_address().substr(0, 10), "127.0.0.1:");
  });
}

TEST(Tcp, AnEmptyHostMeansAllInterfaces) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("", 0);
    Stream client = co_await plait::connect_tcp("127.0.0.1", listener.port());
    Stream server = co_await listener.accept();
    co_await server.write("x");
    EXPECT_EQ(co_await read_once(client), 1u);
  });
}

TEST(Tcp, ARefusedConnectNamesTheOperationAndThePeer) {
  plait::run([]() -> Task<> {
    int port;
    {
      Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
      port = listener.port();
    }
    int code;
    const std::string text = co_await error_of(plait::connect_tcp("127.0.0.1", port), code);
    EXPECT_EQ(code, ECONNREFUSED);
    EXPECT_EQ(text, "connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused");
  });
}

TEST(Tcp, APortThatIsTakenIsRefusedWithItsAddress) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    int code;
    const std::string text = co_await error_of(plait::listen_tcp("127.0.0.1", listener.port()), code);
    EXPECT_EQ(code, EADDRINUSE);
    EXPECT_NE(text.find(listener.address()), std::string::npos) << text;
  });
}

TEST(Tcp, NamesAreLookedUp) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    // Not the spelling that Plait knows itself.
    Stream client = co_await plait::connect_tcp("LocalHost", listener.port());
    Stream server = co_await listener.accept();
    int code = 0;
    const std::string text = co_await error_of(plait::connect_tcp("no such name", 1), code);
    EXPECT_EQ(text.substr(0, 23), "resolve \"no such name\":");
  });
}

TEST(Tcp, ThereIsNoPortBeyond65535) {
  EXPECT_THROW(plait::run(plait::connect_tcp("127.0.0.1", 65536)), std::invalid_argument);
  EXPECT_THROW(plait::run(plait::listen_tcp("127.0.0.1", -1)), std::invalid_argument);
}

TEST(Tcp, OneByteAtATimeArrivesInOrder) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    std::string sent;
    for (int i = 0; i < 2000; ++i) sent += static_cast<char>('a' + i % 26);
    auto writing = plait::spawn([&]() -> Task<> {
      for (char& c : sent) co_await client.write(std::string_view(&c, 1));
      client.shutdown_write();
    });
    EXPECT_EQ(co_await read_all(server, 1), sent);
    co_await writing;
  });
}

TEST(Tcp, ABigWriteWaitsForASlowReaderAndLosesNothing) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    std::string data(16 << 20, '\0');
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 2654435761u >> 24);
    auto writing = plait::spawn([&]() -> Task<> {
      co_await client.write(data);
      client.shutdown_write();
    });
    // Until the buffers are full the writer runs; then it waits for us.
    for (int i = 0; i < 1000; ++i) co_await plait::yield_now();
    EXPECT_FALSE(writing.done());
    EXPECT_TRUE(co_await read_all(server, 65536) == data);
    co_await writing;
    EXPECT_EQ(client.written(), data.size());
  });
}

TEST(Tcp, TwoBigWritersFaceToFaceDoNotBlockEachOthersReads) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string data(8 << 20, 'x');
    auto send = [&](Stream& stream) -> Task<> {
      co_await stream.write(data);
      stream.shutdown_write();
    };
    auto [a, b, c, d] = co_await plait::gather(send(client), send(server), read_all(client), read_all(server));
    EXPECT_EQ(c.size(), data.size());
    EXPECT_EQ(d.size(), data.size());
  });
}

TEST(Tcp, ReadingGoesOnEndingOnceThePeerIsGone) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    co_await client.write("bye");
    client.close();
    EXPECT_EQ(co_await read_once(server), 3u);
    EXPECT_EQ(co_await read_once(server), 0u);
    EXPECT_EQ(co_await read_once(server), 0u);
  });
}

// A short read with the end right behind it: the edge that told of both has been used up by then.
TEST(Tcp, AnEndThatArrivesWithTheLastBytesIsSeen) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    auto reading = plait::spawn(read_all(server));
    co_await plait::yield_now();
    co_await client.write("bye");
    client.close();
    EXPECT_EQ(co_await reading, "bye");
  });
}

// recv(2) stops short at urgent data though more bytes lie behind it.
TEST(Tcp, UrgentDataDoesNotHideTheBytesBehindIt) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    auto reading = plait::spawn(read_all(server));
    co_await plait::yield_now();
    EXPECT_EQ(::send(client.native_handle(), "ab", 2, 0), 2);
    EXPECT_EQ(::send(client.native_handle(), "!", 1, MSG_OOB), 1);
    EXPECT_EQ(::send(client.native_handle(), "cd", 2, 0), 2);
    co_await plait::sleep(20ms);
    EXPECT_FALSE(reading.done());
    client.shutdown_write();
    EXPECT_EQ(co_await reading, "abcd");
  });
}

TEST(Tcp, AResetWhileReadingIsAnErrorWithThePeersAddress) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    auto reading = plait::spawn(read_once(server));
    co_await plait::yield_now();
    reset(std::move(client));
    int code = 0;
    const std::string text = co_await error_of(reading, code);
    EXPECT_EQ(code, ECONNRESET);
    EXPECT_EQ(text, "read from " + server.peer_address() + ": Connection reset by peer");
  });
}

TEST(Tcp, AResetWhileABigWriteWaitsEndsTheWrite) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string data(16 << 20, 'x');
    auto writing = plait::spawn([&]() -> Task<> { co_await client.write(data); });
    for (int i = 0; i < 1000; ++i) co_await plait::yield_now();
    reset(std::move(server));
    EXPECT_THROW(co_await writing, std::system_error);
    EXPECT_LT(client.written(), data.size());
    EXPECT_GT(client.written(), 0u);
    int code = 0;
    auto write_again = [&]() -> Task<> { co_await client.write("x"); };
    const std::string text = co_await error_of(write_again(), code);
    EXPECT_EQ(code, EPIPE);
    EXPECT_EQ(text.substr(0, 9), "write to ");
  });
}

TEST(Tcp, AStreamThatIsAlwaysReadyStarvesNobody) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string block(1 << 16, 'x');
    bool stop = false;
    auto writing = plait::spawn([&]() -> Task<> {
      while (!stop) co_await client.write(block);
      client.shutdown_write();
    });
    auto reading = plait::spawn(read_all(server, 16));
    int ticks = 0;
    for (; ticks < 20; ++ticks) co_await plait::sleep(1ms);
    stop = true;
    co_await writing;
    EXPECT_GT((co_await reading).size(), block.size());
    EXPECT_EQ(ticks, 20);
  });
}

// What another implementation of TCP makes of it: Python's.
TEST(Tcp, APythonClientIsServed) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    const std::string command =
        "python3 -c 'import socket\n"
        "s = socket.create_connection((\"127.0.0.1\", " +
        std::to_string(listener.port()) +
        "))\n"
        "s.sendall(b\"x\" * 1000000); s.shutdown(socket.SHUT_WR)\n"
        "n = 0\n"
        "while d := s.recv(65536): n += len(d)\n"
        "assert n == 1000000'";
    std::FILE* python = ::popen(command.c_str(), "r");
    co_await echo(co_await listener.accept());
    EXPECT_EQ(::pclose(python), 0);
  });
}

TEST(Tcp, TimeInATestJumpsOnlyWhenTheKernelOwesNothing) {
  int exchanged = 0;
  const auto result = plait::testing::run([&]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    auto echoing = plait::spawn(echo(std::move(server)));
    auto talking = plait::spawn([&]() -> Task<> {
      for (; exchanged < 200; ++exchanged) {
        co_await client.write("x");
        co_await read_once(client);
      }
      client.shutdown_write();
    });
    co_await plait::sleep(24h);
    EXPECT_EQ(exchanged, 200);
    co_await talking;
    co_await echoing;
  });
  EXPECT_EQ(exchanged, 200);
  EXPECT_EQ(result.elapsed, 24h);
}

/// The line that the record of strands shows for `f`'s strand.
template <class T>
unsigned await_line(Future<T>& f) {
  const void* at = f.state()->strand_record->awaits_at.load();
  return at ? std::bit_cast<std::source_location>(at).line() : 0;
}

TEST(Tcp, TheRecordShowsTheLineThatWaits) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    FullListener full = co_await full_listener();
    const int port = full.listener.port();
    const unsigned line = __LINE__;
    auto reading = plait::spawn([&]() -> Task<> { co_await read_one(server); });
    auto connecting = plait::spawn([&]() -> Task<> { co_await plait::connect_tcp("127.0.0.1", port); });
    co_await plait::sleep(1ms);
    EXPECT_EQ(await_line(connecting), line + 2);
    EXPECT_EQ(await_line(reading), read_one_line);
    reading.cancel();
    connecting.cancel();
  });
}

TEST(Tcp, AThousandConnectionsEchoAndLeaveNoDescriptor) {
  plait::run([]() -> Task<> { co_await connected_pair(); });
  const std::size_t before = open_descriptors();
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    auto server = plait::spawn([&]() -> Task<> {
      std::vector<Future<void>> handlers;
      for (int i = 0; i < 1000; ++i) handlers.push_back(plait::spawn(echo(co_await listener.accept())));
      for (auto& handler : handlers) co_await handler;
    });
    auto client = [&](int i) -> Task<int> {
      Stream stream = co_await plait::connect_tcp("127.0.0.1", listener.port());
      const std::string text = std::to_string(i);
      co_await stream.write(text);
      stream.shutdown_write();
      co_return co_await read_all(stream) == text;
    };
    std::vector<Task<int>> clients;
    for (int i = 0; i < 1000; ++i) clients.push_back(client(i));
    int right = 0;
    for (int one : co_await plait::gather(std::move(clients))) right += one;
    EXPECT_EQ(right, 1000);
    co_await server;
  });
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Tcp, WaitingForThePeerCostsNoProcessorTime) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    auto reading = plait::spawn(read_once(server));
    // Room to write, and a half-closed peer whose end was seen, must not keep the loop awake.
    client.shutdown_write();
    EXPECT_EQ(co_await reading, 0u);
    auto other = plait::spawn(read_once(client));
    const std::clock_t begin = std::clock();
    co_await plait::sleep(300ms);
    EXPECT_LT(std::clock() - begin, CLOCKS_PER_SEC / 20);
    other.cancel();
  });
}

TEST(Tcp, ThreadsWaitForStreamsToo) {
  Listener listener = plait::sync_wait(plait::listen_tcp("127.0.0.1", 0));
  std::thread server([&] {
    Stream stream = plait::sync_wait(listener.accept());
    char buffer[16];
    const std::size_t n = plait::sync_wait(stream.read_some(buffer));
    plait::sync_wait(stream.write(std::string_view(buffer, n)));
  });
  Stream client = plait::sync_wait(plait::connect_tcp("127.0.0.1", listener.port()));
  plait::sync_wait(client.write("ping"));
  EXPECT_EQ(plait::sync_wait(read_all(client)), "ping");
  server.join();
}

TEST(Tcp, OneLoopReadsWhileAnotherWrites) {
  auto pair = plait::run(connected_pair());
  const std::string data(4 << 20, 'x');
  std::thread writer([&] {
    plait::run([&]() -> Task<> {
      for (std::size_t i = 0; i < data.size(); i += 4096) {
        co_await pair.client.write(std::string_view(data).substr(i, 4096));
      }
      pair.client.shutdown_write();
    });
  });
  std::thread echoer([&] { plait::run([&]() -> Task<> { co_await echo(std::move(pair.server)); }); });
  EXPECT_EQ(plait::run(read_all(pair.client)).size(), data.size());
  writer.join();
  echoer.join();
}

TEST(Tcp, AStreamWandersBetweenLoops) {
  auto pair = plait::run(connected_pair());
  for (int round = 0; round < 20; ++round) {
    std::thread reader([&] { EXPECT_EQ(plait::run(read_once(pair.server)), 1u); });
    plait::run([&]() -> Task<> { co_await pair.client.write("x"); });
    reader.join();
    auto here = [&]() -> Task<std::size_t> {
      auto reading = plait::spawn(read_once(pair.server));
      co_await plait::yield_now();
      co_await pair.client.write("xy");
      co_return co_await reading;
    };
    EXPECT_EQ(plait::run(here()), 2u);
  }
}

}  // namespace
