// SPDX-License-Identifier: BSL-1.0
//
// A peer that resets the connection (RST), in each state that it may be in. What was reset never looks like what was
// ended: bytes may be missing.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "plait/plait.hpp"
#include "support/descriptors.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::connected_pair;
using test::error_of;
using test::open_descriptors;
using test::read_all;
using test::read_once;
using test::reset;
using test::turns;
using namespace std::chrono_literals;

/// Waits until the news of a reset has come.
Task<> until_reset(const Stream& stream) {
  const auto has_come = [&] { return (os::poll_now(stream.native_handle(), os::kEpollErr) & os::kEpollErr) != 0; };
  while (!has_come()) co_await yield_now();
}

Task<> write_all(Stream& stream, const std::string& data) { co_await stream.write(data); }

TEST(Reset, BeforeItIsAcceptedItsConnectionIsAnErrorToRead) {
  run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    Stream client = co_await connect_tcp("127.0.0.1", listener.port());
    const std::string peer = os::local_address(client.native_handle()).text();
    co_await client.write("unread");
    reset(std::move(client));
    Stream next = co_await connect_tcp("127.0.0.1", listener.port());
    Stream server = co_await listener.accept();
    int code = 0;
    EXPECT_EQ(co_await server.read_exactly(6), "unread");
    EXPECT_EQ(co_await error_of(read_once(server), code), "read from " + peer + ": Connection reset by peer");
    EXPECT_EQ(code, ECONNRESET);
    Stream other = co_await listener.accept();
    co_await next.write("x");
    EXPECT_EQ(co_await read_once(other), 1u);
  });
}

TEST(Reset, OfAConnectionThatNobodyReadsIsSeenByTheNextRead) {
  run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    co_await client.write("unread");
    EXPECT_EQ(co_await server.read_exactly(2), "un");
    reset(std::move(client));
    co_await until_reset(server);
    EXPECT_EQ(co_await server.read_exactly(4), "read");
    int code = 0;
    co_await error_of(server.read_line(), code);
    EXPECT_EQ(code, ECONNRESET);
  });
}

TEST(Reset, IsTheErrorOfEveryReadAfterIt) {
  run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    reset(std::move(client));
    co_await until_reset(server);
    int code = 0;
    co_await error_of(read_once(server), code);
    EXPECT_EQ(code, ECONNRESET);
    EXPECT_EQ(co_await error_of(server.read_all(), code),
              "read from " + server.peer_address() + ": Connection reset by peer");
    EXPECT_EQ(code, ECONNRESET);
    co_await error_of(server.read_chunk(), code);
    EXPECT_EQ(code, ECONNRESET);
  });
}

// The kernel tells it once, here to the writer.
TEST(Reset, ThatAWriteHeardOfIsNoEndForTheReader) {
  run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    reset(std::move(client));
    co_await until_reset(server);
    int code = 0;
    co_await error_of(write_all(server, "x"), code);
    EXPECT_EQ(code, ECONNRESET);
    co_await error_of(server.read_all(), code);
    EXPECT_EQ(code, ECONNRESET);
  });
}

TEST(Reset, ThatPiecesHeardOfIsNoEndForTheReader) {
  run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    reset(std::move(client));
    co_await until_reset(server);
    int code = 0;
    co_await error_of(server.write("x", "y"), code);
    EXPECT_EQ(code, ECONNRESET);
    co_await error_of(server.read_chunk(), code);
    EXPECT_EQ(code, ECONNRESET);
  });
}

TEST(Reset, EndsTheReaderAndTheWriterThatWait) {
  run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string data(16 << 20, 'x');
    std::string read_error, write_error;
    int read_code = 0, write_code = 0;
    auto reading = spawn([&]() -> Task<> { read_error = co_await error_of(server.read_all(), read_code); });
    auto writing = spawn([&]() -> Task<> { write_error = co_await error_of(write_all(server, data), write_code); });
    co_await sleep(20ms);
    const std::string peer = server.peer_address();
    reset(std::move(client));
    co_await reading;
    co_await writing;
    EXPECT_EQ(read_error, "read from " + peer + ": Connection reset by peer");
    EXPECT_EQ(write_error.substr(0, 9 + peer.size()), "write to " + peer);
    EXPECT_TRUE(write_code == ECONNRESET || write_code == EPIPE) << write_code;
    EXPECT_LT(server.written(), data.size());
  });
}

TEST(Reset, OfABigWriteIsNoEndForALaterReader) {
  run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string data(16 << 20, 'x');
    int code = 0;
    auto writing = spawn([&]() -> Task<> { co_await error_of(write_all(server, data), code); });
    co_await sleep(20ms);
    reset(std::move(client));
    co_await writing;
    EXPECT_EQ(code, ECONNRESET);
    co_await error_of(server.read_all(), code);
    EXPECT_EQ(code, ECONNRESET);
  });
}

TEST(Reset, AfterThePeersEndLosesNothingThatCame) {
  run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    co_await client.write("all of it");
    client.shutdown_write();
    EXPECT_EQ(co_await server.read_exactly(3), "all");
    reset(std::move(client));
    co_await turns(3);
    EXPECT_EQ(co_await server.read_exactly(6), " of it");
    int code = 0;
    const std::string text = co_await error_of(write_all(server, std::string(1 << 20, 'x')), code);
    EXPECT_EQ(text.substr(0, 9), "write to ");
  });
}

TEST(Reset, AfterOurOwnEndIsAnErrorOfTheReader) {
  run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    server.shutdown_write();
    EXPECT_EQ(co_await read_once(client), 0u);
    int code = 0;
    std::string text;
    auto reading = spawn([&]() -> Task<> { text = co_await error_of(server.read_all(), code); });
    co_await turns(3);
    reset(std::move(client));
    co_await reading;
    EXPECT_EQ(text, "read from " + server.peer_address() + ": Connection reset by peer");
    server.shutdown_write();
    server.close();
  });
}

TEST(HalfClose, GoesBothWaysAndEachSideReadsOn) {
  run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    client.shutdown_write();
    EXPECT_EQ(co_await server.read_all(), "");
    co_await server.write("after the other's end");
    server.shutdown_write();
    EXPECT_EQ(co_await client.read_all(), "after the other's end");
    EXPECT_EQ(co_await client.read_all(), "");
    int code = 0;
    const std::string text = co_await error_of(write_all(client, "x"), code);
    EXPECT_EQ(text, "write to " + client.peer_address() + ": Broken pipe");
    EXPECT_EQ(co_await client.read_all(), "");
  });
}

TEST(Reset, InServeEndsItsConnectionAlone) {
  static std::string told;
  told.clear();
  run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    const auto echo = [](Stream stream) -> Task<> {
      while (auto chunk = co_await stream.read_chunk()) co_await stream.write(chunk);
    };
    const ServeOptions options{
        .on_error = [](const ServeError& error) { told += error.peer + ": " + describe(error.error) + "\n"; }};
    auto server = spawn(serve(std::move(listener), echo, options));
    Stream staying = co_await connect_tcp("127.0.0.1", port);
    co_await staying.write("1");
    EXPECT_EQ(co_await staying.read_exactly(1), "1");
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 5; ++i) {
      Stream leaving = co_await connect_tcp("127.0.0.1", port);
      const std::string name = os::local_address(leaving.native_handle()).text();
      co_await leaving.write("1");
      EXPECT_EQ(co_await leaving.read_exactly(1), "1");
      told.clear();
      reset(std::move(leaving));
      while (told.empty()) co_await yield_now();
      EXPECT_EQ(told.substr(0, name.size() + 2), name + ": ");
      EXPECT_NE(told.find("read from " + name + ": Connection reset by peer"), told.npos) << told;
    }
    EXPECT_EQ(open_descriptors(), before);
    co_await staying.write("2");
    EXPECT_EQ(co_await staying.read_exactly(1), "2");
    server.cancel();
  });
}

}  // namespace
}  // namespace plait
