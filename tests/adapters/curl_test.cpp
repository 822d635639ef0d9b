// SPDX-License-Identifier: BSL-1.0
//
// Against nginx, which this program starts in a folder of its own and stops: a real server of the full protocol, small,
// that keeps hundreds of connections and can be told to send slowly. What no real server does on purpose, hanging in
// the middle, is played by a Listener. Time is real.
#include "curl.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "adapters/nginx.hpp"
#include "support/descriptors.hpp"

namespace {

using curl::Client;
using curl::Response;
using plait::Task;
using plait::test::Nginx;
using plait::test::open_descriptors;
using namespace std::chrono_literals;

constexpr std::size_t kLarge = plait::test::Nginx::kLarge;

class Curl : public plait::test::WithNginx {};

/// Runs `body(client)`, and looks that no descriptor is left.
template <class F>
void with_client(F body, curl::ClientOptions options = {}) {
  plait::run([]() -> Task<> { co_await plait::yield_now(); });  // what a loop keeps is there from the first one on
  const std::size_t before = open_descriptors();
  plait::run([&]() -> Task<> {
    Client client(options);
    co_await body(client);
  });
  EXPECT_EQ(open_descriptors(), before);
}

template <class A>
Task<std::string> error_of(A operation) {
  try {
    co_await std::move(operation);
  } catch (const std::exception& error) {
    co_return error.what();
  }
  co_return "nothing";
}

template <class A>
Task<bool> times_out(A operation) {
  try {
    co_await plait::timeout(30ms, std::move(operation));
  } catch (const plait::TimeoutError&) {
    co_return true;
  }
  co_return false;
}

std::string address(const plait::Listener& listener) {
  return "http://127.0.0.1:" + std::to_string(listener.port()) + "/";
}

/// Reads a request up to its empty line.
Task<> read_request(plait::Stream& stream) {
  char buffer[4096];
  std::string request;
  while (request.find("\r\n\r\n") == std::string::npos) {
    const std::size_t n = co_await stream.read_some(buffer);
    if (n == 0) co_return;
    request.append(buffer, n);
  }
}

TEST_F(Curl, FetchesWhatIsThere) {
  with_client([](Client& client) -> Task<> {
    Response small = co_await client.fetch(server->url("/small"));
    EXPECT_EQ(small.status, 200);
    EXPECT_EQ(small.body, "Hello, world!");
    EXPECT_EQ(small.header("content-length"), "13");
    EXPECT_TRUE(small.header("SERVER")->starts_with("nginx"));
    EXPECT_EQ(small.header("x-not-there"), std::nullopt);
    Response large = co_await client.fetch(server->url("/large"));
    EXPECT_EQ(large.body, server->large());
  });
}

TEST_F(Curl, AnAnswerIsNoErrorWhateverItsStatus) {
  with_client([](Client& client) -> Task<> {
    Response missing = co_await client.fetch(server->url("/missing"));
    EXPECT_EQ(missing.status, 404);
    Response there = co_await client.fetch(server->url("/redirect"));
    EXPECT_EQ(there.status, 200);
    EXPECT_EQ(there.url, server->url("/small"));
    EXPECT_EQ(there.header("location"), std::nullopt);
    Response redirect = co_await client.fetch(server->url("/redirect"), {.max_redirects = 0});
    EXPECT_EQ(redirect.status, 302);
    EXPECT_EQ(redirect.header("location"), server->url("/small"));
    EXPECT_EQ(co_await error_of(client.fetch(server->url("/loop"), {.max_redirects = 3})),
              "GET " + server->url("/loop") + ": Maximum (3) redirects followed");
  });
}

TEST_F(Curl, SendsMethodHeadersAndBody) {
  with_client([](Client& client) -> Task<> {
    const std::vector<std::string> headers{"X-Word: swordfish"};
    Response post = co_await client.fetch(server->url("/say"), {.headers = headers, .body = "12345"});
    EXPECT_EQ(post.body, "POST 5 swordfish");
    Response empty = co_await client.fetch(server->url("/say"), {.body = std::string_view()});
    EXPECT_EQ(empty.body, "POST 0 ");
    Response put = co_await client.fetch(server->url("/say"), {.method = "PUT", .body = ""});
    EXPECT_EQ(put.body, "PUT 0 ");
    Response head = co_await client.fetch(server->url("/small"), {.method = "HEAD"});
    EXPECT_EQ(head.header("Content-Length"), "13");
    EXPECT_EQ(head.body, "");
  });
}

TEST_F(Curl, FetchesTwoHundredAtOnce) {
  with_client([](Client& client) -> Task<> {
    int there = 0;
    const auto fetch = [&](int n) -> Task<> {
      Response response = co_await client.fetch(server->url("/arg?n=" + std::to_string(n)));
      EXPECT_EQ(response.body, std::to_string(n));
      ++there;
    };
    std::vector<Task<>> tasks;
    for (int n = 0; n < 200; ++n) tasks.push_back(fetch(n));
    co_await plait::gather(std::move(tasks));
    EXPECT_EQ(there, 200);
    co_await plait::timeout(10s, plait::test::until_no_strands("curl"));
  });
}

TEST_F(Curl, KeepsConnectionsAndUsesThemAgain) {
  with_client(
      [](Client& client) -> Task<> {
        Response first = co_await client.fetch(server->url("/connection"));
        std::vector<Task<Response>> tasks;
        for (int n = 0; n < 10; ++n) tasks.push_back(client.fetch(server->url("/connection")));
        for (const Response& one : co_await plait::gather(std::move(tasks))) EXPECT_EQ(one.body, first.body);
      },
      {.max_connections = 1});
}

TEST_F(Curl, AClientServesOneLoopAfterTheOther) {
  plait::run([]() -> Task<> { co_await plait::yield_now(); });
  const std::size_t before = open_descriptors();
  {
    Client client;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(plait::run(client.fetch(server->url("/small"))).body, "Hello, world!");
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Curl, SaysWhatItCouldNotDo) {
  with_client([](Client& client) -> Task<> {
    const std::string nobody = "http://127.0.0.1:" + std::to_string(plait::test::free_port()) + "/";
    const std::string refused = co_await error_of(client.fetch(nobody));
    EXPECT_TRUE(refused.starts_with("GET " + nobody + ": Failed to connect to 127.0.0.1 port ")) << refused;
    EXPECT_NE(refused.find("Couldn't connect to server"), std::string::npos) << refused;
    EXPECT_EQ(co_await error_of(client.fetch("file:///etc/passwd")),
              "GET file:///etc/passwd: Protocol \"file\" not supported or disabled in libcurl");
    EXPECT_EQ(co_await error_of(client.fetch("http://no host/")),
              "GET http://no host/: URL using bad/illegal format or missing URL");
  });
}

TEST_F(Curl, AServerThatHangsIsLeftWhenTimeIsOver) {
  with_client([](Client& client) -> Task<> {
    plait::Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    plait::Future<bool> first = plait::spawn(times_out(client.fetch(address(listener))));
    plait::Stream stream = co_await listener.accept();
    co_await read_request(stream);
    EXPECT_TRUE(co_await first);
    // The cancelled fetch has closed its connection, and is no burden to the others.
    char byte;
    EXPECT_EQ(co_await stream.read_some({&byte, 1}), 0U);
    Response small = co_await client.fetch(server->url("/small"));
    EXPECT_EQ(small.status, 200);
  });
}

TEST_F(Curl, CancellingOneOfManyLeavesTheOthersAlone) {
  with_client([](Client& client) -> Task<> {
    std::vector<plait::Future<Response>> slow;
    for (int i = 0; i < 10; ++i) slow.push_back(plait::spawn(client.fetch(server->url("/slow/large"))));
    plait::Future<Response> large = plait::spawn(client.fetch(server->url("/large")));
    co_await plait::sleep(5ms);
    for (auto& one : slow) one.cancel();
    co_await plait::wait(slow);
    EXPECT_EQ((co_await large).body.size(), kLarge);
  });
}

TEST_F(Curl, ABodyMayBeTakenInPiecesAndTheServerWaitsMeanwhile) {
  with_client([](Client& client) -> Task<> {
    std::int64_t received = 0;
    const std::function<void(const curl::Progress&)> look = [&](const curl::Progress& progress) {
      received = progress.received;
    };
    curl::Transfer transfer = client.open(server->url("/large"), {.on_progress = &look});
    Response response = co_await transfer.response();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("Content-Length"), std::to_string(kLarge));
    co_await plait::sleep(30ms);
    EXPECT_LT(received, 1 << 20);
    std::size_t size = 0, pieces = 0;
    while (auto piece = co_await transfer.next()) {
      EXPECT_FALSE(piece->empty());
      size += piece->size();
      ++pieces;
    }
    EXPECT_EQ(size, kLarge);
    EXPECT_GT(pieces, 1U);
    EXPECT_EQ(received, static_cast<std::int64_t>(kLarge));
    EXPECT_FALSE(co_await transfer.next());
  });
}

TEST_F(Curl, ATransferMayBeGivenUpInTheMiddle) {
  with_client([](Client& client) -> Task<> {
    for (int i = 0; i < 20; ++i) {
      curl::Transfer transfer = client.open(server->url("/large"));
      EXPECT_TRUE(co_await transfer.next());
    }
  });
}

TEST_F(Curl, ATransferMayOutliveItsClient) {
  with_client([](Client& client) -> Task<> {
    curl::Transfer transfer = Client().open(server->url("/small"));
    EXPECT_EQ(co_await transfer.next(), "Hello, world!");
    static_cast<void>(client);
  });
}

TEST_F(Curl, ACancelledNextLosesNoByteAndABrokenBodyIsAnError) {
  with_client([](Client& client) -> Task<> {
    plait::Listener listener = co_await plait::listen_tcp("127.0.0.1", 0);
    curl::Transfer transfer = client.open(address(listener));
    plait::Future<Response> response = plait::spawn(transfer.response());
    std::optional<plait::Stream> stream = co_await listener.accept();
    co_await read_request(*stream);
    co_await stream->write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_EQ((co_await response).status, 200);
    EXPECT_FALSE(co_await plait::move_on_after(0s, transfer.next()));
    EXPECT_EQ(co_await transfer.next(), "abc");
    EXPECT_FALSE(co_await plait::move_on_after(5ms, transfer.next()));
    co_await stream->write("def");
    EXPECT_EQ(co_await transfer.next(), "def");
    stream.reset();
    EXPECT_EQ(co_await error_of(transfer.next()),
              "GET " + address(listener) + ": transfer closed with 4 bytes remaining to read");
    EXPECT_NE(co_await error_of(transfer.next()), "nothing");
  });
}

TEST_F(Curl, ShowsHowFarItIs) {
  with_client([](Client& client) -> Task<> {
    std::vector<std::int64_t> received;
    std::optional<std::int64_t> total;
    const std::function<void(const curl::Progress&)> look = [&](const curl::Progress& progress) {
      received.push_back(progress.received);
      if (progress.total) total = progress.total;
    };
    co_await client.fetch(server->url("/large"), {.on_progress = &look});
    EXPECT_EQ(total, static_cast<std::int64_t>(kLarge));
    EXPECT_EQ(received.back(), static_cast<std::int64_t>(kLarge));
    EXPECT_TRUE(std::ranges::is_sorted(received));
    EXPECT_GT(received.size(), 10U);
    const std::function<void(const curl::Progress&)> fail = [](const curl::Progress&) {
      throw std::runtime_error("that will do");
    };
    EXPECT_EQ(co_await error_of(client.fetch(server->url("/large"), {.on_progress = &fail})), "that will do");
  });
}

}  // namespace
