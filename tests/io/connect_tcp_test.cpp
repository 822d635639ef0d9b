// SPDX-License-Identifier: BSL-1.0
//
// Which of several addresses `connect_tcp` gets, and where addresses come from. On the poller that the environment
// chooses.
#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/descriptors.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::error_of;
using test::full_listener;
using test::FullListener;
using test::open_descriptors;
using namespace std::chrono_literals;

SocketAddress address(std::string_view figures, int port) {
  return *SocketAddress::from_figures(figures, static_cast<std::uint16_t>(port));
}

std::string texts(const std::vector<SocketAddress>& addresses) {
  std::string all;
  for (const SocketAddress& each : addresses) all += (all.empty() ? "" : " ") + each.text();
  return all;
}

/// A port that nobody listens on.
Task<int> free_port() {
  Listener listener = co_await listen_tcp("127.0.0.1", 0);
  co_return listener.port();
}

TEST(HappyEyeballs, FamiliesTakeTurns) {
  const auto order = [](std::vector<const char*> figures) {
    std::vector<SocketAddress> addresses;
    for (const char* each : figures) addresses.push_back(address(each, 1));
    return texts(detail::interleaved(addresses));
  };
  EXPECT_EQ(order({"::1", "::2", "1.1.1.1", "2.2.2.2", "3.3.3.3"}), "[::1]:1 1.1.1.1:1 [::2]:1 2.2.2.2:1 3.3.3.3:1");
  EXPECT_EQ(order({"1.1.1.1", "2.2.2.2", "::1"}), "1.1.1.1:1 [::1]:1 2.2.2.2:1");
  EXPECT_EQ(order({"1.1.1.1"}), "1.1.1.1:1");
  EXPECT_EQ(order({}), "");
}

TEST(HappyEyeballs, ARefusalGoesOnAtOnce) {
  run([]() -> Task<> {
    const int nobody = co_await free_port();
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const std::vector<SocketAddress> addresses{address("127.0.0.1", nobody), address("127.0.0.2", nobody),
                                               address("127.0.0.1", listener.port())};
    const ConnectOptions options{.stagger = 1h};
    Stream stream = co_await connect_tcp(addresses, options);
    EXPECT_EQ(stream.peer_address(), listener.address());
    Stream other = co_await listener.accept();
    co_await other.write("x");
    EXPECT_EQ(co_await stream.read_exactly(1), "x");
  });
}

TEST(HappyEyeballs, ASlowAddressIsOvertakenAndItsAttemptCloses) {
  run([]() -> Task<> {
    FullListener slow = co_await full_listener();
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const std::size_t before = open_descriptors();
    const std::vector<SocketAddress> addresses{address("127.0.0.1", slow.listener.port()),
                                               address("127.0.0.1", listener.port())};
    const ConnectOptions options{.stagger = 2ms};
    Stream stream = co_await connect_tcp(addresses, options);
    EXPECT_EQ(stream.peer_address(), listener.address());
    EXPECT_EQ(open_descriptors(), before + 1);
  });
}

TEST(HappyEyeballs, OfSeveralThatAnswerOneWinsAndTheOthersClose) {
  run([]() -> Task<> {
    std::vector<Listener> listeners;
    std::vector<SocketAddress> addresses;
    for (int i = 0; i < 5; ++i) {
      listeners.push_back(co_await listen_tcp("127.0.0.1", 0));
      addresses.push_back(address("127.0.0.1", listeners.back().port()));
    }
    const std::size_t before = open_descriptors();
    const ConnectOptions options{.stagger = 0s};
    for (int i = 0; i < 20; ++i) {
      {
        Stream stream = co_await connect_tcp(addresses, options);
        EXPECT_EQ(open_descriptors(), before + 1);
      }
      EXPECT_EQ(open_descriptors(), before);
    }
  });
}

TEST(HappyEyeballs, IfNoneAnswersTheErrorNamesAllOfThem) {
  run([]() -> Task<> {
    const int nobody = co_await free_port();
    const std::string port = std::to_string(nobody);
    const std::vector<SocketAddress> addresses{address("127.0.0.1", nobody), address("127.0.0.2", nobody)};
    int code = 0;
    EXPECT_EQ(co_await error_of(connect_tcp(addresses), code), "connect to any of the addresses (127.0.0.1:" + port +
                                                                   ": Connection refused; 127.0.0.2:" + port +
                                                                   ": Connection refused): Connection refused");
    EXPECT_EQ(code, ECONNREFUSED);
    const std::string text = co_await error_of(connect_tcp("localhost", nobody), code);
    const std::string begin =
        "connect to \"localhost\" port " + port + " (127.0.0.1:" + port + ": Connection refused; [::1]:";
    EXPECT_EQ(text.substr(0, begin.size()), begin);
    EXPECT_EQ(code, ECONNREFUSED);
  });
}

TEST(HappyEyeballs, WithoutAnAddressThereIsNothingToTry) {
  EXPECT_THROW(run(connect_tcp(std::vector<SocketAddress>())), std::invalid_argument);
  EXPECT_THROW(run(connect_tcp({address("127.0.0.1", 1)}, {.family = AddressFamily::v6})), std::invalid_argument);
}

TEST(HappyEyeballs, ACancelLeavesNoDescriptorBehind) {
  run([]() -> Task<> {
    FullListener slow = co_await full_listener();
    const std::size_t before = open_descriptors();
    const std::vector<SocketAddress> addresses(3, address("127.0.0.1", slow.listener.port()));
    const ConnectOptions options{.stagger = 0s};
    auto connecting = spawn(connect_tcp(addresses, options));
    co_await sleep(5ms);
    EXPECT_EQ(open_descriptors(), before + 3);
    connecting.cancel();
    EXPECT_THROW(co_await connecting, Cancelled);
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_THROW(co_await timeout(5ms, connect_tcp(addresses, options)), TimeoutError);
    EXPECT_EQ(open_descriptors(), before);
  });
}

TEST(HappyEyeballs, CancelledAnywhereItIsConnectedOrNot) {
  int port = 0;
  const auto body = [&]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    port = listener.port();
    const std::vector<SocketAddress> addresses(3, address("127.0.0.1", port));
    const ConnectOptions options{.stagger = 0s};
    Stream stream = co_await connect_tcp(addresses, options);
    Stream server = co_await listener.accept();
    co_await yield_now();
  };
  run([]() -> Task<> { co_await test::connected_pair(); });
  const std::size_t before = open_descriptors();
  const int runs = testing::cancel_everywhere(
      body, [&](const testing::CancelPoint& point) { EXPECT_EQ(open_descriptors(), before) << point.text(); });
  EXPECT_GT(runs, 6);
}

TEST(HappyEyeballs, RunsOnAPool) {
  ThreadPool pool(2);
  const auto body = []() -> Task<> {
    std::vector<Listener> listeners;
    std::vector<SocketAddress> addresses;
    for (int i = 0; i < 4; ++i) {
      listeners.push_back(co_await listen_tcp("127.0.0.1", 0));
      addresses.push_back(address("127.0.0.1", listeners.back().port()));
    }
    const ConnectOptions options{.stagger = 0s};
    for (int i = 0; i < 50; ++i) Stream stream = co_await connect_tcp(addresses, options);
  };
  pool.run(body());
}

TEST(Resolve, KnowsFiguresAndThisMachine) {
  run([]() -> Task<> {
    EXPECT_EQ(texts(co_await resolve("127.0.0.1", 80)), "127.0.0.1:80");
    EXPECT_EQ(texts(co_await resolve("::1", 80)), "[::1]:80");
    EXPECT_EQ(texts(co_await resolve("localhost", 80)), "127.0.0.1:80 [::1]:80");
    EXPECT_EQ(texts(co_await resolve("localhost", 80, {.family = AddressFamily::v6})), "[::1]:80");
    EXPECT_EQ(texts(co_await resolve("", 80, {.family = AddressFamily::v4})), "127.0.0.1:80");
    EXPECT_EQ(texts(co_await resolve("", 80, {.family = AddressFamily::v4, .passive = true})), "0.0.0.0:80");
    // Not the spelling that Plait knows itself.
    EXPECT_EQ(texts(co_await resolve("LocalHost", 80, {.family = AddressFamily::v4})), "127.0.0.1:80");
    EXPECT_EQ(texts(co_await resolve("127.0.0.1", "443")), "127.0.0.1:443");
  });
}

TEST(Resolve, WhatIsUnknownIsAnErrorOfItsOwnCategory) {
  run([]() -> Task<> {
    std::string category, text;
    try {
      co_await resolve("no such name", 1);
    } catch (const std::system_error& error) {
      category = error.code().category().name();
      text = error.what();
    }
    EXPECT_EQ(category, "getaddrinfo");
    EXPECT_EQ(text.substr(0, 25), "resolve \"no such name:1\":");
    EXPECT_THROW(co_await resolve("127.0.0.1", "no such service"), std::system_error);
    EXPECT_THROW(co_await resolve("127.0.0.1", 65536), std::invalid_argument);
  });
}

TEST(Resolve, IsACheckpointAndCancelledAtOnce) {
  run([]() -> Task<> {
    for (const char* host : {"127.0.0.1", "LocalHost"}) {
      auto resolving = spawn(resolve(host, 1));
      resolving.cancel();
      EXPECT_THROW(co_await resolving, Cancelled);
    }
    auto resolving = spawn(resolve("LocalHost", 1));
    co_await test::turns(2);
    resolving.cancel();
    try {
      co_await resolving;  // it may have been quicker
    } catch (const Cancelled&) {
    }
  });
}

TEST(Listening, OnANameAndOfEitherFamily) {
  run([]() -> Task<> {
    Listener named = co_await listen_tcp("LocalHost", 0);
    Stream stream = co_await connect_tcp("localhost", named.port());
    Listener v6 = co_await listen_tcp("::1", 0);
    const ConnectOptions only_v6{.family = AddressFamily::v6};
    Stream other = co_await connect_tcp("localhost", v6.port(), only_v6);
    EXPECT_EQ(other.peer_address(), v6.address());
  });
}

}  // namespace
}  // namespace plait
