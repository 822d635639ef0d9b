// SPDX-License-Identifier: BSL-1.0
//
// Against a real server, which this program starts in a folder of its own and stops. Time is real.
#include "redis.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "adapters/server.hpp"
#include "support/descriptors.hpp"
#include "support/tasks.hpp"

namespace {

using plait::Task;
using plait::test::open_descriptors;
using redis::Connection;
using redis::Value;
using namespace std::chrono_literals;
namespace sp = plait::subprocess;

constexpr const char* kRedis = "/usr/bin/redis-server";

/// redis-server, as long as this lives.
class Server {
 public:
  Server() : folder_("redis"), port_(plait::test::free_port()) {
    server_ = plait::sync_wait(sp::spawn({kRedis, "--port", std::to_string(port_), "--bind", "127.0.0.1",
                                          "--unixsocket", folder_ / "socket", "--dir", folder_.path(), "--save", ""},
                                         folder_.options()));
    plait::run(wait_until_it_answers());
  }
  ~Server() { plait::sync_wait(server_->stop()); }

  redis::Address by_tcp() const { return {.host = "127.0.0.1", .port = port_}; }
  redis::Address by_socket() const { return {.host = folder_ / "socket", .port = 0}; }

 private:
  Task<> wait_until_it_answers() {
    const redis::Address address = by_socket();
    for (int tries = 0; tries < 1000 && !server_->poll(); ++tries) {
      try {
        co_await redis::connect(address);
        co_return;
      } catch (const redis::Error&) {  // not yet
      }
      co_await plait::sleep(10ms);
    }
    throw std::runtime_error("redis-server does not answer:\n" + folder_.log());
  }

  plait::test::ServerFolder folder_;
  int port_;
  std::optional<sp::Child> server_;
};

std::unique_ptr<Server> server;

class Redis : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::access(kRedis, X_OK) == 0) server = std::make_unique<Server>();
  }
  static void TearDownTestSuite() { server.reset(); }
  void SetUp() override {
    if (!server) GTEST_SKIP() << "no Redis server is installed: apt-get install redis-server";
  }
};

/// Runs `body(connection)` on an empty server, and looks that no descriptor is left.
template <class F>
void with_connection(F body) {
  plait::run([]() -> Task<> { co_await plait::to_thread([] {}); });  // what a loop keeps is there from the first one on
  const std::size_t before = open_descriptors();
  plait::run([&]() -> Task<> {
    const redis::Address address = server->by_socket();
    Connection connection = co_await redis::connect(address);
    co_await connection.command("FLUSHALL");
    co_await body(connection);
  });
  EXPECT_EQ(open_descriptors(), before);
}

template <class A>
Task<std::string> error_of(A operation) {
  try {
    co_await std::move(operation);
  } catch (const redis::ConnectionError& error) {
    co_return std::string("gone ") + error.what();
  } catch (const redis::Error& error) {
    co_return error.what();
  }
  co_return "nothing";
}

/// Waits until so many clients wait at the server.
Task<> until_blocked(Connection& other, int count) {
  for (;;) {
    Value info = co_await other.command("INFO", "clients");
    if (info.text.find("blocked_clients:" + std::to_string(count) + "\r") != std::string::npos) co_return;
    co_await plait::yield_now();
  }
}

TEST_F(Redis, GivesWhatTheServerGives) {
  with_connection([](Connection& connection) -> Task<> {
    EXPECT_FALSE(co_await connection.command("GET", "key"));
    EXPECT_EQ((co_await connection.command("SET", "key", 42)).text, "OK");
    EXPECT_EQ((co_await connection.command("INCR", "key")).integer, 43);
    EXPECT_EQ((co_await connection.command("GET", "key")).text, "43");
    co_await connection.command("RPUSH", "list", "a", std::string("b\0c", 3));
    Value list = co_await connection.command("LRANGE", "list", 0, -1);
    EXPECT_EQ(list.list.size(), 2U);
    EXPECT_EQ(list.list[1].text, std::string("b\0c", 3));
  });
}

TEST_F(Redis, ConnectsOverTcpAsWell) {
  plait::run([]() -> Task<> {
    const redis::Address address = server->by_tcp();
    Connection connection = co_await redis::connect(address);
    EXPECT_EQ((co_await connection.command("PING")).text, "PONG");
  });
}

TEST_F(Redis, ManyCommandsAreInFlightAndTheErrorOfOneLeavesTheOthersAlone) {
  with_connection([](Connection& connection) -> Task<> {
    std::vector<std::int64_t> order;
    const auto count = [&](int n) -> Task<> {
      if (n % 7 == 3) {
        EXPECT_EQ(co_await error_of(connection.command("NONSENSE")),
                  "ERR unknown command 'NONSENSE', with args beginning with: ");
      } else {
        order.push_back((co_await connection.command("INCR", "n")).integer);
      }
    };
    std::vector<Task<>> tasks;
    for (int n = 0; n < 1000; ++n) tasks.push_back(count(n));
    co_await plait::gather(std::move(tasks));
    EXPECT_EQ(order.size(), 857U);
    EXPECT_TRUE(std::ranges::is_sorted(order));
    EXPECT_EQ(order.back(), 857);
  });
}

TEST_F(Redis, LargeValuesGoBothWays) {
  with_connection([](Connection& connection) -> Task<> {
    const std::string large(8 << 20, 'x');
    co_await connection.command("SET", "large", large);
    const auto get = [&]() -> Task<> { EXPECT_EQ((co_await connection.command("GET", "large")).text, large); };
    co_await plait::gather(get(), get(), get());
  });
}

TEST_F(Redis, CancellingACommandThatWaitsCallsItOffAtTheServer) {
  with_connection([](Connection& connection) -> Task<> {
    const redis::Address address = server->by_socket();
    Connection other = co_await redis::connect(address);
    plait::Future<Value> pop = plait::spawn(connection.command("BLPOP", "list", 0));
    co_await until_blocked(other, 1);
    pop.cancel();
    co_await plait::wait(pop);
    co_await until_blocked(other, 0);
    // So it takes nothing any more.
    co_await other.command("RPUSH", "list", "item");
    EXPECT_EQ((co_await connection.command("LPOP", "list")).text, "item");
  });
}

TEST_F(Redis, ATimeoutLosesNoItem) {
  with_connection([](Connection& connection) -> Task<> {
    const redis::Address address = server->by_socket();
    Connection other = co_await redis::connect(address);
    int got = 0, timed_out = 0;
    for (int i = 0; i < 20; ++i) {
      plait::Future<void> pop = plait::spawn([&]() -> Task<> {
        // 0 gives up before it begins; the server may have sent the item when the others do.
        if (co_await plait::move_on_after(i % 5 * 1ms, connection.command("BLPOP", "list", 0))) {
          ++got;
        } else {
          ++timed_out;
        }
      });
      co_await plait::sleep(3ms);
      co_await other.command("RPUSH", "list", i);
      co_await pop;
    }
    EXPECT_EQ((co_await connection.command("LLEN", "list")).integer, 20 - got);
    EXPECT_EQ(got + timed_out, 20);
    EXPECT_GE(timed_out, 4);
  });
}

TEST_F(Redis, ACancelHitsItsOwnCommandOrIsMadeGood) {
  with_connection([](Connection& connection) -> Task<> {
    const redis::Address address = server->by_socket();
    Connection other = co_await redis::connect(address);
    for (int i = 0; i < 10; ++i) {
      // Two that wait, one behind the other; the first is called off, the second gets the item.
      plait::Future<Value> first = plait::spawn(connection.command("BLPOP", "a", 0));
      plait::Future<Value> second = plait::spawn(connection.command("BLPOP", "b", 0));
      co_await until_blocked(other, 1);
      first.cancel();
      co_await other.command("RPUSH", i % 2 ? "a" : "c", "late");
      co_await plait::wait(first);
      co_await other.command("RPUSH", "b", i);
      EXPECT_EQ((co_await second).list[1].text, std::to_string(i));
      co_await other.command("DEL", "a", "c");
    }
  });
}

TEST_F(Redis, SubscribeGivesWhatIsPublishedInOrder) {
  with_connection([](Connection& connection) -> Task<> {
    auto news = connection.subscribe("news");
    const auto publish = [&]() -> Task<> {
      while ((co_await connection.command("PUBLISH", "news", "begin")).integer == 0) {
        co_await plait::yield_now();
      }
      for (int n = 0; n < 100; ++n) co_await connection.command("PUBLISH", n % 2 ? "another" : "news", n);
    };
    plait::Future<void> publisher = plait::spawn(publish);
    EXPECT_EQ((co_await news.next())->payload, "begin");
    for (int n = 0; n < 100; n += 2) {
      auto one = co_await news.next();
      EXPECT_EQ(one->channel, "news");
      EXPECT_EQ(one->payload, std::to_string(n));
    }
    co_await publisher;
    EXPECT_FALSE(co_await plait::move_on_after(1ms, news.next()));
  });
}

TEST_F(Redis, WhatCannotBeConnectedSaysWhy) {
  plait::run([]() -> Task<> {
    const redis::Address nobody{.host = "127.0.0.1", .port = plait::test::free_port()};
    EXPECT_EQ(co_await error_of(redis::connect(nobody)), "gone Connection refused");
    const redis::Address missing{.host = "/nowhere", .port = 0};
    EXPECT_EQ(co_await error_of(redis::connect(missing)), "gone No such file or directory");
    plait::Listener silent = co_await plait::listen_tcp("127.0.0.1", 0);
    const redis::Address hanging{.host = "127.0.0.1", .port = silent.port()};
    EXPECT_FALSE(co_await plait::move_on_after(20ms, redis::connect(hanging)));
  });
}

TEST_F(Redis, AConnectionThatTheServerClosesIsAnErrorForAll) {
  with_connection([](Connection& connection) -> Task<> {
    const redis::Address address = server->by_socket();
    Connection other = co_await redis::connect(address);
    const std::int64_t id = (co_await connection.command("CLIENT", "ID")).integer;
    auto news = other.subscribe("news");
    plait::Future<std::string> pop = plait::spawn(error_of(connection.command("BLPOP", "list", 0)));
    plait::Future<std::string> behind = plait::spawn(error_of(connection.command("PING")));
    plait::Future<std::string> listener = plait::spawn(error_of(news.next()));
    while ((co_await other.command("PUBSUB", "NUMSUB", "news")).list[1].integer == 0) {
      co_await plait::yield_now();
    }
    co_await until_blocked(other, 1);
    co_await other.command("CLIENT", "KILL", "ID", id);
    EXPECT_EQ(co_await pop, "gone Server closed the connection");
    EXPECT_EQ(co_await behind, "gone Server closed the connection");
    EXPECT_EQ(co_await error_of(connection.command("PING")), "gone Server closed the connection");
    co_await other.command("CLIENT", "KILL", "TYPE", "pubsub");
    EXPECT_EQ(co_await listener, "gone Server closed the connection");
    connection.close();
    other.close();
    co_await plait::timeout(10s, plait::test::until_no_strands("redis:"));
  });
}

TEST_F(Redis, TheEndOfTheLoopCallsOffWhatItsTasksLeft) {
  const plait::test::Unretrieved unretrieved;
  plait::run([]() -> Task<> {
    const redis::Address address = server->by_socket();
    Connection other = co_await redis::connect(address);
    const auto left = [&]() -> Task<> {
      Connection connection = co_await redis::connect(server->by_socket());
      co_await connection.command("BLPOP", "list", 0);
    };
    static_cast<void>(plait::spawn(left));
    co_await until_blocked(other, 1);
  });
  plait::run([]() -> Task<> {
    const redis::Address address = server->by_socket();
    Connection other = co_await redis::connect(address);
    co_await until_blocked(other, 0);
  });
  EXPECT_TRUE(unretrieved.seen().empty());
}

}  // namespace
