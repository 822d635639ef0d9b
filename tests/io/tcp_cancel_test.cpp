// SPDX-License-Identifier: BSL-1.0
//
// What ends an operation on sockets early: a cancel, a second strand on the same stream, a close, and a process without
// free descriptors.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "plait/plait.hpp"
#include "support/descriptors.hpp"
#include "support/tcp.hpp"

namespace {

using plait::Listener;
using plait::Stream;
using plait::Task;
using plait::test::connected_pair;
using plait::test::error_of;
using plait::test::full_listener;
using plait::test::FullListener;
using plait::test::NoMoreDescriptors;
using plait::test::open_descriptors;
using plait::test::read_all;
using plait::test::read_once;
using namespace std::chrono_literals;

TEST(Tcp, ACancelledReadTakesNothing) {
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

TEST(Tcp, ACancelledWriteSaysHowMuchWentOut) {
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

TEST(Tcp, ACancelledAcceptTakesNoConnection) {
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

TEST(Tcp, ACancelledConnectLeavesNoDescriptorBehind) {
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

TEST(Tcp, EachOperationIsACheckpointBeforeItTries) {
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

TEST(Tcp, ASecondReaderIsRefusedAndTheFirstGoesOn) {
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

TEST(Tcp, ClosingEndsTheWaitsWithAnError) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string data(16 << 20, 'x');
    auto reading = plait::spawn(read_once(server));
    auto writing = plait::spawn([&]() -> Task<> { co_await server.write(data); });
    for (int i = 0; i < 1000; ++i) co_await plait::yield_now();
    server.close();
    int read_code = 0, write_code = 0;
    EXPECT_NE((co_await error_of(reading, read_code)).find("closed meanwhile"), std::string::npos);
    co_await error_of(writing, write_code);
    EXPECT_EQ(read_code, EBADF);
    EXPECT_EQ(write_code, EBADF);
    server.close();
    EXPECT_EQ(co_await error_of(read_once(server), read_code),
              "read from " + server.peer_address() + ": Bad file descriptor");
  });
}

TEST(Tcp, DestroyingAnAwaitedListenerEndsTheAccept) {
  plait::run([]() -> Task<> {
    auto listener = std::make_unique<Listener>(co_await plait::listen_tcp("127.0.0.1", 0));
    auto accepting = plait::spawn([&]() -> Task<> { co_await listener->accept(); });
    co_await plait::yield_now();
    listener.reset();
    int code = 0;
    co_await error_of(accepting, code);
    EXPECT_EQ(code, EBADF);
  });
}

TEST(Tcp, AClosedStreamsNumberServesTheNextStream) {
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

TEST(Tcp, AMovedFromStreamSaysSo) {
  plait::run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    Stream other = std::move(client);
    EXPECT_THROW((void)client.write("x"), std::logic_error);
    co_await other.write("x");
    EXPECT_EQ(co_await read_once(server), 1u);
  });
}

TEST(Tcp, AcceptWithoutDescriptorsFailsRestsAndThenSucceeds) {
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

TEST(Tcp, ARestingAcceptCanBeCancelledAndClosed) {
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
        co_await error_of(resting, code);
        EXPECT_EQ(code, EBADF);
      } else {
        resting.cancel();
        EXPECT_THROW(co_await resting, plait::Cancelled);
      }
    }
  });
}

TEST(Tcp, AClosedListenerThatWouldRestSaysThatItIsClosed) {
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

}  // namespace
