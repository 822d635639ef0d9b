// SPDX-License-Identifier: BSL-1.0
//
// A server over TLS, whose handlers know nothing of it.
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "plait/tls.hpp"
#include "support/tasks.hpp"
#include "support/tls.hpp"

namespace plait {
namespace {

using test::client_context;
using test::server_context;

Task<> echo(Stream stream) {
  while (auto chunk = co_await stream.read_chunk()) co_await stream.write(chunk);
}

/// One conversation: so much, in two pieces, and back.
Task<> talk(int port, TlsContext context, std::size_t size) {
  Stream stream = co_await connect_tls("localhost", port, context);
  const std::string head = "head\n", body(size, 'b');
  auto writing = spawn([&]() -> Task<> {
    co_await stream.write(head, body);
    EXPECT_EQ(stream.written(), head.size() + body.size());
    stream.shutdown_write();
  });
  EXPECT_EQ(co_await stream.read_until('\n'), head);
  EXPECT_TRUE(co_await stream.read_all() == body);
  co_await writing;
}

Task<> serves_many() {
  const TlsContext client = client_context();
  Event stop;
  Listener listener = co_await listen_tcp("127.0.0.1", 0);
  const int port = listener.port();
  auto serving = spawn(serve(std::move(listener), tls_handler(server_context(), echo), {.stop = &stop}));
  std::vector<Future<void>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(spawn(talk(port, client, 1000 + static_cast<std::size_t>(i) * 70'000)));
  for (Future<void>& each : clients) co_await each;
  stop.set();
  co_await serving;
}

TEST(TlsServe, EachConnectionHasItsHandler) {
  run(serves_many());
  ThreadPool(2).run(serves_many());
}

std::mutex errors_lock;
std::vector<std::string> errors;

TEST(TlsServe, WhoDoesNotSpeakTlsIsAnErrorOfItsConnectionAlone) {
  errors.clear();
  run([]() -> Task<> {
    Event stop;
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    const auto note = [](const ServeError& error) {
      try {
        std::rethrow_exception(error.error);
      } catch (const std::exception& e) {
        const std::scoped_lock guard(errors_lock);
        errors.emplace_back(e.what());
      }
    };
    auto serving =
        spawn(serve(std::move(listener), tls_handler(server_context(), echo), {.stop = &stop, .on_error = note}));
    Stream plain = co_await connect_tcp("127.0.0.1", port);
    co_await plain.write("GET / HTTP/1.1\r\n\r\n");
    co_await plain.read_all();
    co_await talk(port, client_context(), 10);
    stop.set();
    co_await serving;
  });
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_NE(errors[0].find("http request"), std::string::npos) << errors[0];
}

}  // namespace
}  // namespace plait
