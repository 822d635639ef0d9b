// SPDX-License-Identifier: BSL-1.0
//
// Against a real server, which this program makes in a folder of its own and stops. Time is real.
#include "postgres.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "adapters/server.hpp"
#include "support/descriptors.hpp"
#include "support/tasks.hpp"

namespace {

using plait::Task;
using plait::test::open_descriptors;
using postgres::Connection;
using postgres::Result;
using namespace std::chrono_literals;
namespace sp = plait::subprocess;

/// Where Debian's package keeps the server's programs, which are not in PATH; "" if it is not installed.
std::string programs() {
  const std::filesystem::path versions = "/usr/lib/postgresql";
  if (!std::filesystem::exists(versions)) return {};
  for (const auto& version : std::filesystem::directory_iterator(versions)) {
    if (std::filesystem::exists(version.path() / "bin/postgres")) return version.path() / "bin";
  }
  return {};
}

/// A cluster of PostgreSQL, as long as this lives.
class Cluster {
 public:
  Cluster() : folder_("postgres"), port_(plait::test::free_port()) {
    sp::Options options = folder_.options();
    options.check = true;
    plait::sync_wait(sp::run({programs() + "/initdb", "-D", data(), "-A", "trust", "-U", "postgres", "-E", "UTF8",
                              "--locale=C", "--no-sync", "--no-instructions"},
                             options));
    start();
  }
  ~Cluster() {
    // Fast, and in order: SIGKILL would leave its shared memory behind.
    server_->send_signal(SIGINT);
    plait::sync_wait(plait::move_on_after(10s, server_->wait()));
  }

  void start() {
    server_ = plait::sync_wait(sp::spawn(
        {programs() + "/postgres", "-D", data(), "-p", std::to_string(port_), "-k", folder_.path(), "-c",
         "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=20", "-c", "shared_buffers=1MB"},
        folder_.options()));
    plait::run(wait_until_it_answers());
  }
  Task<> wait_until_it_answers() {
    for (int tries = 0; tries < 1000; ++tries) {
      if (server_->poll()) break;
      try {
        co_await postgres::connect(by_socket());
        co_return;
      } catch (const postgres::ConnectionError&) {  // not yet
      }
      co_await plait::sleep(20ms);
    }
    throw std::runtime_error("the server does not answer:\n" + folder_.log());
  }
  std::string by_socket() const { return "host=" + folder_.path() + port_and_name(); }
  std::string by_tcp() const { return "host=127.0.0.1" + port_and_name(); }

 private:
  std::string data() const { return folder_.path() + "/data"; }
  std::string port_and_name() const { return " port=" + std::to_string(port_) + " user=postgres dbname=postgres"; }
  plait::test::ServerFolder folder_;
  int port_;
  std::optional<sp::Child> server_;
};

std::unique_ptr<Cluster> cluster;

class Postgres : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!programs().empty()) cluster = std::make_unique<Cluster>();
  }
  static void TearDownTestSuite() { cluster.reset(); }
  void SetUp() override {
    if (!cluster) GTEST_SKIP() << "no PostgreSQL server is installed: apt-get install postgresql";
  }
};

/// Runs `body(connection)`, and looks that no descriptor is left.
template <class F>
void with_connection(F body) {
  plait::run([]() -> Task<> { co_await plait::to_thread([] {}); });  // what a loop keeps is there from the first one on
  const std::size_t before = open_descriptors();
  plait::run([&]() -> Task<> {
    Connection connection = co_await postgres::connect(cluster->by_socket());
    co_await body(connection);
  });
  EXPECT_EQ(open_descriptors(), before);
}

/// The first column of the first row.
Task<std::string> value(Connection& connection, std::string sql) {
  Result result = co_await connection.query(std::move(sql));
  co_return std::string(result.text(0, 0));
}

/// The SQLSTATE and the text that `query` fails with.
template <class A>
Task<std::string> error_of(A query) {
  try {
    co_await std::move(query);
  } catch (const postgres::ConnectionError& error) {
    co_return "gone " + error.sqlstate() + " " + error.what();
  } catch (const postgres::Error& error) {
    co_return error.sqlstate() + " " + error.what();
  }
  co_return "nothing";
}

/// Waits until the server runs so many statements that begin so. Looks by another connection.
Task<> until_running(int count, std::string beginning) {
  Connection other = co_await postgres::connect(cluster->by_socket());
  for (;;) {
    Result result = co_await other.query(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND starts_with(query, $1)", beginning);
    if (result.text(0, 0) == std::to_string(count)) co_return;
    co_await plait::sleep(2ms);
  }
}

TEST_F(Postgres, GivesRowsForParameters) {
  with_connection([](Connection& connection) -> Task<> {
    Result result = co_await connection.query(
        "SELECT $1::int + $2::int AS sum, $3::text AS text, $4::text AS nothing, $5::bool AS yes", 40, 2, "it's",
        std::nullopt, true);
    EXPECT_EQ(result.rows(), 1);
    EXPECT_EQ(result.columns(), 4);
    EXPECT_EQ(result.name(0), "sum");
    EXPECT_EQ(result.text(0, 0), "42");
    EXPECT_EQ(result.text(0, 1), "it's");
    EXPECT_TRUE(result.is_null(0, 2));
    EXPECT_EQ(result.text(0, 3), "t");
  });
}

TEST_F(Postgres, ConnectsOverTcpAsWell) {
  plait::run([]() -> Task<> {
    Connection connection = co_await postgres::connect(cluster->by_tcp());
    EXPECT_EQ(co_await value(connection, "SELECT inet_server_addr()"), "127.0.0.1");
  });
}

TEST_F(Postgres, ErrorsCarryTheirSqlstateAndLeaveTheConnectionUsable) {
  with_connection([](Connection& connection) -> Task<> {
    EXPECT_EQ(co_await error_of(connection.query("SELECT 1 / 0")), "22012 ERROR:  division by zero");
    EXPECT_TRUE((co_await error_of(connection.query("SELEKT"))).starts_with("42601 ERROR:  syntax error"));
    EXPECT_TRUE((co_await error_of(connection.query("SELECT 1; SELECT 2"))).starts_with("42601 "));
    EXPECT_EQ(co_await value(connection, "SELECT 'usable'"), "usable");
    Result nothing = co_await connection.query("");
    EXPECT_EQ(nothing.rows(), 0);
    // The protocol has no way back from COPY in a pipeline.
    EXPECT_EQ(co_await error_of(connection.query("COPY pg_class TO STDOUT")),
              "gone 0A000 COPY needs a connection of its own");
  });
}

TEST_F(Postgres, ManyQueriesAreInFlightAtOnceAndTheErrorOfOneLeavesTheOthersAlone) {
  with_connection([](Connection& connection) -> Task<> {
    co_await connection.query("CREATE TEMP TABLE numbers (id serial, n int)");
    std::vector<int> order;
    const auto ask = [&](int n) -> Task<> {
      if (n % 7 == 3) {
        EXPECT_TRUE((co_await error_of(connection.query("SELECT 1 / ($1::int * 0)", n))).starts_with("22012 "));
      } else {
        Result result = co_await connection.query("INSERT INTO numbers (n) VALUES ($1) RETURNING n", n);
        EXPECT_EQ(result.text(0, 0), std::to_string(n));
      }
      order.push_back(n);
    };
    // All behind one that takes a while: if each waited for the answer before it, none would have been sent by then.
    Task<Result> slow = connection.query("SELECT pg_sleep(0.05)");
    plait::Future<Result> first = plait::spawn(std::move(slow));
    std::vector<Task<>> tasks;
    for (int n = 0; n < 300; ++n) tasks.push_back(ask(n));
    co_await plait::gather(std::move(tasks));
    co_await first;
    EXPECT_EQ(order.size(), 300U);
    EXPECT_TRUE(std::ranges::is_sorted(order));
    // They ran in the order in which they were sent, each once.
    EXPECT_EQ(co_await value(connection, "SELECT count(*) FROM numbers"), "257");
    EXPECT_EQ(co_await value(connection,
                             "SELECT bool_and(n > before) FROM (SELECT n, lag(n, 1, -1) OVER (ORDER BY id) "
                             "AS before FROM numbers) AS pairs"),
              "t");
  });
}

TEST_F(Postgres, WhatTheKernelHasNoRoomForIsSentLater) {
  with_connection([](Connection& connection) -> Task<> {
    // More than both sockets' buffers hold, in both directions at once: whoever only writes or only reads hangs here.
    const std::string large(8 << 20, 'x');
    const auto echo = [&](char last) -> Task<> {
      const std::string text = large + last;
      Result result = co_await connection.query("SELECT $1::text", text);
      EXPECT_EQ(result.text(0, 0), text);
    };
    co_await plait::gather(echo('a'), echo('b'), echo('c'));
  });
}

TEST_F(Postgres, ListenGivesNotificationsInOrder) {
  with_connection([](Connection& connection) -> Task<> {
    const auto use = [&](plait::AsyncGenerator<postgres::Notification>& news) -> Task<> {
      const auto notify = [&]() -> Task<> {
        Connection other = co_await postgres::connect(cluster->by_socket());
        while (co_await value(connection, "SELECT count(*) FROM pg_listening_channels()") == "0") {
          co_await plait::yield_now();
        }
        for (int n = 0; n < 100; ++n) {
          co_await other.query("SELECT pg_notify($1, $2)", n % 2 ? "another" : "the \"news\"", n);
        }
      };
      plait::Future<void> notifier = plait::spawn(notify);
      for (int n = 0; n < 100; n += 2) {
        auto one = co_await news.next();
        EXPECT_EQ(one->channel, "the \"news\"");
        EXPECT_EQ(one->payload, std::to_string(n));
        EXPECT_NE(one->sender, connection.server_pid());
      }
      co_await notifier;
    };
    co_await plait::closing(connection.listen("the \"news\""), use);
    EXPECT_EQ(co_await value(connection, "SELECT count(*) FROM pg_listening_channels()"), "0");
  });
}

TEST_F(Postgres, TwoTasksMayListenToOneChannelAndOneMayStop) {
  with_connection([](Connection& connection) -> Task<> {
    auto first = connection.listen("c");
    auto second = connection.listen("c");
    plait::Future<void> notifier = plait::spawn([&]() -> Task<> {
      while (co_await value(connection, "SELECT count(*) FROM pg_listening_channels()") == "0") {
      }
      co_await plait::sleep(5ms);
      co_await connection.query("NOTIFY c, 'for both'");
    });
    auto [one, other] = co_await plait::gather(first.next(), second.next());
    EXPECT_EQ(one->payload, "for both");
    EXPECT_EQ(other->payload, "for both");
    co_await first.aclose();
    co_await connection.query("NOTIFY c, 'for one'");
    EXPECT_EQ((co_await second.next())->payload, "for one");
    // A wait that is given up leaves the generator at its end, and the server in peace.
    EXPECT_FALSE(co_await plait::move_on_after(1ms, second.next()));
  });
}

TEST_F(Postgres, CancellingATaskCancelsItsQueryAtTheServer) {
  with_connection([](Connection& connection) -> Task<> {
    plait::Future<Result> asleep = plait::spawn(connection.query("SELECT pg_sleep(1000)"));
    co_await until_running(1, "SELECT pg_sleep(1000)");
    asleep.cancel();
    bool cancelled = false;
    try {
      co_await asleep;
    } catch (const plait::Cancelled&) {
      cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    co_await until_running(0, "SELECT pg_sleep(1000)");
    EXPECT_EQ(co_await value(connection, "SELECT 'usable'"), "usable");
  });
}

TEST_F(Postgres, ATimeoutCancelsAtTheServerAsWell) {
  with_connection([](Connection& connection) -> Task<> {
    bool timed_out = false;
    try {
      co_await plait::timeout(20ms, connection.query("SELECT pg_sleep(1001)"));
    } catch (const plait::TimeoutError&) {
      timed_out = true;
    }
    EXPECT_TRUE(timed_out);
    co_await until_running(0, "SELECT pg_sleep(1001)");
    EXPECT_EQ(co_await value(connection, "SELECT 'usable'"), "usable");
  });
}

TEST_F(Postgres, ACancelThatComesBeforeTheServerHasBegunIsRepeated) {
  with_connection([](Connection& connection) -> Task<> {
    for (int i = 0; i < 20; ++i) {
      plait::Future<Result> asleep = plait::spawn(connection.query("SELECT pg_sleep(1002)"));
      co_await plait::yield_now();
      asleep.cancel();
      co_await plait::wait(asleep);
    }
    co_await until_running(0, "SELECT pg_sleep(1002)");
  });
}

TEST_F(Postgres, NothingIsSentInACancelledScope) {
  with_connection([](Connection& connection) -> Task<> {
    co_await connection.query("CREATE TEMP TABLE marks (n int)");
    EXPECT_FALSE(co_await plait::move_on_after(0s, connection.query("INSERT INTO marks VALUES (1)")));
    EXPECT_EQ(co_await value(connection, "SELECT count(*) FROM marks"), "0");
  });
}

TEST_F(Postgres, ACancelHitsItsOwnQueryOrIsMadeGood) {
  with_connection([](Connection& connection) -> Task<> {
    co_await connection.query("CREATE TEMP TABLE marks (n int)");
    int happened = 0;
    const auto brief = [&](int n) -> Task<> {
      // About as long as a cancel takes to arrive, so that it is late at times.
      if (co_await plait::move_on_after(1ms, connection.query("SELECT pg_sleep($1::float8 / 10000)", n))) ++happened;
    };
    const auto mark = [&](int n) -> Task<> { co_await connection.query("INSERT INTO marks VALUES ($1)", n); };
    for (int n = 0; n < 40; ++n) {
      co_await plait::gather(mark(n), brief(n), mark(n), mark(n), brief(n + 10), mark(n));
    }
    EXPECT_EQ(co_await value(connection, "SELECT count(*) FROM marks"), "160");
    EXPECT_GT(happened, 0);
    EXPECT_LT(happened, 80);
  });
}

TEST_F(Postgres, TheEndOfTheLoopCancelsWhatItsTasksLeft) {
  const plait::test::Unretrieved unretrieved;
  plait::run([]() -> Task<> {
    const auto left = []() -> Task<> {
      Connection connection = co_await postgres::connect(cluster->by_socket());
      co_await connection.query("SELECT pg_sleep(1003)");
    };
    static_cast<void>(plait::spawn(left));
    co_await until_running(1, "SELECT pg_sleep(1003)");
  });
  plait::run(until_running(0, "SELECT pg_sleep(1003)"));
  EXPECT_TRUE(unretrieved.seen().empty());
}

TEST_F(Postgres, AConnectionMayOutliveItsLoopButNoLongerWorks) {
  std::optional<Connection> connection;
  plait::run([&]() -> Task<> { connection = co_await postgres::connect(cluster->by_socket()); });
  EXPECT_EQ(connection->server_pid(), 0);
  EXPECT_EQ(plait::run(error_of(connection->query("SELECT 1"))),
            "gone 08003 the event loop of the connection has ended");
}

TEST_F(Postgres, ClosingEndsWhatIsInFlight) {
  with_connection([](Connection& connection) -> Task<> {
    plait::Future<std::string> asleep = plait::spawn(error_of(connection.query("SELECT pg_sleep(0.3)")));
    co_await until_running(1, "SELECT pg_sleep(0.3)");
    connection.close();
    EXPECT_EQ(co_await asleep, "gone 08003 the connection is closed");
    co_await plait::timeout(10s, plait::test::until_no_strands("postgres:"));
    EXPECT_EQ(co_await error_of(connection.query("SELECT 1")), "gone 08003 the connection is closed");
  });
}

TEST_F(Postgres, WhatCannotBeConnectedSaysWhy) {
  plait::run([]() -> Task<> {
    const std::string refused =
        co_await error_of(postgres::connect("host=127.0.0.1 port=" + std::to_string(plait::test::free_port())));
    EXPECT_TRUE(refused.starts_with("gone 08001 ") && refused.find("Connection refused") != std::string::npos)
        << refused;
  });
}

TEST_F(Postgres, ASessionThatIsEndedByItsServerSaysWhy) {
  with_connection([](Connection& connection) -> Task<> {
    auto news = connection.listen("c");
    plait::Future<std::string> asleep = plait::spawn(error_of(connection.query("SELECT pg_sleep(1004)")));
    plait::Future<std::string> behind = plait::spawn(error_of(connection.query("SELECT 1")));
    plait::Future<std::string> listener = plait::spawn(error_of(news.next()));
    co_await until_running(1, "SELECT pg_sleep(1004)");
    Connection other = co_await postgres::connect(cluster->by_socket());
    co_await other.query("SELECT pg_terminate_backend($1)", connection.server_pid());
    const std::string why = "gone 57P01 FATAL:  terminating connection due to administrator command";
    EXPECT_EQ(co_await asleep, why);
    EXPECT_EQ(co_await behind, why);
    EXPECT_EQ(co_await listener, why);
    EXPECT_EQ(co_await error_of(connection.query("SELECT 1")), why);
  });
}

TEST_F(Postgres, AnIdleSessionNoticesItsEnd) {
  with_connection([](Connection& connection) -> Task<> {
    auto news = connection.listen("c");
    plait::Future<std::string> listener = plait::spawn(error_of(news.next()));
    Connection other = co_await postgres::connect(cluster->by_socket());
    co_await plait::sleep(10ms);
    co_await other.query("SELECT pg_terminate_backend($1)", connection.server_pid());
    EXPECT_EQ(co_await listener, "gone 57P01 FATAL:  terminating connection due to administrator command");
    EXPECT_EQ(connection.server_pid(), 0);
  });
}

TEST_F(Postgres, AServerThatDoesNotAnswerIsNotWaitedForLongerThanAsked) {
  const std::size_t before = open_descriptors();
  plait::run([]() -> Task<> {
    plait::Listener silent = co_await plait::listen_tcp("127.0.0.1", 0);
    bool timed_out = false;
    try {
      co_await plait::timeout(30ms, postgres::connect("host=127.0.0.1 port=" + std::to_string(silent.port())));
    } catch (const plait::TimeoutError&) {
      timed_out = true;
    }
    EXPECT_TRUE(timed_out);
  });
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Postgres, AServerThatIsKilledInTheMiddleIsAnErrorForAll) {
  with_connection([](Connection& connection) -> Task<> {
    const int session = connection.server_pid();
    std::vector<plait::Future<std::string>> all;
    all.push_back(plait::spawn(error_of(connection.query("SELECT pg_sleep(1005)"))));
    for (int i = 0; i < 10; ++i) all.push_back(plait::spawn(error_of(connection.query("SELECT 1"))));
    co_await until_running(1, "SELECT pg_sleep(1005)");
    EXPECT_EQ(::kill(session, SIGKILL), 0);
    for (auto& one : all) {
      const std::string why = co_await one;
      EXPECT_TRUE(why.starts_with("gone 08006 server closed the connection unexpectedly")) << why;
    }
    EXPECT_TRUE((co_await error_of(connection.query("SELECT 1"))).starts_with("gone 08006 "));
  });
  plait::run(cluster->wait_until_it_answers());
}

}  // namespace
