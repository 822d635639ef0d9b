// SPDX-License-Identifier: BSL-1.0
//
// Streams over Unix sockets, on the poller that the environment chooses.
#include "plait/io/unix.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "support/descriptors.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::error_of;
using test::open_descriptors;
using test::turns;
using namespace std::chrono_literals;

/// A folder that goes with the test.
class Unix : public ::testing::Test {
 protected:
  Unix() {
    std::string name = (std::filesystem::temp_directory_path() / "plait-unix-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~Unix() override { std::filesystem::remove_all(folder); }
  std::string path(const char* name) const { return folder + "/" + name; }

  std::string folder;
};

Task<> echo(Stream stream) {
  while (auto chunk = co_await stream.read_chunk()) co_await stream.write(chunk);
}

TEST_F(Unix, AnEchoServerAnswers) {
  run([&]() -> Task<> {
    Listener listener = co_await listen_unix(path("s"));
    EXPECT_EQ(listener.address(), path("s"));
    EXPECT_EQ(listener.port(), 0);
    auto server = spawn([&]() -> Task<> { co_await echo(co_await listener.accept()); });
    Stream client = co_await connect_unix(path("s"));
    EXPECT_EQ(client.peer_address(), path("s"));
    co_await client.write("hello");
    client.shutdown_write();
    EXPECT_EQ(co_await client.read_all(), "hello");
    co_await server;
  });
}

TEST_F(Unix, AnAbstractNameHasNoFile) {
  const std::string name = std::string(1, '\0') + "plait-test-" + std::to_string(::getpid());
  run([&]() -> Task<> {
    Listener listener = co_await listen_unix(name);
    EXPECT_EQ(listener.address(), "@" + name.substr(1));
    Stream client = co_await connect_unix(name);
    Stream server = co_await listener.accept();
    co_await server.write("x");
    EXPECT_EQ(co_await client.read_exactly(1), "x");
    listener.close();
    Listener again = co_await listen_unix(name);
  });
}

TEST_F(Unix, ClosingRemovesTheFileOnce) {
  run([&]() -> Task<> {
    {
      Listener listener = co_await listen_unix(path("s"));
      EXPECT_TRUE(std::filesystem::is_socket(path("s")));
      listener.close();
      EXPECT_FALSE(std::filesystem::exists(path("s")));
      std::ofstream(path("s")) << "another's";
    }
    EXPECT_TRUE(std::filesystem::exists(path("s")));
    std::filesystem::remove(path("s"));
    {
      Listener listener = co_await listen_unix(path("s"));
    }
    EXPECT_FALSE(std::filesystem::exists(path("s")));
  });
}

TEST_F(Unix, AFileThatTookItsPlaceIsLeftAlone) {
  run([&]() -> Task<> {
    Listener first = co_await listen_unix(path("s"));
    std::filesystem::remove(path("s"));
    Listener second = co_await listen_unix(path("s"));
    first.close();
    Stream client = co_await connect_unix(path("s"));
    Stream server = co_await second.accept();
  });
}

TEST_F(Unix, AStaleSocketIsReplacedAndALiveOneIsNot) {
  run([&]() -> Task<> {
    {
      os::Fd stale = os::unix_socket(false);
      os::bind_unix(stale.get(), false, *os::UnixAddress::from_path(path("s")));
    }
    EXPECT_TRUE(std::filesystem::is_socket(path("s")));
    Listener listener = co_await listen_unix(path("s"));
    int code = 0;
    EXPECT_EQ(co_await error_of(listen_unix(path("s")), code), "bind to " + path("s") + ": Address already in use");
    EXPECT_EQ(code, EADDRINUSE);
    Stream client = co_await connect_unix(path("s"));
    // What is no socket is never removed.
    std::ofstream(path("file")) << "text";
    co_await error_of(listen_unix(path("file")), code);
    EXPECT_EQ(code, EADDRINUSE);
    EXPECT_TRUE(std::filesystem::is_regular_file(path("file")));
  });
}

TEST_F(Unix, ErrorsNameThePath) {
  run([&]() -> Task<> {
    int code = 0;
    EXPECT_EQ(co_await error_of(connect_unix(path("none")), code),
              "connect to " + path("none") + ": No such file or directory");
    EXPECT_EQ(code, ENOENT);
    co_await error_of(listen_unix(path("none/s")), code);
    EXPECT_EQ(code, ENOENT);
    co_await error_of(listen_unix(std::string(108, 'x')), code);
    EXPECT_EQ(code, ENAMETOOLONG);
    co_await error_of(connect_unix(""), code);
    EXPECT_EQ(code, EINVAL);
    co_await error_of(connect_unix(std::string("a\0b", 3)), code);
    EXPECT_EQ(code, EINVAL);
  });
}

TEST_F(Unix, TheLongestPathServes) {
  run([&]() -> Task<> {
    const std::string longest = path(std::string(107 - folder.size() - 1, 'x').c_str());
    EXPECT_EQ(longest.size(), 107u);
    Listener listener = co_await listen_unix(longest);
    EXPECT_EQ(listener.address(), longest);
    Stream client = co_await connect_unix(longest);
  });
}

TEST_F(Unix, ThePeersProcessIsKnown) {
  run([&]() -> Task<> {
    Listener listener = co_await listen_unix(path("s"));
    Stream client = co_await connect_unix(path("s"));
    Stream server = co_await listener.accept();
    for (const Stream* stream : {&client, &server}) {
      const auto peer = peer_credentials(*stream);
      EXPECT_TRUE(peer.has_value());
      EXPECT_EQ(peer->pid, ::getpid());
      EXPECT_EQ(peer->uid, ::getuid());
      EXPECT_EQ(peer->gid, ::getgid());
    }
    EXPECT_EQ(server.peer_address(), "a client of " + path("s") + " (process " + std::to_string(::getpid()) + ")");
    auto [a, b] = co_await test::connected_pair();
    EXPECT_FALSE(peer_credentials(a).has_value());
  });
}

TEST_F(Unix, AConnectWaitsForRoomInTheQueue) {
  run([&]() -> Task<> {
    const ListenOptions options{.backlog = 0};
    Listener listener = co_await listen_unix(path("s"), options);
    const auto connect = [&]() -> Task<Stream> { return connect_unix(path("s")); };
    std::vector<Future<Stream>> clients;
    for (int i = 0; i < 4; ++i) clients.push_back(spawn(connect()));
    co_await sleep(10ms);
    EXPECT_TRUE(clients[0].done());
    EXPECT_FALSE(clients[3].done());
    clients[3].cancel();
    EXPECT_THROW(co_await clients[3], Cancelled);
    std::vector<Stream> accepted;
    for (int i = 0; i < 3; ++i) accepted.push_back(co_await listener.accept());
    for (std::size_t i = 0; i < 3; ++i) co_await clients[i];
  });
}

TEST_F(Unix, ServesAHandlerForEach) {
  const std::size_t before = [] {
    run([]() -> Task<> { co_return; });
    return open_descriptors();
  }();
  run([&]() -> Task<> {
    Listener listener = co_await listen_unix(path("s"));
    auto server = spawn(serve(std::move(listener), echo));
    Stream client = co_await connect_unix(path("s"));
    co_await client.write("x");
    EXPECT_EQ(co_await client.read_exactly(1), "x");
    server.cancel();
    EXPECT_THROW(co_await server, Cancelled);
    EXPECT_EQ(co_await client.read_all(), "");
    EXPECT_FALSE(std::filesystem::exists(path("s")));
  });
  EXPECT_EQ(open_descriptors(), before);
}

TEST(StreamPairTest, GoesBothWays) {
  run([]() -> Task<> {
    auto [a, b] = stream_pair();
    co_await a.write("to b");
    co_await b.write("to a");
    EXPECT_EQ(co_await b.read_exactly(4), "to b");
    EXPECT_EQ(co_await a.read_exactly(4), "to a");
    EXPECT_EQ(a.peer_address(), "one end of a stream pair");
    a.shutdown_write();
    EXPECT_EQ(co_await b.read_all(), "");
    co_await b.write("still open");
    b.close();
    EXPECT_EQ(co_await a.read_all(), "still open");
  });
}

TEST(StreamPairTest, ServesThreads) {
  auto [a, b] = stream_pair();
  std::thread other([&b = b] {
    const std::string line = sync_wait(b.read_line());
    sync_wait(b.write(line));
  });
  sync_wait(a.write("line\n"));
  EXPECT_EQ(sync_wait(a.read_line()), "line\n");
  other.join();
}

}  // namespace
}  // namespace plait
