// SPDX-License-Identifier: BSL-1.0
//
// A cancel at every checkpoint of what waits on real sockets, and signals at every moment: no byte and no connection is
// lost or doubled, and no descriptor stays.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <optional>
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

using test::connected_pair;
using test::open_descriptors;
using test::Pair;
using test::read_all;
using test::read_once;
using test::turns;
using testing::CancelPoint;
using namespace std::chrono_literals;

/// Bytes of which each tells where it is.
std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 7 + i / 251) % 251);
  return text;
}

TEST(CancelAnywhere, InAConnectThereIsAConnectionOrNothing) {
  run([]() -> Task<> { co_await connected_pair(); });
  const std::size_t before = open_descriptors();
  const auto body = []() -> Task<> {
    Listener listener = co_await listen_tcp("127.0.0.1", 0);
    Stream client = co_await connect_tcp("127.0.0.1", listener.port());
    co_await client.write("x");
  };
  const int runs = testing::cancel_everywhere(
      body, [&](const CancelPoint& point) { EXPECT_EQ(open_descriptors(), before) << point.text(); });
  EXPECT_GE(runs, 6);
}

TEST(CancelAnywhere, InAnAcceptTheConnectionIsTakenOrWaits) {
  std::optional<Listener> listener;
  std::vector<Stream> clients;
  int accepted = 0;
  const auto body = [&]() -> Task<> {
    accepted = 0;
    clients.clear();
    listener.emplace(co_await listen_tcp("127.0.0.1", 0));
    auto connecting = spawn([&]() -> Task<> {
      co_await turns(2);
      for (int i = 0; i < 3; ++i) {
        clients.push_back(co_await connect_tcp("127.0.0.1", listener->port()));
        co_await clients.back().write("x");
      }
    });
    for (int i = 0; i < 3; ++i) {
      Stream server = co_await listener->accept();
      ++accepted;
      co_await server.write("y");
    }
    co_await connecting;
  };
  const int runs = testing::cancel_everywhere(body, [&](const CancelPoint& point) {
    // Those that were not taken are still to be had, whole.
    run([&]() -> Task<> {
      for (Stream& client : clients) client.close();
      for (int left = static_cast<int>(clients.size()) - accepted; left > 0; --left) {
        Stream server = co_await timeout(10s, listener->accept());
        // The client was cancelled before it wrote, or not.
        const std::string said = co_await read_all(server);
        EXPECT_TRUE(said.empty() || said == "x") << point.text();
      }
    });
    clients.clear();
    listener.reset();
  });
  EXPECT_GT(runs, 10);
}

TEST(CancelAnywhere, InAWriteWhatItSaysWentOutArrives) {
  const std::string data = pattern(3 << 20);
  std::optional<Pair> pair;
  std::size_t sent = 0;
  std::string came;
  const auto body = [&]() -> Task<> {
    came.clear();
    sent = 0;
    pair.emplace(co_await connected_pair());
    const auto write = [&](std::size_t from, std::size_t to) -> Task<> {
      struct Count {
        ~Count() { sent += stream.written(); }
        Stream& stream;
        std::size_t& sent;
      } const count{pair->client, sent};
      co_await pair->client.write(std::string_view(data).substr(from, to - from));
    };
    auto reading = spawn([&]() -> Task<> {
      std::string buffer(400'000, '\0');
      while (came.size() < data.size()) {
        const std::size_t n = co_await pair->server.read_some(buffer);
        if (n == 0) break;
        came.append(buffer, 0, n);
      }
    });
    co_await write(0, 1000);
    co_await write(1000, data.size() - 1);
    co_await write(data.size() - 1, data.size());
    co_await reading;
  };
  const int runs = testing::cancel_everywhere(body, [&](const CancelPoint& point) {
    if (!pair) return;
    run([&]() -> Task<> {
      pair->client.close();
      came += co_await read_all(pair->server, 1 << 20);
    });
    EXPECT_EQ(came.size(), sent) << point.text();
    EXPECT_TRUE(data.compare(0, came.size(), came) == 0) << point.text();
    pair.reset();
  });
  EXPECT_GT(runs, 8);
}

TEST(CancelAnywhere, InReadsOfManyStepsNothingIsLost) {
  std::optional<Pair> pair;
  std::string came;
  const auto body = [&]() -> Task<> {
    came.clear();
    pair.emplace(co_await connected_pair());
    auto writing = spawn([&]() -> Task<> {
      for (const char* piece : {"li", "ne\nex", "act", "ly--u", "ntil", ";re", "st"}) {
        co_await pair->client.write(piece);
        co_await yield_now();
      }
      pair->client.shutdown_write();
    });
    came += co_await pair->server.read_line();
    came += co_await pair->server.read_exactly(9);
    came += co_await pair->server.read_until(';');
    came += co_await pair->server.read_all();
    co_await writing;
  };
  const int runs = testing::cancel_everywhere(body, [&](const CancelPoint& point) {
    if (!pair) return;
    pair->client.close();
    came += run(read_all(pair->server));
    EXPECT_EQ(came, std::string("line\nexactly--until;rest").substr(0, came.size())) << point.text();
    if (!point.cancelled) {
      EXPECT_EQ(came.size(), 24u) << point.text();
    }
    pair.reset();
  });
  EXPECT_GT(runs, 20);
}

/// While it lives a thread sends signals, which interrupt system calls, to the thread that made it.
class Interruptions {
 public:
  Interruptions() {
    struct sigaction handler{};
    handler.sa_handler = [](int) { ++count; };
    ::sigaction(SIGUSR1, &handler, &before_);
    count = 0;
    thread_ = std::thread([this, target = ::pthread_self()] {
      while (!stop_) {
        ::pthread_kill(target, SIGUSR1);
        std::this_thread::sleep_for(50us);
      }
    });
  }
  ~Interruptions() {
    stop_ = true;
    thread_.join();
    ::sigaction(SIGUSR1, &before_, nullptr);
  }
  static inline std::atomic<int> count{0};

 private:
  struct sigaction before_{};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST(Interrupted, ConnectionsLoseNothingToSignals) {
  const std::string data = pattern(8 << 20);
  const Interruptions interruptions;
  run([&]() -> Task<> {
    while (Interruptions::count < 200) {
      Listener listener = co_await listen_tcp("127.0.0.1", 0);
      auto accepting = spawn([&]() -> Task<Stream> { co_return co_await listener.accept(); });
      co_await sleep(1ms);
      Stream client = co_await connect_tcp("127.0.0.1", listener.port());
      Stream server = co_await std::move(accepting);
      auto echoing = spawn([&]() -> Task<> {
        while (auto chunk = co_await server.read_chunk()) co_await server.write(chunk);
        server.shutdown_write();
      });
      auto writing = spawn([&]() -> Task<> {
        co_await client.write(data);
        client.shutdown_write();
      });
      EXPECT_TRUE(co_await read_all(client, 1 << 16) == data);
      co_await writing;
      co_await echoing;
    }
  });
}

TEST(Interrupted, ThreadsThatWaitForStreamsGoOnWaiting) {
  auto [client, server] = sync_wait(connected_pair());
  std::thread late([&] {
    std::this_thread::sleep_for(30ms);
    sync_wait(client.write("late"));
  });
  {
    const Interruptions interruptions;
    EXPECT_EQ(sync_wait(read_once(server)), 4u);
  }
  late.join();
}

}  // namespace
}  // namespace plait
