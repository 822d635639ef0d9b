// SPDX-License-Identifier: BSL-1.0
//
// Writes of several pieces, on the poller that the environment chooses.
#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::connected_pair;
using test::turns;

TEST(WritePieces, ComeOneAfterTheOther) {
  run([]() -> Task<> {
    auto [a, b] = stream_pair();
    const std::string head = "head ";
    const std::vector<std::byte> body(3, std::byte{'b'});
    co_await a.write(head, std::string_view(), std::span(body), " tail");
    EXPECT_EQ(a.written(), 13u);
    EXPECT_EQ(co_await b.read_exactly(13), "head bbb tail");

    const std::array<std::string_view, 3> views{"x", "", "yz"};
    co_await a.write(views);
    const std::vector<std::string> strings{"1", "22", "333"};
    co_await a.write(strings);
    const std::array<std::span<const std::byte>, 2> spans{std::span(body), std::span(body).first(1)};
    co_await a.write(spans);
    EXPECT_EQ(a.written(), 4u);
    EXPECT_EQ(co_await b.read_exactly(13), "xyz122333bbbb");
  });
}

TEST(WritePieces, NothingIsWrittenOfNothing) {
  run([]() -> Task<> {
    auto [a, b] = stream_pair();
    co_await a.write(std::span<const std::string_view>());
    co_await a.write("", "");
    EXPECT_EQ(a.written(), 0u);
    co_await a.write("x", "");
    EXPECT_EQ(co_await b.read_exactly(1), "x");
  });
}

std::vector<std::string> pieces_of_all_sizes() {
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < 1000; ++i) pieces.emplace_back(i * 7919 % 20'000, static_cast<char>('a' + i % 26));
  return pieces;
}

// Far more than the buffers hold, so that calls end in the middle of a piece; more pieces than one call takes.
TEST(WritePieces, GoOnAfterShortWrites) {
  const std::vector<std::string> pieces = pieces_of_all_sizes();
  std::string whole;
  for (const std::string& piece : pieces) whole += piece;
  run([&]() -> Task<> {
    PipeStreams pipe = open_pipe();
    auto [a, b] = stream_pair();
    auto [client, server] = co_await connected_pair();
    auto [c, d] = stream_pair();
    Stream odd = testing::faulty(std::move(c), {.seed = 3, .at_most = 9000, .stops = 10});
    for (auto [from, to] :
         {std::pair(&pipe.write, &pipe.read), std::pair(&a, &b), std::pair(&client, &server), std::pair(&odd, &d)}) {
      auto send = [&](Stream& stream) -> Task<> {
        co_await stream.write(pieces);
        EXPECT_EQ(stream.written(), whole.size());
        stream.shutdown_write();
      };
      auto sending = spawn(send(*from));
      const std::string came = co_await to->read_all();
      EXPECT_TRUE(came == whole);
      co_await sending;
    }
  });
}

TEST(WritePieces, ACancelledOneSaysHowMuchWentOut) {
  const std::vector<std::string> pieces = pieces_of_all_sizes();
  run([&]() -> Task<> {
    auto [a, b] = stream_pair();
    auto writing = spawn([&, &a = a]() -> Task<> { co_await a.write(pieces); });
    co_await turns(10);
    writing.cancel();
    EXPECT_THROW(co_await writing, Cancelled);
    const std::size_t written = a.written();
    EXPECT_GT(written, 0u);
    a.close();
    EXPECT_EQ((co_await b.read_all()).size(), written);
  });
}

TEST(WritePieces, APeerThatIsGoneIsAnErrorAndNoSignal) {
  run([]() -> Task<> {
    PipeStreams pipe = open_pipe();
    auto [a, b] = stream_pair();
    pipe.read.close();
    b.close();
    for (Stream* stream : {&pipe.write, &a}) {
      int code = 0;
      auto write = [](Stream& to) -> Task<> { co_await to.write("x", "y"); };
      co_await test::error_of(write(*stream), code);
      EXPECT_EQ(code, EPIPE);
    }
  });
}

TEST(WritePieces, ServeATaskOnAPool) {
  const std::vector<std::string> pieces = pieces_of_all_sizes();
  std::size_t size = 0;
  for (const std::string& piece : pieces) size += piece.size();
  ThreadPool pool(2);
  const auto body = [&]() -> Task<> {
    auto [a, b] = stream_pair();
    auto writing = spawn([&, &a = a]() -> Task<> {
      co_await a.write(pieces);
      a.shutdown_write();
    });
    EXPECT_EQ((co_await b.read_all()).size(), size);
    co_await writing;
  };
  pool.run(body());
}

}  // namespace
}  // namespace plait
