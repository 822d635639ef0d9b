// SPDX-License-Identifier: BSL-1.0
//
// Chunks and `Stream::read_chunk`, on the poller that the environment chooses.
#include "plait/io/chunk.hpp"

#include <gtest/gtest.h>

#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::connected_pair;
using test::error_of;
using test::turns;

static_assert(!std::is_copy_constructible_v<Chunk> && std::is_nothrow_move_constructible_v<Chunk>);

Task<std::string> all_chunks(Stream& stream) {
  std::string all;
  while (auto chunk = co_await stream.read_chunk()) all += chunk.text();
  co_return all;
}

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761u >> 24);
  return text;
}

TEST(ChunkTest, AnEmptyOneIsFalse) {
  const Chunk none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(none.text(), "");
  EXPECT_TRUE(none.bytes().empty());
}

TEST(ChunkTest, MovesAndIsReadAsTextAndAsBytes) {
  run([]() -> Task<> {
    auto [a, b] = stream_pair();
    co_await a.write("abc");
    Chunk chunk = co_await b.read_chunk();
    const std::string_view text = chunk;
    const std::span<const std::byte> bytes = chunk;
    EXPECT_EQ(text, "abc");
    EXPECT_EQ(bytes.size(), 3u);
    EXPECT_EQ(static_cast<const void*>(bytes.data()), text.data());
    chunk.data()[0] = std::byte{'A'};
    Chunk other = std::move(chunk);
    EXPECT_FALSE(chunk);
    EXPECT_EQ(other.text(), "Abc");
    chunk = std::move(other);
    EXPECT_FALSE(other);
    EXPECT_EQ(chunk.text(), "Abc");
  });
}

TEST(ChunkTest, BuffersAreUsedAgain) {
  run([]() -> Task<> {
    auto [a, b] = stream_pair();
    co_await a.write("x");
    const void* first = (co_await b.read_chunk()).data();
    co_await a.write("y");
    Chunk second = co_await b.read_chunk();
    EXPECT_EQ(second.data(), first);
  });
}

TEST(ChunkTest, ItsBufferMayDieOnAnyThread) {
  std::vector<Chunk> chunks;
  run([&]() -> Task<> {
    auto [a, b] = stream_pair();
    for (int i = 0; i < 40; ++i) {
      co_await a.write(std::to_string(i));
      chunks.push_back(co_await b.read_chunk());
    }
  });
  for (int i = 0; i < 40; ++i) EXPECT_EQ(chunks[static_cast<std::size_t>(i)].text(), std::to_string(i));
  std::thread([chunks = std::move(chunks)]() mutable { chunks.clear(); }).join();
}

TEST(ReadChunk, GivesWhatIsThereAndThenTheEnd) {
  run([]() -> Task<> {
    PipeStreams pipe = open_pipe();
    auto [a, b] = stream_pair();
    auto [client, server] = co_await connected_pair();
    for (auto [from, to] : {std::pair(&pipe.write, &pipe.read), std::pair(&a, &b), std::pair(&client, &server)}) {
      co_await from->write("hello");
      Chunk chunk = co_await to->read_chunk();
      EXPECT_EQ(chunk.text(), "hello");
      from->shutdown_write();
      EXPECT_FALSE(co_await to->read_chunk());
      EXPECT_FALSE(co_await to->read_chunk());
    }
  });
}

TEST(ReadChunk, WaitsForData) {
  run([]() -> Task<> {
    auto [a, b] = stream_pair();
    auto reading = spawn([&]() -> Task<std::string> {
      const Chunk chunk = co_await b.read_chunk();
      co_return std::string(chunk.text());
    });
    co_await turns(3);
    EXPECT_FALSE(reading.done());
    co_await a.write("late");
    EXPECT_EQ(co_await reading, "late");
  });
}

TEST(ReadChunk, AllOfALongStreamComesInOrder) {
  const std::string sent = pattern(5'000'000);
  run([&]() -> Task<> {
    PipeStreams pipe = open_pipe();
    auto [a, b] = stream_pair();
    auto [client, server] = co_await connected_pair();
    Stream odd = testing::faulty(std::move(server), {.seed = 7, .at_most = 1000, .stops = 20});
    for (auto [from, to] : {std::pair(&pipe.write, &pipe.read), std::pair(&a, &b), std::pair(&client, &odd)}) {
      auto send = [&](Stream& stream) -> Task<> {
        co_await stream.write(sent);
        stream.shutdown_write();
      };
      auto sending = spawn(send(*from));
      const std::string came = co_await all_chunks(*to);
      EXPECT_TRUE(came == sent);
      co_await sending;
    }
  });
}

TEST(ReadChunk, WhatAnotherReadLeftComesFirst) {
  run([]() -> Task<> {
    auto [a, b] = stream_pair();
    co_await a.write("one\ntwo");
    EXPECT_EQ(co_await b.read_line(), "one\n");
    EXPECT_EQ(b.buffered(), 3u);
    Chunk chunk = co_await b.read_chunk();
    EXPECT_EQ(chunk.text(), "two");
    EXPECT_EQ(b.buffered(), 0u);
    // More than one chunk holds, and the separator nowhere.
    const std::string long_text(40'000, 'x');
    auto writing = spawn([&, &a = a]() -> Task<> { co_await a.write(long_text); });
    EXPECT_THROW(co_await b.read_until('\n', 30'000), LimitOverrunError);
    std::string rest;
    while (rest.size() < long_text.size()) {
      chunk = co_await b.read_chunk();
      EXPECT_LE(chunk.size(), 16u << 10);
      rest += chunk.text();
    }
    EXPECT_TRUE(rest == long_text);
    co_await writing;
  });
}

TEST(ReadChunk, ACancelledOneTakesNothing) {
  run([]() -> Task<> {
    auto [a, b] = stream_pair();
    auto reading = spawn([&, &b = b]() -> Task<> { co_await b.read_chunk(); });
    co_await turns(2);
    reading.cancel();
    EXPECT_THROW(co_await reading, Cancelled);
    co_await a.write("kept");
    EXPECT_EQ((co_await b.read_chunk()).text(), "kept");
  });
}

// Whatever the instant of the cancel, the bytes are in the hands of the reader or still in the stream.
TEST(ReadChunk, CancelledAnywhereItLosesNoByte) {
  std::string came;
  std::vector<StreamPair> pairs;
  const auto body = [&]() -> Task<> {
    came.clear();
    pairs.clear();
    pairs.push_back(stream_pair());
    auto writing = spawn([&]() -> Task<> {
      for (const char* piece : {"a", "b", "c", "d"}) {
        co_await pairs[0].first.write(piece);
        co_await yield_now();
      }
    });
    for (int i = 0; i < 4; ++i) {
      Chunk chunk = co_await pairs[0].second.read_chunk();
      came += chunk.text();
      if (came.size() == 4) break;
    }
    co_await writing;
  };
  const int runs = testing::cancel_everywhere(body, [&](const testing::CancelPoint& point) {
    pairs[0].first.close();
    const std::string rest = plait::run(all_chunks(pairs[0].second));
    const std::string all = came + rest;
    EXPECT_EQ(all, std::string("abcd").substr(0, all.size())) << point.text();
    if (!point.cancelled) {
      EXPECT_EQ(all, "abcd") << point.text();
    }
  });
  EXPECT_GT(runs, 8);
}

TEST(ReadChunk, ErrorsNameThePeer) {
  run([]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    const std::string peer = server.peer_address();
    auto read = [](Stream& stream) -> Task<> { co_await stream.read_chunk(); };
    auto reading = spawn(read(server));
    co_await turns(2);
    int code = 0;
    EXPECT_THROW(co_await read(server), std::logic_error);
    server.close();
    co_await error_of(reading, code);
    EXPECT_EQ(code, EBADF);
    EXPECT_EQ(co_await error_of(read(server), code), "read from " + peer + ": Bad file descriptor");
  });
}

TEST(ReadChunk, ServesATaskOnAPoolAndAThread) {
  const std::string sent = pattern(1'000'000);
  auto pair = stream_pair();
  std::thread writer([&] {
    sync_wait(pair.first.write(sent));
    pair.first.shutdown_write();
  });
  ThreadPool pool(2);
  EXPECT_TRUE(pool.run(all_chunks(pair.second)) == sent);
  writer.join();
  Stream other = std::move(pair.second);
  sync_wait(other.write("back"));
  EXPECT_EQ(sync_wait(pair.first.read_chunk()).text(), "back");
}

TEST(ReadChunk, AnEchoOfChunksGivesBackWhatWasSent) {
  const std::string sent = pattern(3'000'000);
  run([&]() -> Task<> {
    auto [client, server] = co_await connected_pair();
    auto echoing = spawn([&, &server = server]() -> Task<> {
      while (auto chunk = co_await server.read_chunk()) co_await server.write(chunk);
      server.shutdown_write();
    });
    auto writing = spawn([&, &client = client]() -> Task<> {
      co_await client.write(sent);
      client.shutdown_write();
    });
    const std::string came = co_await all_chunks(client);
    EXPECT_TRUE(came == sent);
    co_await writing;
    co_await echoing;
  });
}

}  // namespace
}  // namespace plait
