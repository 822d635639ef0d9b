// SPDX-License-Identifier: BSL-1.0
//
// Files to streams and streams to files, and descriptors over streams. On the poller that the environment chooses.
#include "plait/io/send_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "plait/plait.hpp"
#include "plait/testing.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "support/descriptors.hpp"
#include "support/folder.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::content_of;
using test::error_of;
using test::Folder;
using test::turns;

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26 + i / 100'000 % 3);
  return text;
}

/// What arrives at the other end when a file is sent, whose writer then closes.
Task<std::string> sent(Stream& to, Stream& from, File& file, std::uint64_t offset, std::uint64_t count) {
  auto reading = spawn(from.read_all());
  const std::uint64_t n = co_await send_file(to, file, offset, count);
  EXPECT_EQ(to.written(), n);
  to.close();
  std::string all = co_await std::move(reading);
  EXPECT_EQ(all.size(), n);
  co_return all;
}

TEST(SendFile, SendsPartsOfAFileToASocket) {
  const Folder folder;
  const std::string text = pattern(5'000'000);  // more than a socket holds
  const std::string path = folder.write("file", text);
  const auto body = [&]() -> Task<> {
    File file = co_await open_file(path);
    const auto part = [&](std::uint64_t offset, std::uint64_t count) -> Task<std::string> {
      auto [to, from] = stream_pair();
      co_return co_await sent(to, from, file, offset, count);
    };
    EXPECT_TRUE(co_await part(0, kToTheEnd) == text);
    EXPECT_TRUE(co_await part(4'000'001, kToTheEnd) == text.substr(4'000'001));
    EXPECT_TRUE(co_await part(1, 1'000'000) == text.substr(1, 1'000'000));
    EXPECT_EQ(co_await part(7, 3), text.substr(7, 3));
    EXPECT_EQ(co_await part(0, 0), "");
    EXPECT_EQ(co_await part(5'000'000, kToTheEnd), "");
    EXPECT_EQ(co_await part(6'000'000, 10), "");
    EXPECT_EQ(file.position(), 0u);
  };
  run(body());
  ThreadPool pool(2);
  pool.run(body());
}

TEST(SendFile, SendsOverTcpAndFromThreads) {
  const Folder folder;
  const std::string text = pattern(2'000'000);
  File file = sync_wait(open_file(folder.write("file", text)));
  auto [client, server] = sync_wait(test::connected_pair());
  std::jthread sender([&file, &client] {
    EXPECT_EQ(sync_wait(send_file(client, file)), 2'000'000u);
    client.close();
  });
  EXPECT_TRUE(sync_wait(server.read_all()) == text);
}

TEST(SendFile, WhatIsNotInMemoryIsReadFirst) {
  const Folder folder;
  const std::string text = pattern(3'000'000);
  const std::string path = folder.write("file", text);
  run([&]() -> Task<> {
    File file = co_await open_file(path, OpenMode::update);
    co_await file.sync();
    EXPECT_EQ(::posix_fadvise(file.native_handle(), 0, 0, POSIX_FADV_DONTNEED), 0);
    auto [to, from] = stream_pair();
    EXPECT_TRUE(co_await sent(to, from, file, 0, kToTheEnd) == text);
  });
}

TEST(SendFile, GoesThroughPipesAndLayersAndFromFilesWithoutASize) {
  const Folder folder;
  const std::string text = pattern(700'000);
  const std::string path = folder.write("file", text);
  run([&]() -> Task<> {
    File file = co_await open_file(path);
    PipeStreams pipe = open_pipe();
    EXPECT_TRUE(co_await sent(pipe.write, pipe.read, file, 10, kToTheEnd) == text.substr(10));
    auto [below, from] = stream_pair();
    Stream layered = testing::faulty(std::move(below), {.at_most = 1000, .stops = 20});
    EXPECT_TRUE(co_await sent(layered, from, file, 0, kToTheEnd) == text);
    File status = co_await open_file("/proc/self/status");
    auto [a, b] = stream_pair();
    EXPECT_NE((co_await sent(a, b, status, 0, kToTheEnd)).find("Pid:"), std::string::npos);
  });
}

TEST(SendFile, ErrorsNameBothAndRaiseNoSignal) {
  const Folder folder;
  const std::string path = folder.write("file", pattern(100'000));
  run([&]() -> Task<> {
    File file = co_await open_file(path);
    auto [to, from] = stream_pair();
    from.close();
    int code = 0;
    EXPECT_EQ(co_await error_of(send_file(to, file), code),
              "send " + path + " to one end of a stream pair: Broken pipe");
    EXPECT_EQ(code, EPIPE);
    auto [second, reader] = stream_pair();
    auto sending = spawn(send_file(second, file, 0));
    file.close();
    EXPECT_EQ((co_await reader.read_exactly(100'000)).size(), 100'000u);  // it was begun
    EXPECT_EQ(co_await sending, 100'000u);
    EXPECT_THROW((void)send_file(second, file), std::system_error);
  });
}

TEST(SendFile, ASendThatIsCancelledSaysHowMuchWentOut) {
  const Folder folder;
  const std::string text = pattern(2'000'000);
  const std::string path = folder.write("file", text);
  run([&]() -> Task<> {
    File file = co_await open_file(path);
    auto [to, from] = stream_pair();
    auto sending = spawn(send_file(to, file));
    co_await sleep(std::chrono::milliseconds(5));
    EXPECT_FALSE(sending.done());
    EXPECT_THROW((void)co_await to.write("x"), std::logic_error);
    sending.cancel();
    EXPECT_THROW((void)co_await sending, Cancelled);
    const std::size_t written = to.written();
    EXPECT_GT(written, 0u);
    EXPECT_LT(written, text.size());
    to.close();
    EXPECT_TRUE(co_await from.read_all() == text.substr(0, written));
  });
}

TEST(SendFile, CanBeCancelledEverywhere) {
  const Folder folder;
  const std::string text = pattern(900'000);
  const std::string path = folder.write("file", text);
  std::size_t written = 0, arrived = 0;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        written = arrived = 0;
        File file = co_await open_file(path);
        auto [to, from] = stream_pair();
        struct Look {
          ~Look() {
            written = to.written();
            to.close();
            char buffer[4096];
            for (ssize_t n = 1; (n = ::read(from.native_handle(), buffer, sizeof buffer)) > 0;)
              arrived += std::size_t(n);
          }
          Stream &to, &from;
          std::size_t &written, &arrived;
        } const look{to, from, written, arrived};
        static_cast<void>(co_await send_file(to, file, 0, 150'000));
      },
      [&](const testing::CancelPoint& point) {
        EXPECT_EQ(written, arrived);
        EXPECT_TRUE(point.cancelled || written == 150'000);
      });
  EXPECT_GE(runs, 4);
}

// ---- The other way ----

TEST(ReceiveFile, PutsWhatComesIntoAFile) {
  const Folder folder;
  const std::string text = pattern(1'000'000);
  run([&]() -> Task<> {
    File file = co_await open_file(folder / "file", OpenMode::keep);
    auto [to, from] = stream_pair();
    auto writing = spawn([&]() -> Task<> {
      co_await to.write("line\n" + text + "rest");
      to.close();
    });
    EXPECT_EQ(co_await from.read_line(), "line\n");
    std::uint64_t done = 0;
    EXPECT_EQ(co_await receive_file(from, file, 3, text.size(), &done), text.size());
    EXPECT_EQ(done, text.size());
    EXPECT_EQ(co_await receive_file(from, file), 4u);
    co_await writing;
  });
  EXPECT_TRUE(content_of(folder / "file") == "rest" + text.substr(1));
}

TEST(ReceiveFile, WhatTheFileDoesNotTakeStaysInTheStream) {
  run([&]() -> Task<> {
    File full = co_await open_file("/dev/full", OpenMode::update);
    auto [to, from] = stream_pair();
    co_await to.write("abcdef");
    std::uint64_t done = 7;
    int code = 0;
    EXPECT_EQ(co_await error_of(receive_file(from, full, 0, kToTheEnd, &done), code),
              "write /dev/full: No space left on device");
    EXPECT_EQ(done, 0u);
    EXPECT_EQ(co_await from.read_exactly(6), "abcdef");
  });
}

TEST(ReceiveFile, NothingIsLostWhereverItIsCancelled) {
  const Folder folder;
  const std::string text = pattern(200'000);
  std::uint64_t done = 0;
  std::string rest;
  testing::cancel_everywhere(
      [&]() -> Task<> {
        rest.clear();
        done = 0;
        File file = co_await open_file(folder / "file", OpenMode::write);
        auto [to, from] = stream_pair();
        co_await to.write(std::string_view(text).substr(0, 100'000));
        struct Look {
          ~Look() {
            rest = from.take_buffered();
            char buffer[4096];
            for (ssize_t n = 1; (n = ::read(from.native_handle(), buffer, sizeof buffer)) > 0;)
              rest.append(buffer, std::size_t(n));
          }
          Stream& from;
          std::string& rest;
        } const look{from, rest};
        static_cast<void>(co_await receive_file(from, file, 0, 90'000, &done));
      },
      [&](const testing::CancelPoint&) {
        const std::string content = done == 0 ? "" : content_of(folder / "file");
        if (rest.empty()) return;  // cancelled before there was a stream with something in it
        EXPECT_EQ(content.size(), done);
        EXPECT_TRUE(content + rest == text.substr(0, 100'000));
      });
}

// ---- Descriptors ----

TEST(Descriptor, GoesOverAStreamAmongOtherBytes) {
  const auto body = []() -> Task<> {
    auto [a, b] = stream_pair();
    PipeStreams pipe = open_pipe();
    co_await a.write("head\n");
    EXPECT_EQ(co_await b.read_exactly(5), "head\n");
    co_await send_descriptor(a, pipe.write.native_handle());
    co_await a.write("tail");
    pipe.write.close();
    {
      const os::Fd received = co_await receive_descriptor(b);
      EXPECT_EQ(::fcntl(received.get(), F_GETFD), FD_CLOEXEC);
      EXPECT_EQ(::write(received.get(), "hello", 5), 5);
    }
    EXPECT_EQ(co_await pipe.read.read_all(), "hello");
    EXPECT_EQ(co_await b.read_exactly(4), "tail");
  };
  run(body());
  ThreadPool pool(2);
  pool.run(body());
}

TEST(Descriptor, WaitsForOneAndCanBeCancelled) {
  run([]() -> Task<> {
    auto [a, b] = stream_pair();
    auto receiving = spawn(receive_descriptor(b));
    co_await turns(3);
    receiving.cancel();
    EXPECT_THROW((void)co_await receiving, Cancelled);
    receiving = spawn(receive_descriptor(b));
    co_await turns(3);
    EXPECT_FALSE(receiving.done());
    co_await send_descriptor(a, 0);
    EXPECT_TRUE((co_await receiving).valid());
  });
}

TEST(Descriptor, AByteWithoutOneIsAnErrorAndIsLeft) {
  run([]() -> Task<> {
    auto [a, b] = stream_pair();
    co_await a.write("xy");
    EXPECT_THROW((void)co_await receive_descriptor(b), std::runtime_error);
    EXPECT_THROW((void)co_await receive_descriptor(b), std::runtime_error);
    EXPECT_EQ(co_await b.read_exactly(2), "xy");
    a.close();
    EXPECT_THROW((void)co_await receive_descriptor(b), IncompleteReadError);
    auto [client, server] = co_await test::connected_pair();
    int code = 0;
    EXPECT_EQ(co_await error_of(send_descriptor(client, 0), code),
              "send a descriptor to " + client.peer_address() + ": Operation not supported");
    auto [c, d] = stream_pair();
    co_await error_of(send_descriptor(c, 1 << 20), code);
    EXPECT_EQ(code, EBADF);
    auto [below, other] = stream_pair();
    Stream layered = testing::faulty(std::move(below), {});
    EXPECT_THROW((void)co_await send_descriptor(layered, 0), std::logic_error);
  });
}

TEST(Descriptor, NoneIsLeftOpenWhereverItIsCancelled) {
  run(turns(1));
  const std::size_t before = test::open_descriptors();
  testing::cancel_everywhere(
      []() -> Task<> {
        auto [a, b] = stream_pair();
        co_await send_descriptor(a, 0);
        static_cast<void>(co_await receive_descriptor(b));
      },
      [](const testing::CancelPoint&) {});
  EXPECT_LE(test::open_descriptors(), before + 3);
}

}  // namespace
}  // namespace plait
