// SPDX-License-Identifier: BSL-1.0
//
// Files that are written, the ways to open them, and the reads that look for something. On the poller that the
// environment chooses.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "support/folder.hpp"
#include "support/pattern.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::content_of;
using test::error_of;
using test::Folder;
using test::pattern;
using namespace std::chrono_literals;

/// Files get no longer than `size` in this block; a write that would go on fails with EFBIG.
class ShortFiles {
 public:
  explicit ShortFiles(rlim_t size) {
    before_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit lower = before_;
    lower.rlim_cur = size;
    ::setrlimit(RLIMIT_FSIZE, &lower);
  }
  ShortFiles(const ShortFiles&) = delete;
  ShortFiles& operator=(const ShortFiles&) = delete;
  ~ShortFiles() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, before_handler_);
  }

 private:
  rlimit before_{};
  sighandler_t before_handler_;
};

// ---- Opening ----

TEST(OpenFile, ModesAreThoseOfPython) {
  const Folder folder;
  run([&]() -> Task<> {
    const std::string path = folder / "file";
    int code = 0;
    EXPECT_EQ(co_await error_of(open_file(path, OpenMode::update), code),
              "open " + path + ": No such file or directory");
    {
      File file = co_await open_file(path, OpenMode::write);
      co_await file.write("one");
      char byte[1];
      co_await error_of(file.read_some(byte), code);
      EXPECT_EQ(code, EBADF);
    }
    EXPECT_EQ(co_await error_of(open_file(path, OpenMode::exclusive), code), "open " + path + ": File exists");
    {
      File file = co_await open_file(path, OpenMode::append);
      EXPECT_EQ(file.position(), 3u);
      co_await file.write("two");
      EXPECT_EQ(file.position(), 6u);
      co_await file.write_at(0, "three");  // at the end all the same, as pwrite(2) says
    }
    EXPECT_EQ(content_of(path), "onetwothree");
    {
      File file = co_await open_file(path, OpenMode::update);
      co_await file.write("ONE");
      EXPECT_EQ(co_await file.read_all(), "twothree");
    }
    {
      File file = co_await open_file(path, OpenMode::keep);
      EXPECT_EQ(co_await file.read_all(), "ONEtwothree");
    }
    {
      const OpenOptions options{.mode = OpenMode::write, .readable = true};
      File file = co_await open_file(path, options);
      EXPECT_EQ(file.size(), 0u);
      co_await file.write("new");
      file.seek(0);
      EXPECT_EQ(co_await file.read_all(), "new");
    }
    EXPECT_THROW((void)co_await (co_await open_file(path)).write("x"), std::system_error);
  });
}

TEST(OpenFile, PermissionsAndInheritanceAreAsAsked) {
  const Folder folder;
  run([&]() -> Task<> {
    const OpenOptions options{.mode = OpenMode::exclusive, .permissions = 0600, .close_on_exec = false};
    File file = co_await open_file(folder / "mine", options);
    struct stat what{};
    EXPECT_EQ(::fstat(file.native_handle(), &what), 0);
    EXPECT_EQ(what.st_mode & 0777, 0600u);
    EXPECT_EQ(::fcntl(file.native_handle(), F_GETFD), 0);
    EXPECT_EQ(::fcntl(file.native_handle(), F_GETFL) & O_NONBLOCK, 0);
    File other = co_await open_file(folder / "mine");
    EXPECT_EQ(::fcntl(other.native_handle(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(::fcntl(other.native_handle(), F_GETFL) & O_NONBLOCK, 0);
  });
}

TEST(OpenFile, AWriterOfAFifoWaitsForItsReaderAndCanBeCancelled) {
  const Folder folder;
  const std::string path = folder / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  run([&]() -> Task<> {
    auto given_up = spawn(open_file(path, OpenMode::write));
    co_await sleep(5ms);
    given_up.cancel();
    EXPECT_THROW((void)co_await given_up, Cancelled);
    auto writing = spawn(open_file(path, OpenMode::write));
    auto reading = spawn(open_file(path));
    File in = co_await std::move(reading);
    File out = co_await std::move(writing);
    EXPECT_THROW(out.seek(1), std::system_error);
    const std::string text = pattern(300'000);  // more than it holds
    auto sending = spawn([&]() -> Task<> {
      co_await out.write(text);
      out.close();
    });
    EXPECT_EQ(co_await in.read_line(400'000), text);
    co_await sending;
  });
}

TEST(OpenFile, AWriterThatComesAndGoesWhileAFifoIsOpenedIsNotMissed) {
  const Folder folder;
  const std::string path = folder / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  run([&]() -> Task<> {
    for (int i = 0; i < 50; ++i) {
      std::jthread writer([&] {
        const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
        EXPECT_EQ(::write(fd, "x", 1), 1);
        ::close(fd);
      });
      File file = co_await open_file(path);
      EXPECT_EQ(co_await file.read_all(), "x");
    }
  });
}

TEST(OpenFile, AWriteToAFifoThatNobodyReadsIsAnErrorAndNoSignal) {
  const Folder folder;
  const std::string path = folder / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  run([&]() -> Task<> {
    File out = co_await open_file(path, OpenMode::write);
    ::close(reader);
    int code = 0;
    EXPECT_EQ(co_await error_of(out.write("x"), code), "write " + path + ": Broken pipe");
    EXPECT_EQ(code, EPIPE);
  });
}

TEST(OpenFile, ACancelMakesAndEmptiesNothing) {
  const Folder folder;
  const std::string path = folder.write("file", "content");
  testing::cancel_everywhere([&]() -> Task<> { static_cast<void>(co_await open_file(path, OpenMode::write)); },
                             [&](const testing::CancelPoint& point) {
                               // A running open is waited for and counts; then its task has not been cancelled.
                               if (point.cancelled) {
                                 EXPECT_EQ(content_of(path), "content");
                               }
                               folder.write("file", "content");
                             });
}

// ---- Writing ----

TEST(FileWrite, WritesAllAndMovesThePosition) {
  const Folder folder;
  const std::string text = pattern(9'000'000);  // several turns of a thread
  run([&]() -> Task<> {
    File file = co_await open_file(folder / "file", OpenMode::keep);
    co_await file.write("head");
    EXPECT_EQ(file.written(), 4u);
    co_await file.write(std::as_bytes(std::span(text)));
    EXPECT_EQ(file.written(), text.size());
    EXPECT_EQ(file.position(), text.size() + 4);
    co_await file.write_at(1, "EA");
    co_await file.write("");
    EXPECT_EQ(file.written(), 0u);
    EXPECT_EQ(file.size(), text.size() + 4);
    co_await file.sync_data();
    co_await file.sync();
    co_await file.truncate(6);
    file.seek(0);
    EXPECT_EQ(co_await file.read_all(), "hEAd" + text.substr(0, 2));
  });
}

TEST(FileWrite, ThreadsAndPoolsWriteToo) {
  const Folder folder;
  std::vector<std::jthread> threads;
  File file = sync_wait(open_file(folder / "file", OpenMode::keep));
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&file, i] {
      const std::string text(1000, static_cast<char>('a' + i));
      for (int k = 0; k < 20; ++k) sync_wait(file.write_at(static_cast<std::uint64_t>(i * 20 + k) * 1000, text));
    });
  }
  threads.clear();
  ThreadPool pool(2);
  pool.run([](File& file) -> Task<> {
    co_await file.write_at(80'000, "end");
    EXPECT_EQ((co_await file.read_all()).size(), 80'003u);
    file.seek(20'000);
    EXPECT_EQ(co_await file.read_exactly(3), "bbb");
    co_await file.write("tail");
    co_await file.sync();
  }(file));
  EXPECT_EQ(content_of(folder / "file").substr(0, 3), "aaa");
  EXPECT_EQ(content_of(folder / "file").substr(20'003, 4), "tail");
}

TEST(FileWrite, ADiskThatIsFullIsNamed) {
  run([]() -> Task<> {
    File full = co_await open_file("/dev/full", OpenMode::update);
    int code = 0;
    EXPECT_EQ(co_await error_of(full.write("x"), code), "write /dev/full: No space left on device");
    EXPECT_EQ(code, ENOSPC);
    EXPECT_EQ(full.written(), 0u);
  });
}

TEST(FileWrite, AfterAnErrorItSaysHowMuchWentOut) {
  const Folder folder;
  const ShortFiles limit(100'000);
  run([&]() -> Task<> {
    File file = co_await open_file(folder / "file", OpenMode::keep);
    co_await file.write("0123456789");
    const std::string text = pattern(150'000);
    int code = 0;
    EXPECT_EQ(co_await error_of(file.write(text), code), "write " + folder / "file" + ": File too large");
    EXPECT_EQ(code, EFBIG);
    EXPECT_EQ(file.written(), 99'990u);
    EXPECT_EQ(file.position(), 100'000u);
    EXPECT_EQ(file.size(), 100'000u);
    co_await error_of(file.truncate(200'000), code);
    EXPECT_EQ(code, EFBIG);
  });
}

TEST(FileWrite, WhatIsCancelledHasWrittenWhatItSays) {
  const Folder folder;
  const std::string text = pattern(9'000'000);
  std::size_t said = 0;
  std::uint64_t position = 0;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        said = position = 0;
        File file = co_await open_file(folder / "file", OpenMode::write);
        struct Look {
          ~Look() {
            said = file.written();
            position = file.position();
          }
          File& file;
          std::size_t& said;
          std::uint64_t& position;
        } const look{file, said, position};
        co_await file.write("12");
        co_await file.write(text);
      },
      [&](const testing::CancelPoint& point) {
        const std::string content = content_of(folder / "file");
        EXPECT_EQ(content.size(), position);
        if (said > 2) {
          EXPECT_TRUE(content == "12" + text.substr(0, said));
        }
        if (!point.cancelled) {
          EXPECT_EQ(said, text.size());
        }
      });
  EXPECT_GT(runs, 4);
}

TEST(FileWrite, SyncAndTruncateOfWhatCantAreErrors) {
  run([]() -> Task<> {
    File null = co_await open_file("/dev/null", OpenMode::update);
    int code = 0;
    EXPECT_EQ(co_await error_of(null.sync(), code), "sync /dev/null: Invalid argument");
    EXPECT_EQ(co_await error_of(null.truncate(1), code), "truncate /dev/null: Invalid argument");
  });
}

TEST(FileWrite, ASecondStrandAtThePositionIsRefused) {
  const Folder folder;
  run([&]() -> Task<> {
    File file = co_await open_file(folder / "file", OpenMode::keep);
    const std::string text = pattern(3'000'000);
    auto writing = spawn(file.write(text));
    co_await yield_now();
    EXPECT_FALSE(writing.done());
    EXPECT_THROW((void)co_await file.read_line(), std::logic_error);
    EXPECT_THROW(file.seek(0), std::logic_error);
    co_await file.write_at(0, "!");
    co_await writing;
    EXPECT_EQ(file.position(), text.size());
  });
}

// ---- The reads that look for something ----

TEST(FileRead, ReadsMayBeMixedAndThePositionIsExact) {
  const Folder folder;
  const std::string path = folder.write("file", "one\ntwo;three\n\nlast");
  run([&]() -> Task<> {
    File file = co_await open_file(path, OpenMode::update);
    EXPECT_EQ(co_await file.read_line(), "one\n");
    EXPECT_EQ(file.position(), 4u);
    EXPECT_EQ(co_await file.read_until(";"), "two;");
    char two[2];
    EXPECT_EQ(co_await file.read_some(two), 2u);
    EXPECT_EQ(std::string(two, 2), "th");
    EXPECT_EQ(co_await file.read_exactly(3), "ree");
    EXPECT_EQ(file.position(), 13u);
    EXPECT_EQ(co_await file.read_all(), "\n\nlast");
    EXPECT_EQ(co_await file.read_all(), "");
    EXPECT_EQ(co_await file.read_line(), "");
    file.seek(4);
    EXPECT_EQ(co_await file.read_until(";"), "two;");
    co_await file.write("THREE");
    EXPECT_EQ(co_await file.read_all(), "\n\nlast");
    file.seek(1000);
    EXPECT_EQ(co_await file.read_all(), "");
  });
  EXPECT_EQ(content_of(path), "one\ntwo;THREE\n\nlast");
}

TEST(FileRead, GivesLinesToTheEnd) {
  const Folder folder;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i) + "\n";
  const std::string path = folder.write("file", text + "last");
  run([&]() -> Task<> {
    File file = co_await open_file(path);
    auto lines = file.lines();
    for (int i = 0; i < 20'000; ++i) EXPECT_EQ(co_await lines.next(), std::to_string(i));
    EXPECT_EQ(co_await lines.next(), "last");
    EXPECT_FALSE((co_await lines.next()).has_value());
    file.seek(2);
    EXPECT_EQ(co_await file.read_line(), "1\n");
  });
}

TEST(FileRead, ErrorsAreThoseOfAStream) {
  const Folder folder;
  const std::string path = folder.write("file", "abc");
  run([&]() -> Task<> {
    File file = co_await open_file(path);
    try {
      static_cast<void>(co_await file.read_exactly(5));
      ADD_FAILURE();
    } catch (const IncompleteReadError& error) {
      EXPECT_EQ(error.partial(), "abc");
      EXPECT_EQ(error.what(), "read " + path + ": it ended after 3 of 5 bytes");
    }
    EXPECT_EQ(file.position(), 3u);
    file.seek(0);
    try {
      static_cast<void>(co_await file.read_line(2));
      ADD_FAILURE();
    } catch (const LimitOverrunError& error) {
      EXPECT_EQ(error.what(), "read " + path + ": a line is longer than 2 bytes");
    }
    EXPECT_EQ(file.position(), 0u);
    EXPECT_EQ(co_await file.read_line(), "abc");
    file.seek(1);
    EXPECT_THROW((void)co_await file.read_until("x"), IncompleteReadError);
    EXPECT_THROW((void)co_await file.read_until(""), std::logic_error);
    file.close();
    EXPECT_THROW((void)co_await file.read_all(), std::system_error);
  });
}

TEST(FileRead, AReadThatIsCancelledLeavesThePosition) {
  const Folder folder;
  const std::string text = pattern(399'999) + "\n";
  const std::string path = folder.write("file", text);
  testing::cancel_everywhere(
      [&]() -> Task<> {
        File file = co_await open_file(path);
        struct Look {
          ~Look() { EXPECT_TRUE(file.position() == 0 || file.position() == size || file.position() == 2 * size); }
          File& file;
          const std::size_t size;
        } const look{file, text.size() / 2};
        static_cast<void>(co_await file.read_exactly(text.size() / 2));
        static_cast<void>(co_await file.read_all());
      },
      [](const testing::CancelPoint&) {});
}

TEST(FileRead, AFifoKeepsWhatWasReadAhead) {
  const Folder folder;
  const std::string path = folder / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int writer = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  run([&]() -> Task<> {
    File file = co_await open_file(path);
    EXPECT_EQ(::write(writer, "one\ntwo", 7), 7);
    EXPECT_EQ(co_await file.read_line(), "one\n");
    auto waiting = spawn(file.read_line());
    co_await sleep(1ms);
    EXPECT_FALSE(waiting.done());
    waiting.cancel();
    EXPECT_THROW((void)co_await waiting, Cancelled);
    ::close(writer);
    EXPECT_EQ(co_await file.read_all(), "two");
  });
}

}  // namespace
}  // namespace plait
