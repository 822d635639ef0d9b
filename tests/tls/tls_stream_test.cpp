// SPDX-License-Identifier: BSL-1.0
//
// What a Stream does is the same with TLS inside: all its reads, back-pressure, half-close, ends and errors, faults
// below.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <string>
#include <thread>

#include "plait/testing/faulty_stream.hpp"
#include "plait/tls.hpp"
#include "support/descriptors.hpp"
#include "support/pattern.hpp"
#include "support/tasks.hpp"
#include "support/tls.hpp"

namespace plait {
namespace {

using test::client_context;
using test::connected_pair;
using test::error_of;
using test::open_descriptors;
using test::Pair;
using test::pattern_in_lines;
using test::read_once;
using test::server_context;
using test::tls_pair;
using test::turns;
using testing::Faults;
using testing::faulty;

/// The text of the TlsError that `awaitable` throws.
template <class A>
Task<std::optional<TlsError>> tls_error_of(A&& awaitable) {
  try {
    co_await std::forward<A>(awaitable);
  } catch (const TlsError& error) {
    co_return error;
  }
  co_return std::nullopt;
}

Task<> talks_in_every_way() {
  Pair pair = co_await tls_pair();
  const std::string text = pattern_in_lines(5000);
  auto writing = spawn([&]() -> Task<> {
    co_await pair.client.write(std::string_view(text).substr(0, 1));
    co_await pair.client.write("");
    co_await pair.client.write(std::string_view(text).substr(1));
    EXPECT_EQ(pair.client.written(), text.size() - 1);
    pair.client.shutdown_write();
  });
  std::string seen = co_await pair.server.read_exactly(100);
  seen += co_await pair.server.read_line();
  char buffer[37];
  for (int i = 0; i < 20; ++i) seen.append(buffer, co_await pair.server.read_some(buffer));
  seen += co_await pair.server.read_until("xe");
  auto lines = pair.server.lines();
  for (int i = 0; i < 3; ++i) {
    if (auto line = co_await lines.next()) seen += *line + "\n";
  }
  seen += co_await pair.server.read_all();
  EXPECT_TRUE(seen == text) << seen.size();
  co_await writing;
  EXPECT_EQ(co_await read_once(pair.server), 0u);
  // It was one half only.
  co_await pair.server.write("and back\n");
  EXPECT_EQ(co_await pair.client.read_line(), "and back\n");
  int code = 0;
  co_await error_of(pair.client.write("more"), code);
  EXPECT_EQ(code, EPIPE);
  pair.server.close();
  EXPECT_EQ(co_await pair.client.read_all(), "");
}

TEST(TlsStream, IsAStream) {
  run(talks_in_every_way());
  ThreadPool(2).run(talks_in_every_way());
}

/// Both ways at the same time, far more than sockets hold.
Task<> exchanges(std::size_t size) {
  Pair pair = co_await tls_pair();
  const std::string text = pattern_in_lines(size);
  const auto send = [&](Stream& stream) -> Task<> {
    co_await stream.write(text);
    stream.shutdown_write();
  };
  auto client = spawn(send(pair.client));
  auto server = spawn(send(pair.server));
  auto reading = spawn(pair.client.read_all());
  EXPECT_TRUE(co_await pair.server.read_all() == text);
  EXPECT_TRUE(co_await std::move(reading) == text);
  co_await client;
  co_await server;
}

TEST(TlsStream, AReaderAndAWriterAreAtItAtTheSameTime) {
  run(exchanges(6 << 20));
  ThreadPool(3).run(exchanges(6 << 20));
}

TEST(TlsStream, AReaderAndAWriterMayBeTwoThreads) {
  const std::string text = pattern_in_lines(4 << 20);
  Pair pair = sync_wait(tls_pair());
  std::string at_client, at_server;
  std::thread threads[] = {
      std::thread([&] {
        sync_wait(pair.client.write(text));
        pair.client.shutdown_write();
      }),
      std::thread([&] {
        sync_wait(pair.server.write(text));
        pair.server.shutdown_write();
      }),
      std::thread([&] { at_client = sync_wait(pair.client.read_all()); }),
      std::thread([&] { at_server = sync_wait(pair.server.read_all()); }),
  };
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(at_client == text);
  EXPECT_TRUE(at_server == text);
}

TEST(TlsStream, AWriterWaitsUntilItsPeerReads) {
  run([]() -> Task<> {
    Pair pair = co_await tls_pair();
    const std::string text = pattern_in_lines(16 << 20);
    auto writing = spawn([&]() -> Task<> { co_await pair.client.write(text); });
    co_await turns(200);
    EXPECT_FALSE(writing.done());
    // Something else may be read meanwhile.
    co_await pair.server.write("hello\n");
    EXPECT_EQ(co_await pair.client.read_line(), "hello\n");
    EXPECT_TRUE(co_await pair.server.read_exactly(text.size()) == text);
    co_await writing;
  });
}

Task<> survives(Faults client, Faults server) {
  Pair pair = co_await connected_pair();
  pair = {faulty(std::move(pair.client), client), faulty(std::move(pair.server), server)};
  pair = co_await tls_pair(std::move(pair), client_context(), server_context());
  const std::string text = pattern_in_lines(40'000);
  auto writing = spawn([&]() -> Task<> {
    co_await pair.client.write(text);
    pair.client.shutdown_write();
    EXPECT_EQ(co_await pair.client.read_all(), "thank you");
  });
  EXPECT_TRUE(co_await pair.server.read_all() == text);
  co_await pair.server.write("thank you");
  pair.server.close();
  co_await writing;
}

TEST(TlsStream, LosesNothingOneByteAtATime) {
  run(survives({}, {}));
  ThreadPool(2).run(survives({}, {}));
}

TEST(TlsStream, LosesNothingWhereCallsStopForNoReason) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    run(survives({.seed = seed, .at_most = 300, .stops = 40}, {.seed = seed + 10, .at_most = 300, .stops = 40}));
    ThreadPool(2).run(survives({.seed = seed, .at_most = 300, .stops = 40}, {.seed = seed, .at_most = 70}));
  }
}

TEST(TlsStream, MayHaveFaultsOverIt) {
  run([]() -> Task<> {
    Pair pair = co_await tls_pair();
    Stream client = faulty(std::move(pair.client), {.at_most = 20, .stops = 30});
    Stream server = faulty(std::move(pair.server), {.at_most = 30});
    const std::string text = pattern_in_lines(20'000);
    auto writing = spawn([&]() -> Task<> {
      co_await client.write(text);
      client.close();
    });
    EXPECT_TRUE(co_await server.read_all() == text);
    co_await writing;
  });
}

TEST(TlsStream, OverTlsIsAStreamToo) {
  run([]() -> Task<> {
    Pair pair = co_await tls_pair();
    pair = co_await tls_pair(std::move(pair), client_context(), server_context());
    co_await pair.client.write("inside\n");
    EXPECT_EQ(co_await pair.server.read_line(), "inside\n");
    EXPECT_TRUE(tls_info(pair.client));
    pair.client.close();
    EXPECT_EQ(co_await pair.server.read_all(), "");
  });
}

/// Faults of the server's side below TLS, which begin after the handshake; what the server reads of "hello".
Task<std::optional<TlsError>> truncated(TlsContext server) {
  Pair pair = co_await connected_pair();
  const int number = pair.client.native_handle();
  pair = co_await tls_pair(std::move(pair), client_context(), std::move(server));
  co_await pair.client.write("hello");
  EXPECT_EQ(co_await pair.server.read_exactly(5), "hello");
  os::shutdown_write(number);
  co_return co_await tls_error_of(pair.server.read_all());
}

TEST(TlsStream, AnEndThatNobodySaidIsAnError) {
  run([]() -> Task<> {
    const auto error = co_await truncated(server_context());
    EXPECT_TRUE(error);
    if (!error) co_return;
    EXPECT_TRUE(error->truncated());
    EXPECT_EQ(error->operation(), "read from");
    EXPECT_EQ(error->reason(), "the connection ended before TLS did");
    EXPECT_EQ(std::string(error->what()), "TLS: read from " + error->peer() + ": the connection ended before TLS did");
    EXPECT_FALSE(co_await truncated(server_context({.allow_truncation = true})));
  });
}

TEST(TlsStream, ACutRecordIsAnErrorWhateverIsAllowed) {
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    const TlsContext server = server_context({.allow_truncation = true});
    // Enough for the handshake; the record after it is cut.
    Stream cut = faulty(std::move(pair.server), {.at_most = 1 << 20, .end_after = 20'000});
    auto accepting = spawn(tls_accept(std::move(cut), server));
    Stream client = co_await tls_connect(std::move(pair.client), client_context(), {.server_name = "localhost"});
    Stream inside = co_await std::move(accepting);
    auto writing = spawn([&]() -> Task<> { co_await client.write(pattern_in_lines(100'000)); });
    std::string seen;
    std::string buffer(1000, '\0');
    std::optional<TlsError> error;
    std::size_t n = 0;
    const auto read = [&]() -> Task<> { n = co_await inside.read_some(buffer); };
    do {
      n = 0;
      error = co_await tls_error_of(read());
      seen.append(buffer, 0, n);
    } while (n != 0);
    EXPECT_EQ(seen, pattern_in_lines(100'000).substr(0, seen.size()));
    EXPECT_LT(seen.size(), 20'000u);
    EXPECT_TRUE(error && error->truncated());
    writing.cancel();
  });
}

TEST(TlsStream, BytesThatWereChangedAreAnErrorForGood) {
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    const int number = pair.client.native_handle();
    pair = co_await tls_pair(std::move(pair), client_context(), server_context());
    const std::string forged = std::string("\x17\x03\x03\0\x18", 5) + std::string(24, 'x');
    EXPECT_EQ(os::send(number, forged.data(), forged.size()), 29);
    for (int i = 0; i < 2; ++i) {
      const auto error = co_await tls_error_of(pair.server.read_all());
      EXPECT_EQ(error ? error->reason() : "", "decryption failed or bad record mac");
    }
    const auto error = co_await tls_error_of(pair.server.write("x"));
    EXPECT_EQ(error ? error->operation() : "", "write to");
    const auto told = co_await tls_error_of(pair.client.read_all());
    EXPECT_NE((told ? told->reason() : "").find("alert bad record mac"), std::string::npos);
  });
}

TEST(TlsStream, AResetIsTheSystemsError) {
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    Stream reset = faulty(std::move(pair.server), {.at_most = 1 << 20, .reset_after = 20'000});
    auto accepting = spawn(tls_accept(std::move(reset), server_context()));
    Stream client = co_await tls_connect(std::move(pair.client), client_context(), {.server_name = "localhost"});
    Stream inside = co_await std::move(accepting);
    int code = 0;
    EXPECT_EQ((co_await error_of(inside.write(pattern_in_lines(100'000)), code)).substr(0, 19), "write to 127.0.0.1:");
    EXPECT_EQ(code, ECONNRESET);
    EXPECT_LE(inside.written(), 20'000u + 16'384u);  // a record may be on its way
  });
}

// The kernel tells of a reset once.
TEST(TlsStream, AResetThatAWriteHeardOfIsNoEndWhateverIsAllowed) {
  run([]() -> Task<> {
    const TlsContext lenient = server_context({.allow_truncation = true});
    Pair pair = co_await tls_pair(co_await connected_pair(), client_context(), lenient);
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    EXPECT_EQ(::connect(pair.client.native_handle(), &nobody, sizeof nobody), 0);  // resets the connection
    while (os::poll_now(pair.server.native_handle(), os::kEpollErr) == 0) co_await turns(1);
    int code = 0;
    co_await error_of(pair.server.write("x"), code);
    EXPECT_EQ(code, ECONNRESET);
    co_await error_of(pair.server.read_all(), code);
    EXPECT_EQ(code, ECONNRESET);
  });
}

TEST(TlsStream, ClosingItEndsItsOperations) {
  run([]() -> Task<> {
    Pair pair = co_await tls_pair();
    auto reading = spawn([&]() -> Task<> {
      int code = 0;
      co_await error_of(pair.server.read_all(), code);
      EXPECT_EQ(code, EBADF);
    });
    co_await turns(5);
    pair.server.close();
    co_await reading;
    EXPECT_EQ(co_await pair.client.read_all(), "");
    EXPECT_THROW((void)pair.client.release(), std::logic_error);
  });
}

TEST(TlsStream, LeavesNoDescriptorBehind) {
  run(turns(1));
  const std::size_t before = open_descriptors();
  run([]() -> Task<> {
    for (int i = 0; i < 5; ++i) {
      Pair pair = co_await tls_pair();
      co_await pair.client.write("x");
      EXPECT_EQ(co_await pair.server.read_exactly(1), "x");
    }
  });
  EXPECT_LE(open_descriptors(), before + 3);  // a loop's own, of which one is cached
}

}  // namespace
}  // namespace plait
