// SPDX-License-Identifier: BSL-1.0
//
// Operations that perform themselves. On the poller that the environment chooses, and on pools.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "plait/plait.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "support/descriptors.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using detail::IoOperation;
using test::connected_pair;
using test::error_of;
using test::Pair;
using test::read_all;
using test::turns;

/// What a layer holds: bytes that it read and nobody asked for, and counts of its calls.
struct Layer {
  std::string held;
  Atomic<int> reads{0}, writes{0};
  /// How often it is to stop without a reason.
  int stops = 0;
};

class OwnRead : public detail::IoLeaf<OwnRead> {
 public:
  OwnRead(detail::IoDescriptor& descriptor, Layer& layer, char* into, std::size_t size, bool eager = true)
      : IoLeaf(Kind::own_read, &descriptor), layer_(layer) {
    buffer = into;
    length = size;
    this->eager = eager;
    perform = [](IoOperation& operation) noexcept {
      auto& self = static_cast<OwnRead&>(operation);
      ++self.layer_.reads;
      if (self.layer_.stops > 0) {
        --self.layer_.stops;
        return static_cast<std::int64_t>(-EINTR);
      }
      if (const std::size_t n = std::min(self.layer_.held.size(), self.length)) {
        std::memcpy(self.buffer, self.layer_.held.data(), n);
        self.layer_.held.erase(0, n);
        return static_cast<std::int64_t>(n);
      }
      const std::int64_t n = os::receive(self.fd, self.buffer, self.length);
      self.drained = n > 0 && static_cast<std::size_t>(n) < self.length;
      return n;
    };
  }
  std::int64_t take() const { return result; }

 private:
  Layer& layer_;
};

class OwnWrite : public detail::IoLeaf<OwnWrite> {
 public:
  OwnWrite(detail::IoDescriptor& descriptor, Layer& layer, const std::string& data, std::size_t& went_out)
      : IoLeaf(Kind::own_write, &descriptor), layer_(layer), went_out_(went_out) {
    buffer = const_cast<char*>(data.data());
    length = data.size();
    perform = [](IoOperation& operation) noexcept {
      auto& self = static_cast<OwnWrite&>(operation);
      ++self.layer_.writes;
      while (self.done < self.length) {
        const std::int64_t n =
            os::send(self.fd, static_cast<const char*>(self.buffer) + self.done, self.length - self.done);
        if (n < 0) return n;
        self.done += static_cast<std::size_t>(n);
      }
      return static_cast<std::int64_t>(self.done);
    };
  }
  void await_resume() {
    went_out_ = done;
    end();
    if (result < 0) os::throw_error(static_cast<int>(-result), "write");
  }
  void take() const noexcept {}

 private:
  Layer& layer_;
  std::size_t& went_out_;
};

/// The end of a connection, without the Stream round it.
struct Socket {
  explicit Socket(Stream stream) : state(stream.release(), os::SocketAddress()) {}
  detail::SocketState state;
};

std::string text_of(std::int64_t n, const char* buffer) { return {buffer, static_cast<std::size_t>(n)}; }

Task<> reads_what_is_held_and_what_comes() {
  Pair pair = co_await connected_pair();
  Socket socket(std::move(pair.client));
  Layer layer{"held"};
  char buffer[16];
  // Nothing is in the socket, and the poller may know it: what is held comes all the same.
  EXPECT_EQ(text_of(co_await OwnRead(socket.state, layer, buffer, 2), buffer), "he");
  auto waiting = spawn([&]() -> Task<> {
    layer.held.clear();
    EXPECT_EQ(text_of(co_await OwnRead(socket.state, layer, buffer, 16), buffer), "came");
  });
  co_await turns(20);
  EXPECT_FALSE(waiting.done());
  co_await pair.server.write("came");
  co_await waiting;
  layer.held = "more";
  EXPECT_EQ(text_of(co_await OwnRead(socket.state, layer, buffer, 16), buffer), "more");
  pair.server.close();
  EXPECT_EQ(co_await OwnRead(socket.state, layer, buffer, 16), 0);
}

Task<> goes_on_after_stops() {
  Pair pair = co_await connected_pair();
  Socket socket(std::move(pair.client));
  Layer layer;
  char buffer[16];
  co_await pair.server.write("there for long");
  for (int i = 0; i < 4; ++i) {
    layer.stops = i;
    EXPECT_EQ(text_of(co_await OwnRead(socket.state, layer, buffer, 3), buffer).size(), 3u);
    EXPECT_EQ(layer.stops, 0);
  }
}

Task<> writes_against_back_pressure() {
  Pair pair = co_await connected_pair();
  Socket socket(std::move(pair.client));
  Layer layer;
  std::string data(8 << 20, '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 % 251);
  std::size_t went_out = 0;
  auto writing = spawn([&]() -> Task<> {
    co_await OwnWrite(socket.state, layer, data, went_out);
    socket.state.close();
  });
  const std::string all = co_await read_all(pair.server, 65536);
  EXPECT_TRUE(all == data);
  co_await writing;
  EXPECT_EQ(went_out, data.size());
  EXPECT_GT(layer.writes.load(), 1);
}

Task<> is_cancelled_with_what_went_out_known() {
  Pair pair = co_await connected_pair();
  Socket socket(std::move(pair.client));
  Layer layer;
  const std::string data(16 << 20, 'x');
  std::size_t went_out = 0;
  auto writing = spawn([&]() -> Task<> { co_await OwnWrite(socket.state, layer, data, went_out); });
  while (layer.writes == 0) co_await yield_now();
  co_await turns(100);
  writing.cancel();
  bool cancelled = false;
  try {
    co_await writing;
  } catch (const Cancelled&) {
    cancelled = true;
  }
  EXPECT_TRUE(cancelled);
  EXPECT_GT(went_out, 0u);
  EXPECT_LT(went_out, data.size());
  socket.state.close();
  EXPECT_EQ((co_await read_all(pair.server, 65536)).size(), went_out);
}

TEST(OwnOperation, ReadsWhatItHoldsAtOnceAndWaitsForTheRest) {
  run(reads_what_is_held_and_what_comes());
  ThreadPool(2).run(reads_what_is_held_and_what_comes());
}

TEST(OwnOperation, ThatStopsThoughItsDescriptorIsReadyIsCalledAgain) {
  run(goes_on_after_stops());
  ThreadPool(2).run(goes_on_after_stops());
}

TEST(OwnOperation, WritesAllAgainstBackPressure) {
  run(writes_against_back_pressure());
  ThreadPool(2).run(writes_against_back_pressure());
}

TEST(OwnOperation, ACancelledOneKnowsHowMuchWentOut) {
  run(is_cancelled_with_what_went_out_known());
  ThreadPool(2).run(is_cancelled_with_what_went_out_known());
}

TEST(OwnOperation, ACancelledReadTakesNothing) {
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    Socket socket(std::move(pair.client));
    Layer layer;
    char buffer[16];
    auto reading = spawn([&]() -> Task<> { co_await OwnRead(socket.state, layer, buffer, 16); });
    co_await turns(5);
    reading.cancel();
    EXPECT_THROW(co_await reading, Cancelled);
    co_await pair.server.write("kept");
    EXPECT_EQ(text_of(co_await OwnRead(socket.state, layer, buffer, 16), buffer), "kept");
  });
}

TEST(OwnOperation, CancelledAtEveryCheckpointItLosesNothing) {
  std::optional<Pair> pair;
  std::optional<Socket> socket;
  Layer layer;
  std::string seen, sent;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        seen.clear();
        sent.clear();
        pair.emplace(co_await connected_pair());
        socket.emplace(std::move(pair->client));
        const std::string ping(5, 'p');
        char buffer[16];
        layer.held = "held";
        auto writing = spawn([&]() -> Task<> {
          for (int i = 0; i < 3; ++i) {
            co_await pair->server.write("abc");
            sent += "abc";
            co_await turns(2);
          }
        });
        for (int i = 0; i < 8; ++i) {
          const std::int64_t n = co_await OwnRead(socket->state, layer, buffer, 2);
          seen.append(buffer, static_cast<std::size_t>(n));
          if (seen.size() == 4 + 9) break;
          std::size_t went_out = 0;
          co_await OwnWrite(socket->state, layer, ping, went_out);
        }
        co_await writing;
      },
      [&](const testing::CancelPoint&) {
        if (!socket) return;
        char rest[64];
        const std::int64_t n = os::receive(socket->state.fd.get(), rest, sizeof rest);
        EXPECT_EQ(seen + layer.held + text_of(std::max<std::int64_t>(n, 0), rest), "held" + sent);
      });
  EXPECT_GT(runs, 20);
}

TEST(OwnOperation, ClosingItsDescriptorEndsItWithAnError) {
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    Socket socket(std::move(pair.client));
    Layer layer;
    char buffer[16];
    auto reading = spawn([&]() -> Task<> { EXPECT_EQ(co_await OwnRead(socket.state, layer, buffer, 16), -EBADF); });
    co_await turns(5);
    socket.state.close();
    co_await reading;
  });
}

TEST(OwnOperation, ThatIsNotEagerIsNotTriedWhileTheDescriptorIsKnownToBeEmpty) {
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    Socket socket(std::move(pair.client));
    Layer layer;
    char buffer[16];
    for (const bool eager : {false, true}) {
      for (int i = 0; i < 3; ++i) {
        layer.reads = 0;
        auto reading = spawn([&]() -> Task<> { co_await OwnRead(socket.state, layer, buffer, 16, eager); });
        co_await turns(5);
        co_await pair.server.write("x");
        co_await reading;
        // The first one learns it by trying. io_uring remembers nothing.
        const bool known = !eager && i > 0 && detail::EventLoop::current()->poller().name() == "epoll";
        EXPECT_EQ(layer.reads.load(), known ? 1 : 2);
      }
    }
  });
}

}  // namespace
}  // namespace plait
