// SPDX-License-Identifier: BSL-1.0
//
// `serve`: its handlers, its limit, its end. On the poller that the environment chooses.
#include "plait/io/serve.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/descriptors.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::error_of;
using test::NoMoreDescriptors;
using test::open_descriptors;
using test::turns;
using namespace std::chrono_literals;

Task<> echo(Stream stream) {
  while (auto chunk = co_await stream.read_chunk()) co_await stream.write(chunk);
}

/// What `on_error` was told.
struct Told {
  Told() {
    const std::scoped_lock guard(mutex);
    errors.clear();
  }
  static void note(const ServeError& error) {
    const std::scoped_lock guard(mutex);
    errors.push_back(error.peer + ": " + describe(error.error));
  }
  static std::vector<std::string> all() {
    const std::scoped_lock guard(mutex);
    return errors;
  }
  static inline std::mutex mutex;
  static inline std::vector<std::string> errors;
};

/// Says "x", waits for the answer.
Task<std::string> ask(Stream& stream) {
  co_await stream.write("x");
  co_return co_await stream.read_exactly(1);
}

TEST(Serve, GivesEachConnectionAHandlerOfItsOwn) {
  run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    auto server = spawn(serve(std::move(listener), echo));
    Stream a = co_await connect_tcp("127.0.0.1", port);
    Stream b = co_await connect_tcp("127.0.0.1", port);
    EXPECT_EQ(co_await ask(b), "x");
    EXPECT_EQ(co_await ask(a), "x");
    EXPECT_EQ(co_await ask(b), "x");
    server.cancel();
    EXPECT_THROW(co_await server, Cancelled);
    EXPECT_EQ(co_await a.read_all(), "");
    EXPECT_EQ(co_await b.read_all(), "");
    int code = 0;
    co_await error_of(connect_tcp("127.0.0.1", port), code);
    EXPECT_EQ(code, ECONNREFUSED);
  });
}

TEST(Serve, AHandlerMayBeAnyCallable) {
  run([]() -> Task<> {
    struct Handler {
      explicit Handler(std::string greeting) : greeting(std::make_unique<std::string>(std::move(greeting))) {}
      Task<> operator()(Stream stream) {
        ++calls;
        co_await stream.write(*greeting, " ", std::to_string(calls));
      }
      std::unique_ptr<std::string> greeting;
      int calls = 0;
    };
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    auto server = spawn(serve(std::move(listener), Handler("hello")));
    Stream a = co_await connect_tcp("127.0.0.1", port);
    EXPECT_EQ(co_await a.read_all(), "hello 1");
    Stream b = co_await connect_tcp("127.0.0.1", port);
    EXPECT_EQ(co_await b.read_all(), "hello 2");
    server.cancel();
  });
}

TEST(Serve, AnErrorOfAHandlerEndsItsConnectionOnly) {
  const Told told;
  run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    const auto handler = [](Stream stream) -> Task<> {
      if (co_await stream.read_exactly(1) == "!") throw std::runtime_error("no such word");
      co_await stream.write("ok");
    };
    const ServeOptions options{.on_error = &Told::note};
    auto server = spawn(serve(std::move(listener), handler, options));
    Stream a = co_await connect_tcp("127.0.0.1", port);
    Stream b = co_await connect_tcp("127.0.0.1", port);
    const std::string name = os::local_address(a.native_handle()).text();
    co_await a.write("!");
    EXPECT_EQ(co_await a.read_all(), "");
    EXPECT_EQ(Told::all(), std::vector<std::string>{name + ": std::runtime_error: no such word"});
    co_await b.write(".");
    EXPECT_EQ(co_await b.read_all(), "ok");
    EXPECT_FALSE(server.done());
    server.cancel();
  });
  EXPECT_EQ(Told::all().size(), 1u);
}

TEST(Serve, AHandlerThatThrowsBeforeItIsACoroutineIsAnErrorToo) {
  const Told told;
  run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    const auto handler = [](Stream) -> Task<> { throw std::runtime_error("at once"); };
    const ServeOptions options{.max_connections = 1, .on_error = &Told::note};
    auto server = spawn(serve(std::move(listener), handler, options));
    for (int i = 0; i < 3; ++i) {
      Stream a = co_await connect_tcp("127.0.0.1", port);
      EXPECT_EQ(co_await a.read_all(), "");
    }
    server.cancel();
  });
  EXPECT_EQ(Told::all().size(), 3u);
}

TEST(Serve, WithoutAHandlerForErrorsThereIsALineOnStderr) {
  ::testing::internal::CaptureStderr();
  run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    const auto handler = [](Stream stream) -> Task<> { co_await stream.read_exactly(2); };
    auto server = spawn(serve(std::move(listener), handler));
    Stream a = co_await connect_tcp("127.0.0.1", port);
    a.shutdown_write();
    EXPECT_EQ(co_await a.read_all(), "");
    server.cancel();
  });
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.substr(0, 24), "plait: serve: 127.0.0.1:");
  EXPECT_NE(text.find("it ended after 0 of 2 bytes"), std::string::npos) << text;
  EXPECT_EQ(text.back(), '\n');
}

TEST(Serve, AtTheLimitItStopsAcceptingUntilOneEnds) {
  run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    int running = 0, most = 0;
    const auto handler = [&](Stream stream) -> Task<> {
      most = std::max(most, ++running);
      co_await echo(std::move(stream));
      --running;
    };
    const ServeOptions options{.max_connections = 2};
    auto server = spawn(serve(std::move(listener), handler, options));
    std::vector<Stream> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(co_await connect_tcp("127.0.0.1", port));
    EXPECT_EQ(co_await ask(clients[0]), "x");
    EXPECT_EQ(co_await ask(clients[1]), "x");
    auto third = spawn(ask(clients[2]));
    co_await turns(20);
    EXPECT_FALSE(third.done());
    clients[0].close();
    EXPECT_EQ(co_await third, "x");
    clients[1].close();
    clients[2].close();
    EXPECT_EQ(co_await ask(clients[3]), "x");
    EXPECT_EQ(co_await ask(clients[4]), "x");
    EXPECT_EQ(most, 2);
    server.cancel();
    EXPECT_THROW(co_await server, Cancelled);
  });
}

TEST(Serve, AGracefulStopLetsHandlersFinish) {
  run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    Event stop;
    int finished = 0;
    const auto handler = [&](Stream stream) -> Task<> {
      const std::string request = co_await stream.read_line();
      co_await stream.write(request);
      ++finished;
    };
    const ServeOptions options{.stop = &stop};
    auto server = spawn(serve(std::move(listener), handler, options));
    Stream client = co_await connect_tcp("127.0.0.1", port);
    co_await client.write("half");
    co_await sleep(1ms);
    stop.set();
    co_await sleep(5ms);
    EXPECT_FALSE(server.done());
    int code = 0;
    co_await error_of(connect_tcp("127.0.0.1", port), code);
    EXPECT_EQ(code, ECONNREFUSED);
    co_await client.write(" and half\n");
    EXPECT_EQ(co_await client.read_all(), "half and half\n");
    co_await server;
    EXPECT_EQ(finished, 1);
  });
}

// The clock is virtual, and leaps while handlers wait for nobody but it.
TEST(Serve, AfterItsGraceAGracefulStopCancelsTheHandlers) {
  const auto result = testing::run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    Event stop;
    int cancelled = 0;
    const auto handler = [&](Stream) -> Task<> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
        ++cancelled;
        throw;
      }
    };
    const ServeOptions options{.stop = &stop, .grace = 5s};
    auto server = spawn(serve(std::move(listener), handler, options));
    Stream a = co_await connect_tcp("127.0.0.1", port);
    Stream b = co_await connect_tcp("127.0.0.1", port);
    co_await sleep(1s);
    stop.set();
    co_await server;
    EXPECT_EQ(cancelled, 2);
    EXPECT_EQ(co_await a.read_all(), "");
  });
  EXPECT_EQ(result.elapsed, 6s);
}

TEST(Serve, AStopWithoutConnectionsEndsItAtOnce) {
  const auto result = testing::run([]() -> Task<> {
    for (const std::size_t limit : {std::size_t{0}, std::size_t{1}}) {
      Listener listener = co_await listen_tcp("127.0.0.1", 0);
      Event stop;
      const ServeOptions options{.max_connections = limit, .stop = &stop};
      auto server = spawn(serve(std::move(listener), echo, options));
      co_await yield_now();
      stop.set();
      co_await server;
      Listener other = co_await listen_tcp("127.0.0.1", 0);
      co_await serve(std::move(other), echo, options);
    }
  });
  EXPECT_EQ(result.elapsed, 0s);
}

TEST(Serve, AStopWhileItWaitsForRoomIsSeen) {
  const auto result = testing::run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    Event stop;
    const ServeOptions options{.max_connections = 1, .stop = &stop, .grace = 1s};
    const auto handler = [](Stream) -> Task<> { co_await sleep(1h); };
    auto server = spawn(serve(std::move(listener), handler, options));
    Stream a = co_await connect_tcp("127.0.0.1", port);
    co_await sleep(1s);
    stop.set();
    co_await server;
  });
  EXPECT_EQ(result.elapsed, 2s);
}

TEST(Serve, ACancelDuringTheGraceEndsItsHandlersAtOnce) {
  const auto result = testing::run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    Event stop;
    const ServeOptions options{.stop = &stop, .grace = 1h};
    const auto handler = [](Stream) -> Task<> { co_await sleep(24h); };
    auto server = spawn(serve(std::move(listener), handler, options));
    Stream a = co_await connect_tcp("127.0.0.1", port);
    co_await sleep(1s);
    stop.set();
    co_await sleep(1s);
    EXPECT_FALSE(server.done());
    server.cancel();
    EXPECT_THROW(co_await server, Cancelled);
  });
  EXPECT_EQ(result.elapsed, 2s);
}

TEST(Serve, ACancelAwaitsTheHandlersCleanUp) {
  const auto result = testing::run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    int cleaned = 0;
    const auto handler = [&](Stream) -> Task<> {
      const auto body = []() -> Task<> { co_await sleep(1h); };
      const auto clean = [&]() -> Task<> {
        co_await sleep(2s);
        ++cleaned;
      };
      co_await finally(body, clean);
    };
    auto server = spawn(serve(std::move(listener), handler));
    Stream a = co_await connect_tcp("127.0.0.1", port);
    co_await sleep(1s);
    server.cancel();
    EXPECT_THROW(co_await server, Cancelled);
    EXPECT_EQ(cleaned, 1);
  });
  EXPECT_EQ(result.elapsed, 3s);
}

TEST(Serve, WithoutDescriptorsItRestsTellsOnceAndGoesOn) {
  const Told told;
  run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    const std::string address = listener.address();
    const ServeOptions options{.on_error = &Told::note};
    auto server = spawn(serve(std::move(listener), echo, options));
    Stream client = co_await connect_tcp("127.0.0.1", port);
    EXPECT_EQ(co_await ask(client), "x");
    os::Fd spare = os::tcp_socket(2);
    std::optional<Stream> waiting;
    {
      // The client's own descriptor is there already, the server's is not to be had.
      const auto here = *SocketAddress::from_figures("127.0.0.1", static_cast<std::uint16_t>(port));
      const NoMoreDescriptors limit;
      EXPECT_EQ(os::connect(spare.get(), here), -EINPROGRESS);
      const std::clock_t begin = std::clock();
      co_await sleep(200ms);
      EXPECT_LT(std::clock() - begin, CLOCKS_PER_SEC / 20);
    }
    EXPECT_EQ(Told::all().size(), 1u);
    EXPECT_EQ(Told::all().at(0).substr(0, address.size()), address);
    waiting.emplace(std::make_shared<detail::SocketState>(std::move(spare), SocketAddress()));
    EXPECT_EQ(co_await ask(*waiting), "x");
    server.cancel();
  });
  EXPECT_EQ(Told::all().size(), 1u);
}

TEST(Serve, AMovedFromOrClosedListenerEndsItWithAnError) {
  run([]() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    listener.close();
    int code = 0;
    co_await error_of(serve(std::move(listener), echo), code);
    EXPECT_EQ(code, EBADF);
  });
}

TEST(Serve, AHundredConnectionsLeaveNothingBehind) {
  run([]() -> Task<> { co_await test::connected_pair(); });
  const std::size_t before = open_descriptors();
  run([]() -> Task<> {
    co_await with_task_group([](TaskGroup& group) -> Task<> {
      Listener listener = co_await listen_tcp("127.0.0.1", 0);
      const int port = listener.port();
      group.spawn(serve(std::move(listener), echo));
      std::vector<Stream> clients;
      for (int i = 0; i < 100; ++i) clients.push_back(co_await connect_tcp("127.0.0.1", port));
      for (Stream& client : clients) EXPECT_EQ(co_await ask(client), "x");
      group.cancel();
    });
  });
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Serve, RunsOnAPool) {
  ThreadPool pool(2);
  const auto body = []() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    const int port = listener.port();
    Event stop;
    std::atomic<int> finished = 0;
    const auto handler = [&](Stream stream) -> Task<> {
      co_await echo(std::move(stream));
      ++finished;
    };
    const ServeOptions options{.max_connections = 8, .stop = &stop};
    auto server = spawn(serve(std::move(listener), handler, options));
    const auto client = [port]() -> Task<int> {
      Stream stream = co_await connect_tcp("127.0.0.1", port);
      for (int i = 0; i < 20; ++i) {
        if (co_await ask(stream) != "x") co_return 0;
      }
      co_return 1;
    };
    std::vector<Task<int>> clients;
    for (int i = 0; i < 50; ++i) clients.push_back(client());
    int right = 0;
    for (const int one : co_await gather(std::move(clients))) right += one;
    EXPECT_EQ(right, 50);
    stop.set();
    co_await server;
    EXPECT_EQ(finished.load(), 50);
  };
  pool.run(body());
}

// The kernel spreads the connections over two loops that listen on one port.
TEST(Serve, TwoLoopsShareAPort) {
  Listener first = sync_wait(listen_tcp("127.0.0.1", 0, {.reuse_port = true}));
  const int port = first.port();
  Listener second = sync_wait(listen_tcp("127.0.0.1", port, {.reuse_port = true}));
  int code = 0;
  sync_wait(error_of(listen_tcp("127.0.0.1", port), code));
  EXPECT_EQ(code, EADDRINUSE);
  Event stop;
  std::atomic<int> served[2] = {};
  const auto loop = [&](Listener listener, std::atomic<int>& count) {
    const auto body = [&]() -> Task<> {
      const auto handler = [&count](Stream stream) -> Task<> {
        ++count;
        co_await echo(std::move(stream));
      };
      const ServeOptions options{.stop = &stop};
      co_await serve(std::move(listener), handler, options);
    };
    run(body());
  };
  std::thread a([&] { loop(std::move(first), served[0]); });
  std::thread b([&] { loop(std::move(second), served[1]); });
  run([&]() -> Task<> {
    for (int i = 0; i < 64; ++i) {
      Stream stream = co_await connect_tcp("127.0.0.1", port);
      EXPECT_EQ(co_await ask(stream), "x");
    }
  });
  stop.set();
  a.join();
  b.join();
  EXPECT_EQ(served[0] + served[1], 64);
  EXPECT_GT(served[0].load(), 0);
  EXPECT_GT(served[1].load(), 0);
}

}  // namespace
}  // namespace plait
