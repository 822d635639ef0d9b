// SPDX-License-Identifier: BSL-1.0
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

namespace {

using plait::Future;
using plait::Listener;
using plait::Stream;
using plait::Task;
using plait::testing_support::NoMoreDescriptors;
using plait::testing_support::open_descriptors;
using namespace std::chrono_literals;

/// Runs on the poller that the environment chooses, so that the whole file runs on each.
class TcpTest : public testing::Test {};

struct Pair {
  Stream client, server;
};

Task<Pair> connected_pair() {
  Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
  Stream client = co_await plait::connect_tcp("127.0.0.1", listener.port());
  Stream server = co_await listener.accept();
  co_return Pair{std::move(client), std::move(server)};
}

Task<> echo(Stream stream) {
  char buffer[512];
  while (const std::size_t n = co_await stream.read_some(buffer)) {
    co_await stream.write(std::string_view(buffer, n));
  }
}

Task<std::string> read_all(Stream& stream, std::size_t at_a_time = 4096) {
  std::string all, buffer(at_a_time, '\0');
  while (const std::size_t n = co_await stream.read_some(buffer)) all.append(buffer, 0, n);
  co_return all;
}

/// Resets the connection instead of ending it.
void reset(Stream stream) {
  const linger none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

/// The code and the text of an error. UBSan's check of a member call opens a pipe to look at the object, which gives a
/// false alarm where the test has taken all descriptors away.
__attribute__((no_sanitize("vptr"))) std::string text_of(const std::system_error& error, int& code) {
  code = error.code().value();
  return error.what();
}

/// What `task` throws: a std::system_error's text and code, or nothing.
template <class T>
Task<std::string> error_of(Task<T> task, int& code) {
  code = 0;
  std::string text;
  try {
    co_await std::move(task);
  } catch (const std::system_error& error) {
    text = text_of(error, code);
  }
  co_return text;
}

constexpr unsigned read_one_line = __LINE__ + 3;
Task<> read_one(Stream& stream) {
  char byte[1];
  co_await stream.read_some(byte);
}

Task<std::size_t> read_once(Stream& stream) {
  char buffer[16];
  co_return co_await stream.read_some(buffer);
}

TEST_F(TcpTest, AnEchoServerAnswers) {
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

TEST_F(TcpTest, AddressesAreNamedAsPeopleWriteThem) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    EXPECT_EQ(listener.address(), "127.0.0.1:" + std::to_string(listener.port()));
    Stream client = co_await plait::connect_tcp("127.0.0.1", listener.port());
    EXPECT_EQ(client.peer_address(), listener.address());
    Stream server = co_await listener.accept();
    EXPECT_EQ(server.peer_address().substr(0, 10), "127.0.0.1:");
  });
}

TEST_F(TcpTest, AnEmptyHostMeansAllInterfaces) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("", 0);
    Stream client = co_await plait::connect_tcp("127.0.0.1", listener.port());
    Stream server = co_await listener.accept();
    co_await server.write("x");
    EXPECT_EQ(co_await read_once(client), 1u);
  });
}

TEST_F(TcpTest, ARefusedConnectNamesTheOperationAndThePeer) {
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

TEST_F(TcpTest, APortThatIsTakenIsRefusedWithItsAddress) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    int code;
    const std::string text = co_await error_of(plait::listen_tcp("127.0.0.1", listener.port()), code);
    EXPECT_EQ(code, EADDRINUSE);
    EXPECT_NE(text.find(listener.address()), std::string::npos) << text;
  });
}

TEST_F(TcpTest, NamesAreLookedUp) {
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

TEST_F(TcpTest, ThereIsNoPortBeyond65535) {
  EXPECT_THROW(plait::run(plait::connect_tcp("127.0.0.1", 65536)), std::invalid_argument);
  EXPECT_THROW(plait::run(plait::listen_tcp("127.0.0.1", -1)), std::invalid_argument);
}

TEST_F(TcpTest, OneByteAtATimeArrivesInOrder) {
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

TEST_F(TcpTest, ABigWriteWaitsForASlowReaderAndLosesNothing) {
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

TEST_F(TcpTest, TwoBigWritersFaceToFaceDoNotBlockEachOthersReads) {
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

TEST_F(TcpTest, ReadingGoesOnEndingOnceThePeerIsGone) {
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
TEST_F(TcpTest, AnEndThatArrivesWithTheLastBytesIsSeen) {
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
TEST_F(TcpTest, UrgentDataDoesNotHideTheBytesBehindIt) {
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

TEST_F(TcpTest, AResetWhileReadingIsAnErrorWithThePeersAddress) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    auto reading = plait::spawn(read_once(server));
    co_await plait::yield_now();
    reset(std::move(client));
    int code = 0;
    const std::string text =
        co_await error_of([](auto f) -> Task<> { co_await std::move(f); }(std::move(reading)), code);
    EXPECT_EQ(code, ECONNRESET);
    EXPECT_EQ(text, "read from " + server.peer_address() + ": Connection reset by peer");
  });
}

TEST_F(TcpTest, AResetWhileABigWriteWaitsEndsTheWrite) {
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

TEST_F(TcpTest, ACancelledReadTakesNothing) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    auto reading = plait::spawn(read_once(server));
    co_await plait::yield_now();
    reading.cancel();
    EXPECT_THROW(co_await reading, plait::Cancelled);
    co_await client.write("kept");
    client.shutdown_write();
    EXPECT_EQ(co_await read_all(server), "kept");
  });
}

TEST_F(TcpTest, ACancelledWriteSaysHowMuchWentOut) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string data(16 << 20, 'x');
    auto writing = plait::spawn([&]() -> Task<> { co_await client.write(data); });
    for (int i = 0; i < 1000; ++i) co_await plait::yield_now();
    writing.cancel();
    EXPECT_THROW(co_await writing, plait::Cancelled);
    const std::size_t written = client.written();
    EXPECT_GT(written, 0u);
    EXPECT_LT(written, data.size());
    client.close();
    EXPECT_EQ((co_await read_all(server, 65536)).size(), written);
  });
}

TEST_F(TcpTest, ACancelledAcceptTakesNoConnection) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    auto accepting = plait::spawn([&]() -> Task<Stream> { co_return co_await listener.accept(); });
    co_await plait::yield_now();
    accepting.cancel();
    EXPECT_THROW(co_await accepting, plait::Cancelled);
    Stream client = co_await plait::connect_tcp("127.0.0.1", listener.port());
    Stream server = co_await listener.accept();
    co_await server.write("x");
    EXPECT_EQ(co_await read_once(client), 1u);
  });
}

/// A listener whose queue is full, so that the next connect waits.
struct FullListener {
  Listener listener;
  std::vector<Stream> queued;
};

Task<FullListener> full_listener() {
  Listener listener = co_await plait::listen_tcp("127.0.0.1", 0, {.backlog = 1});
  FullListener full{std::move(listener), {}};
  const int port = full.listener.port();
  while (true) {
    auto connecting = plait::spawn(plait::connect_tcp("127.0.0.1", port));
    co_await plait::sleep(30ms);
    if (!connecting.done()) {
      connecting.cancel();
      EXPECT_THROW(co_await connecting, plait::Cancelled);
      break;
    }
    full.queued.push_back(co_await std::move(connecting));
  }
  co_return full;
}

TEST_F(TcpTest, ACancelledConnectLeavesNoDescriptorBehind) {
  plait::run([]() -> Task<> {
    FullListener full = co_await full_listener();
    const std::size_t before = open_descriptors();
    auto connecting = plait::spawn(plait::connect_tcp("127.0.0.1", full.listener.port()));
    co_await plait::yield_now();
    EXPECT_EQ(open_descriptors(), before + 1);
    connecting.cancel();
    EXPECT_THROW(co_await connecting, plait::Cancelled);
    EXPECT_EQ(open_descriptors(), before);
  });
}

TEST_F(TcpTest, EachOperationIsACheckpointBeforeItTries) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    co_await client.write("here");
    auto cancelled = [](auto make) -> Task<> {
      auto f = plait::spawn(make());
      f.cancel();
      EXPECT_THROW(co_await f, plait::Cancelled);
    };
    co_await cancelled([&]() -> Task<> { co_await read_once(server); });
    co_await cancelled([&]() -> Task<> { co_await server.write("x"); });
    co_await cancelled([]() -> Task<> { co_await plait::listen_tcp("127.0.0.1", 0); });
    co_await cancelled([]() -> Task<> { co_await plait::connect_tcp("127.0.0.1", 1); });
    EXPECT_EQ(co_await read_once(server), 4u);
  });
}

TEST_F(TcpTest, ASecondReaderIsRefusedAndTheFirstGoesOn) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    auto first = plait::spawn(read_once(server));
    co_await plait::yield_now();
    std::string text;
    try {
      co_await read_once(server);
    } catch (const std::logic_error& error) {
      text = error.what();
    }
    EXPECT_EQ(text, "plait: " + server.peer_address() +
                        ": another strand reads from it already (1 waits); one reader and one writer at a time.");
    co_await client.write("x");
    EXPECT_EQ(co_await first, 1u);
    co_await client.write("yz");
    EXPECT_EQ(co_await read_once(server), 2u);
  });
}

TEST_F(TcpTest, ClosingEndsTheWaitsWithAnError) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string data(16 << 20, 'x');
    auto reading = plait::spawn(read_once(server));
    auto writing = plait::spawn([&]() -> Task<> { co_await server.write(data); });
    for (int i = 0; i < 1000; ++i) co_await plait::yield_now();
    server.close();
    int read_code = 0, write_code = 0;
    auto wait = [](auto& f) -> Task<> { co_await f; };
    EXPECT_NE((co_await error_of(wait(reading), read_code)).find("closed meanwhile"), std::string::npos);
    co_await error_of(wait(writing), write_code);
    EXPECT_EQ(read_code, EBADF);
    EXPECT_EQ(write_code, EBADF);
    server.close();
    EXPECT_EQ(co_await error_of(read_once(server), read_code),
              "read from " + server.peer_address() + ": Bad file descriptor");
  });
}

TEST_F(TcpTest, DestroyingAnAwaitedListenerEndsTheAccept) {
  plait::run([]() -> Task<> {
    auto listener = std::make_unique<Listener>(co_await plait::listen_tcp("127.0.0.1", 0));
    auto accepting = plait::spawn([&]() -> Task<> { co_await listener->accept(); });
    co_await plait::yield_now();
    listener.reset();
    int code = 0;
    co_await error_of([](auto& f) -> Task<> { co_await f; }(accepting), code);
    EXPECT_EQ(code, EBADF);
  });
}

TEST_F(TcpTest, AClosedStreamsNumberServesTheNextStream) {
  plait::run([]() -> Task<> {
    for (int i = 0; i < 50; ++i) {
      auto [client, server] = co_await connected_pair();
      auto reading = plait::spawn(read_once(server));
      co_await plait::yield_now();
      co_await client.write("x");
      EXPECT_EQ(co_await reading, 1u);
    }
  });
}

TEST_F(TcpTest, AMovedFromStreamSaysSo) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    Stream other = std::move(client);
    EXPECT_THROW((void)client.write("x"), std::logic_error);
    co_await other.write("x");
    EXPECT_EQ(co_await read_once(server), 1u);
  });
}

TEST_F(TcpTest, AcceptWithoutDescriptorsFailsRestsAndThenSucceeds) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    Stream client = co_await plait::connect_tcp("127.0.0.1", listener.port());
    auto accept = [&]() -> Task<Stream> { co_return co_await listener.accept(); };
    {
      NoMoreDescriptors limit;
      int failures = 0;
      const auto begin = plait::now();
      while (plait::now() - begin < 200ms) {
        int code = 0;
        const std::string text = co_await error_of(accept(), code);
        EXPECT_EQ(code, EMFILE) << text;
        ++failures;
      }
      // Each failure after the first comes after a rest.
      EXPECT_GE(failures, 2);
      EXPECT_LE(failures, 6);
    }
    Stream server = co_await listener.accept();
    co_await server.write("late");
    EXPECT_EQ(co_await read_once(client), 4u);
  });
}

TEST_F(TcpTest, ARestingAcceptCanBeCancelledAndClosed) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    Stream client = co_await plait::connect_tcp("127.0.0.1", listener.port());
    auto accept = [&]() -> Task<> { co_await listener.accept(); };
    for (bool close : {false, true}) {
      int code = 0;
      {
        NoMoreDescriptors limit;
        co_await error_of(accept(), code);
        EXPECT_EQ(code, EMFILE);
      }
      auto resting = plait::spawn(accept());
      co_await plait::yield_now();
      if (close) {
        listener.close();
        co_await error_of([](auto& f) -> Task<> { co_await f; }(resting), code);
        EXPECT_EQ(code, EBADF);
      } else {
        resting.cancel();
        EXPECT_THROW(co_await resting, plait::Cancelled);
      }
    }
  });
}

TEST_F(TcpTest, AClosedListenerThatWouldRestSaysThatItIsClosed) {
  plait::run([]() -> Task<> {
    Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    Stream client = co_await plait::connect_tcp("127.0.0.1", listener.port());
    auto accept = [&]() -> Task<> { co_await listener.accept(); };
    int code = 0;
    {
      NoMoreDescriptors limit;
      co_await error_of(accept(), code);
      EXPECT_EQ(code, EMFILE);
    }
    listener.close();
    co_await error_of(accept(), code);
    EXPECT_EQ(code, EBADF);
  });
}

TEST_F(TcpTest, AStreamThatIsAlwaysReadyStarvesNobody) {
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
TEST_F(TcpTest, APythonClientIsServed) {
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

TEST_F(TcpTest, TimeInATestJumpsOnlyWhenTheKernelOwesNothing) {
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

TEST_F(TcpTest, TheRecordShowsTheLineThatWaits) {
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

TEST_F(TcpTest, AThousandConnectionsEchoAndLeaveNoDescriptor) {
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

TEST_F(TcpTest, WaitingForThePeerCostsNoProcessorTime) {
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

TEST_F(TcpTest, ThreadsWaitForStreamsToo) {
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

TEST_F(TcpTest, OneLoopReadsWhileAnotherWrites) {
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

TEST_F(TcpTest, AStreamWandersBetweenLoops) {
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
