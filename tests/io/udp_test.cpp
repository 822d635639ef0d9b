// SPDX-License-Identifier: BSL-1.0
//
// Datagrams, over UDP and Unix sockets, on the poller that the environment chooses.
#include "plait/io/udp.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "plait/io/unix_datagram.hpp"
#include "plait/plait.hpp"
#include "support/descriptors.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::error_of;
using test::turns;
using namespace std::chrono_literals;

TEST(Udp, ADatagramArrivesWholeWithItsSender) {
  run([]() -> Task<> {
    UdpSocket server = co_await bind_udp("127.0.0.1", 0);
    UdpSocket client = co_await bind_udp("127.0.0.1", 0);
    co_await client.send_to(server.address(), "hello");
    co_await client.send_to(server.address(), "");
    std::array<char, 16> buffer;
    const Datagram first = co_await server.receive_from(buffer);
    EXPECT_EQ(std::string(buffer.data(), first.size), "hello");
    EXPECT_FALSE(first.truncated);
    EXPECT_EQ(first.from, client.address());
    const Datagram empty = co_await server.receive_from(buffer);
    EXPECT_EQ(empty.size, 0u);
    co_await server.send_to(first.from, std::as_bytes(std::span(buffer).first(2)));
    EXPECT_EQ(co_await client.receive(buffer), 2u);
  });
}

TEST(Udp, AReceiveWaits) {
  run([]() -> Task<> {
    UdpSocket server = co_await bind_udp("127.0.0.1", 0);
    UdpSocket client = co_await connect_udp("127.0.0.1", server.port());
    auto receiving = spawn([&]() -> Task<std::size_t> {
      std::array<char, 16> buffer;
      co_return (co_await server.receive_from(buffer)).size;
    });
    co_await turns(3);
    EXPECT_FALSE(receiving.done());
    co_await client.send("abc");
    EXPECT_EQ(co_await receiving, 3u);
  });
}

TEST(Udp, WhatTheBufferCantHoldIsCutAndSaidSo) {
  run([]() -> Task<> {
    UdpSocket server = co_await bind_udp("127.0.0.1", 0);
    UdpSocket client = co_await connect_udp("127.0.0.1", server.port());
    co_await client.send("0123456789");
    co_await client.send("0123456789");
    co_await client.send("next");
    std::array<char, 4> buffer;
    const Datagram datagram = co_await server.receive_from(buffer);
    EXPECT_EQ(datagram.size, 4u);
    EXPECT_TRUE(datagram.truncated);
    EXPECT_EQ(co_await server.receive(buffer), 4u);
    EXPECT_EQ(co_await server.receive(buffer), 4u);
    EXPECT_EQ(std::string_view(buffer.data(), 4), "next");
  });
}

TEST(Udp, AConnectedSocketHearsOfAPeerThatIsNotThere) {
  run([]() -> Task<> {
    int port = 0;
    {
      UdpSocket gone = co_await bind_udp("127.0.0.1", 0);
      port = gone.port();
    }
    UdpSocket client = co_await connect_udp("127.0.0.1", port);
    EXPECT_EQ(client.peer_address().text(), "127.0.0.1:" + std::to_string(port));
    co_await client.send("anybody?");
    std::array<char, 4> buffer;
    int code = 0;
    auto receive = [&]() -> Task<> { co_await client.receive(buffer); };
    const std::string text = co_await error_of(receive(), code);
    EXPECT_EQ(code, ECONNREFUSED);
    EXPECT_EQ(text, "receive on " + client.address().text() +
                        ", which is connected to 127.0.0.1:" + std::to_string(port) + ": Connection refused");
  });
}

TEST(Udp, ErrorsNameTheAddresses) {
  run([]() -> Task<> {
    UdpSocket socket = co_await bind_udp("127.0.0.1", 0);
    int code = 0;
    co_await error_of(bind_udp("127.0.0.1", socket.port()), code);
    EXPECT_EQ(code, EADDRINUSE);
    const std::string data(70'000, 'x');
    const SocketAddress to = *SocketAddress::from_figures("127.0.0.1", 9);
    auto send = [&]() -> Task<> { co_await socket.send_to(to, data); };
    EXPECT_EQ(co_await error_of(send(), code),
              "send to 127.0.0.1:9 on " + socket.address().text() + ": Message too long");
    EXPECT_EQ(code, EMSGSIZE);
    UdpSocket other = std::move(socket);
    EXPECT_THROW((void)socket.port(), std::logic_error);
  });
}

TEST(Udp, ACancelledReceiveTakesNothing) {
  run([]() -> Task<> {
    UdpSocket server = co_await bind_udp("127.0.0.1", 0);
    UdpSocket client = co_await connect_udp("127.0.0.1", server.port());
    std::array<char, 16> buffer;
    auto receive = [&]() -> Task<std::size_t> { co_return co_await server.receive(buffer); };
    auto first = spawn(receive());
    co_await turns(2);
    auto second = spawn(receive());
    EXPECT_THROW(co_await second, std::logic_error);
    first.cancel();
    EXPECT_THROW(co_await first, Cancelled);
    co_await client.send("kept");
    EXPECT_EQ(co_await receive(), 4u);
    auto third = spawn(receive());
    co_await turns(2);
    server.close();
    int code = 0;
    co_await error_of(third, code);
    EXPECT_EQ(code, EBADF);
  });
}

TEST(Udp, TwoSocketsShareAPort) {
  run([]() -> Task<> {
    const UdpOptions shared{.reuse_port = true};
    UdpSocket a = co_await bind_udp("127.0.0.1", 0, shared);
    UdpSocket b = co_await bind_udp("127.0.0.1", a.port(), shared);
    int received = 0;
    const auto count = [&](UdpSocket& socket) -> Task<> {
      std::array<char, 4> buffer;
      while (true) {
        co_await socket.receive(buffer);
        ++received;
      }
    };
    auto one = spawn(count(a));
    auto two = spawn(count(b));
    for (int i = 0; i < 20; ++i) {
      UdpSocket client = co_await connect_udp("127.0.0.1", a.port());
      co_await client.send("x");
    }
    co_await sleep(5ms);
    EXPECT_EQ(received, 20);
    one.cancel();
    two.cancel();
  });
}

TEST(Udp, ServesThreadsAndPools) {
  UdpSocket server = sync_wait(bind_udp("127.0.0.1", 0));
  const int port = server.port();
  std::thread echo([&] {
    std::array<char, 16> buffer;
    for (int i = 0; i < 2; ++i) {
      const Datagram datagram = sync_wait(server.receive_from(buffer));
      sync_wait(server.send_to(datagram.from, std::string_view(buffer.data(), datagram.size)));
    }
  });
  const auto ask = [port]() -> Task<std::string> {
    UdpSocket client = co_await connect_udp("localhost", port);
    co_await client.send("ping");
    std::array<char, 16> buffer;
    const std::size_t n = co_await client.receive(buffer);
    co_return std::string(buffer.data(), n);
  };
  ThreadPool pool(2);
  EXPECT_EQ(pool.run(ask()), "ping");
  EXPECT_EQ(run(ask()), "ping");
  echo.join();
}

class UnixDatagrams : public ::testing::Test {
 protected:
  UnixDatagrams() {
    std::string name = (std::filesystem::temp_directory_path() / "plait-unix-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~UnixDatagrams() override { std::filesystem::remove_all(folder); }
  std::string path(const char* name) const { return folder + "/" + name; }

  std::string folder;
};

TEST_F(UnixDatagrams, ArriveWholeWithTheirSender) {
  run([&]() -> Task<> {
    UnixDatagramSocket server = co_await bind_unix_datagram(path("server"));
    UnixDatagramSocket named = co_await bind_unix_datagram(path("client"));
    UnixDatagramSocket unnamed = co_await connect_unix_datagram(path("server"));
    std::array<char, 16> buffer;
    EXPECT_TRUE(named.try_send_to(path("server"), "hello"));
    const UnixDatagram first = co_await server.receive_from(buffer);
    EXPECT_EQ(std::string(buffer.data(), first.size), "hello");
    EXPECT_EQ(first.from, path("client"));
    co_await unnamed.send("x");
    const UnixDatagram second = co_await server.receive_from(buffer);
    EXPECT_EQ(second.size, 1u);
    EXPECT_EQ(second.from, "");
    EXPECT_TRUE(server.try_send_to(first.from, "back"));
    EXPECT_EQ(co_await named.receive(buffer), 4u);
  });
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(UnixDatagrams, ASendWaitsWhileTheQueueIsFull) {
  run([&]() -> Task<> {
    UnixDatagramSocket server = co_await bind_unix_datagram(path("server"));
    UnixDatagramSocket client = co_await connect_unix_datagram(path("server"));
    int sent = 0;
    auto sending = spawn([&]() -> Task<> {
      for (; sent < 3000; ++sent) co_await client.send(std::to_string(sent));
    });
    co_await sleep(5ms);
    EXPECT_LT(sent, 3000);
    EXPECT_FALSE(client.try_send_to(path("server"), "no room"));
    for (int i = 0; i < 3000; ++i) {
      std::array<char, 16> buffer;
      const std::size_t n = co_await server.receive(buffer);
      EXPECT_EQ(std::string(buffer.data(), n), std::to_string(i));
    }
    co_await sending;
  });
}

TEST_F(UnixDatagrams, ErrorsNameThePath) {
  run([&]() -> Task<> {
    UnixDatagramSocket socket = co_await bind_unix_datagram(path("s"));
    int code = 0;
    co_await error_of(bind_unix_datagram(path("s")), code);
    EXPECT_EQ(code, EADDRINUSE);
    EXPECT_EQ(co_await error_of(connect_unix_datagram(path("none")), code),
              "connect to " + path("none") + ": No such file or directory");
    EXPECT_THROW((void)socket.try_send_to(path("none"), "x"), std::system_error);
    socket.close();
    EXPECT_FALSE(std::filesystem::exists(path("s")));
  });
}

TEST(UnixDatagramPairTest, GoesBothWays) {
  run([]() -> Task<> {
    auto [a, b] = unix_datagram_pair();
    co_await a.send("one");
    co_await a.send("two");
    std::array<char, 16> buffer;
    EXPECT_EQ(co_await b.receive(buffer), 3u);
    EXPECT_EQ(std::string_view(buffer.data(), 3), "one");
    co_await b.send("back");
    EXPECT_EQ(co_await a.receive(buffer), 4u);
  });
}

}  // namespace
}  // namespace plait
