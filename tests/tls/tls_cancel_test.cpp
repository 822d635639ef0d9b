// SPDX-License-Identifier: BSL-1.0
//
// TLS cancelled at every checkpoint: of the handshake, of reads, of writes. Nothing is left open, and no byte is lost.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "plait/testing.hpp"
#include "plait/tls.hpp"
#include "support/descriptors.hpp"
#include "support/tasks.hpp"
#include "support/tls.hpp"

namespace plait {
namespace {

using test::client_context;
using test::connected_pair;
using test::open_descriptors;
using test::Pair;
using test::server_context;
using test::shaken;
using test::tls_pair;
using test::turns;
using testing::CancelPoint;
using testing::faulty;

/// So many bytes at a time that a handshake has many steps.
constexpr std::size_t kStep = 400;

TEST(TlsCancel, AnywhereInTheHandshakeNothingIsLeft) {
  const TlsContext client = client_context(), server = server_context();
  run(turns(1));
  const std::size_t before = open_descriptors();
  int cancelled = 0;
  for (const bool of_client : {true, false}) {
    const int runs = testing::cancel_everywhere(
        [&]() -> Task<> {
          Pair pair = co_await connected_pair();
          Stream mine = faulty(std::move(of_client ? pair.client : pair.server), {.at_most = kStep, .stops = 50});
          Stream other = std::move(of_client ? pair.server : pair.client);
          Future<test::Shaken> answering;
          if (of_client) {
            answering = spawn(shaken(tls_accept(std::move(other), server)));
            Stream done = co_await tls_connect(std::move(mine), client, {.server_name = "localhost"});
          } else {
            answering = spawn(shaken(tls_connect(std::move(other), client, {.server_name = "localhost"})));
            Stream done = co_await tls_accept(std::move(mine), server);
          }
          co_await std::move(answering);
        },
        [&](const CancelPoint& point) {
          cancelled += point.cancelled;
          EXPECT_LE(open_descriptors(), before + 3) << point.text();  // a loop's own, of which one is cached
        });
    EXPECT_GT(runs, 15);
  }
  EXPECT_GT(cancelled, 20);
}

/// A connection that lives longer than one run.
struct Lasting {
  std::optional<Pair> pair;
  std::string rest_at_server() {
    return run([&]() -> Task<std::string> {
      pair->client.close();
      co_return co_await pair->server.read_all();
    });
  }
};

TEST(TlsCancel, AnywhereInAReadNoByteIsLost) {
  const std::string text = "one line\nanother\nand eleven bytes";
  const TlsContext client = client_context(), server = server_context();
  Lasting lasting;
  std::string seen, sent;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        lasting.pair.reset();
        seen.clear();
        sent.clear();
        Pair below = co_await connected_pair();
        below.server = faulty(std::move(below.server), {.at_most = kStep, .stops = 20});
        lasting.pair.emplace(co_await tls_pair(std::move(below), client, server));
        auto writing = spawn([&]() -> Task<> {
          for (std::size_t i = 0; i < text.size(); i += 4) {
            const std::string piece = text.substr(i, 4);
            sent += piece;  // what TLS has taken goes out
            co_await lasting.pair->client.write(piece);
            co_await turns(1);
          }
        });
        seen += co_await lasting.pair->server.read_line();
        seen += co_await lasting.pair->server.read_until("\n");
        char buffer[4];
        seen.append(buffer, co_await lasting.pair->server.read_some(buffer));
        seen += co_await lasting.pair->server.read_exactly(8);
        co_await writing;
      },
      [&](const CancelPoint& point) {
        if (!lasting.pair) return;
        const std::string all = seen + lasting.rest_at_server();
        // The last piece may have been cancelled before TLS had it.
        const std::size_t pieces = lasting.pair->client.written();
        EXPECT_EQ(all, sent.substr(0, all.size())) << point.text();
        EXPECT_GE(all.size() + 4, sent.size() + pieces % 4) << point.text();
      });
  EXPECT_GT(runs, 30);
}

TEST(TlsCancel, AnywhereInAWriteWhatTlsHasTakenArrives) {
  const std::string text(600'000, 't');
  const TlsContext client = client_context(), server = server_context();
  Lasting lasting;
  std::size_t seen = 0;
  int in_the_middle = 0;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        lasting.pair.reset();
        seen = 0;
        Pair below = co_await connected_pair();
        below.client = faulty(std::move(below.client), {.at_most = 100'000, .stops = 10});
        lasting.pair.emplace(co_await tls_pair(std::move(below), client, server));
        auto reading = spawn([&]() -> Task<> {
          std::string buffer(50'000, '\0');
          while (seen < text.size()) {
            seen += co_await lasting.pair->server.read_some(buffer);
            co_await turns(1);
          }
        });
        co_await lasting.pair->client.write(text);
        co_await reading;
      },
      [&](const CancelPoint& point) {
        if (!lasting.pair) return;
        const std::size_t written = lasting.pair->client.written();
        in_the_middle += written != 0 && written != text.size();
        // The next write finds the connection whole.
        const std::size_t all = seen + run([&]() -> Task<std::size_t> {
                                  auto writing = spawn([&]() -> Task<> {
                                    co_await lasting.pair->client.write("end");
                                    lasting.pair->client.close();
                                  });
                                  const std::size_t rest = (co_await lasting.pair->server.read_all()).size();
                                  co_await writing;
                                  co_return rest;
                                });
        EXPECT_EQ(all, written + 3) << point.text();
      });
  EXPECT_GT(in_the_middle, 0);
}

}  // namespace
}  // namespace plait
