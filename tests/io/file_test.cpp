// SPDX-License-Identifier: BSL-1.0
#include "plait/io/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "plait/io/stream.hpp"
#include "plait/sched/gather.hpp"
#include "plait/sched/run.hpp"
#include "plait/sched/sleep.hpp"
#include "plait/sched/spawn.hpp"
#include "support/descriptors.hpp"

namespace {

using plait::File;
using plait::Task;
using plait::test::open_descriptors;
using namespace std::chrono_literals;

/// A folder that goes away.
class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "plait_file_XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& content) {
    const std::string path = folder_ + "/file";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::string fifo() {
    const std::string path = folder_ + "/fifo";
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    return path;
  }

  std::string folder_;
};

Task<std::string> read_all(File& file, std::size_t at_a_time = 4096) {
  std::string all, buffer(at_a_time, '\0');
  while (const std::size_t n = co_await file.read_some(buffer)) all.append(buffer, 0, n);
  co_return all;
}

/// What a task ends with: a std::system_error's text and code, "cancelled", or nothing.
template <class T>
Task<std::string> error_of(T task, int& code) {
  code = 0;
  try {
    co_await std::move(task);
  } catch (const std::system_error& error) {
    code = error.code().value();
    co_return error.what();
  } catch (const plait::Cancelled&) {
    co_return "cancelled";
  }
  co_return "";
}

TEST_F(FileTest, AFileIsReadToItsEnd) {
  std::string content;
  for (int i = 0; i < 100'000; ++i) content += std::to_string(i);
  const std::string path = write(content);
  plait::run([&]() -> Task<> {
    File file = co_await plait::open_file(path);
    EXPECT_EQ(file.path(), path);
    EXPECT_TRUE(co_await read_all(file, 10'000) == content);
    char more[1];
    EXPECT_EQ(co_await file.read_some(more), 0u);
  });
}

TEST_F(FileTest, ThreadsReadFilesToo) {
  File file = plait::sync_wait(plait::open_file(write("hello")));
  char buffer[16];
  EXPECT_EQ(plait::sync_wait(file.read_some(buffer)), 5u);
}

TEST_F(FileTest, PositionalReadsRunSideBySideAndLeaveThePositionAlone) {
  const std::string path = write("0123456789");
  plait::run([&]() -> Task<> {
    File file = co_await plait::open_file(path);
    auto at = [&](std::uint64_t offset) -> Task<std::string> {
      std::string piece(3, '\0');
      piece.resize(co_await file.read_at(offset, piece));
      co_return piece;
    };
    auto [a, b, c, d] = co_await plait::gather(at(0), at(5), at(9), at(100));
    EXPECT_EQ(a, "012");
    EXPECT_EQ(b, "567");
    EXPECT_EQ(c, "9");
    EXPECT_EQ(d, "");
    EXPECT_EQ(co_await read_all(file), "0123456789");
  });
}

TEST_F(FileTest, FilesOfProcHaveNoSizeAndAreReadAllTheSame) {
  plait::run([]() -> Task<> {
    File file = co_await plait::open_file("/proc/self/status");
    EXPECT_NE((co_await read_all(file)).find("Pid:"), std::string::npos);
    File null = co_await plait::open_file("/dev/null");
    EXPECT_EQ(co_await read_all(null), "");
    File zero = co_await plait::open_file("/dev/zero");
    std::string bytes(100, 'x');
    EXPECT_EQ(co_await zero.read_some(bytes), 100u);
  });
}

TEST_F(FileTest, AFileThatIsNotThereIsNamed) {
  plait::run([&]() -> Task<> {
    int code = 0;
    const std::string text = co_await error_of(plait::open_file(folder_ + "/none"), code);
    EXPECT_EQ(code, ENOENT);
    EXPECT_EQ(text, "open " + folder_ + "/none: No such file or directory");
  });
}

TEST_F(FileTest, ADirectoryIsOpenedButNotRead) {
  plait::run([&]() -> Task<> {
    File file = co_await plait::open_file(folder_);
    int code = 0;
    const std::string text = co_await error_of(read_all(file), code);
    EXPECT_EQ(code, EISDIR);
    EXPECT_EQ(text, "read " + folder_ + ": Is a directory");
  });
}

TEST_F(FileTest, TheLoopTicksWhileAFifoIsOpenedAndRead) {
  const std::string path = fifo();
  plait::run([&]() -> Task<> {
    auto reading = plait::spawn([&]() -> Task<std::string> {
      File file = co_await plait::open_file(path);
      co_return co_await read_all(file);
    });
    int ticks = 0;
    const auto tick = [&](int n) -> Task<> {
      for (int i = 0; i < n; ++i, ++ticks) co_await plait::sleep(1ms);
    };
    co_await tick(20);
    EXPECT_FALSE(reading.done());
    const int writer = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    co_await tick(20);
    EXPECT_FALSE(reading.done());
    EXPECT_EQ(::write(writer, "ab", 2), 2);
    co_await tick(5);
    EXPECT_EQ(::write(writer, "cd", 2), 2);
    ::close(writer);
    EXPECT_EQ(co_await reading, "abcd");
    EXPECT_EQ(ticks, 45);
  });
}

TEST_F(FileTest, AnOpenThatHangsCanBeCancelled) {
  const std::string path = fifo();
  plait::run([&]() -> Task<> {
    auto opening = plait::spawn(plait::open_file(path));
    co_await plait::sleep(10ms);
    opening.cancel();
    int code = 0;
    EXPECT_EQ(co_await error_of(std::move(opening), code), "cancelled");
  });
  // Lets the thread go that may hang in it.
  const int writer = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  ::close(writer);
}

TEST_F(FileTest, AReadThatWaitsForAPipeCanBeCancelledAndLosesNothing) {
  const std::string path = fifo();
  const int writer = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  plait::run([&]() -> Task<> {
    File file = co_await plait::open_file(path);
    char buffer[8];
    auto read = [&]() -> Task<std::size_t> { co_return co_await file.read_some(buffer); };
    auto reading = plait::spawn(read());
    co_await plait::sleep(5ms);
    reading.cancel();
    int code = 0;
    EXPECT_EQ(co_await error_of(std::move(reading), code), "cancelled");
    EXPECT_EQ(::write(writer, "abc", 3), 3);
    EXPECT_EQ(co_await read(), 3u);
  });
  ::close(writer);
}

TEST_F(FileTest, ClosingAPipeEndsTheReadThatWaits) {
  const std::string path = fifo();
  const int writer = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  plait::run([&]() -> Task<> {
    File file = co_await plait::open_file(path);
    auto reading = plait::spawn(read_all(file));
    co_await plait::sleep(5ms);
    file.close();
    int code = 0;
    EXPECT_EQ(co_await error_of(std::move(reading), code), "read " + path + ": Bad file descriptor");
    EXPECT_EQ(code, EBADF);
    EXPECT_EQ(file.native_handle(), -1);
    co_await error_of(plait::spawn([&]() -> Task<> { co_await read_all(file); }), code);
    EXPECT_EQ(code, EBADF);
  });
  ::close(writer);
}

TEST_F(FileTest, ClosingAFileLetsARunningReadFinish) {
  const std::string path = write(std::string(1 << 20, 'x'));
  const std::size_t before = open_descriptors();
  plait::run([&]() -> Task<> {
    for (int i = 0; i < 20; ++i) {
      auto file = std::make_unique<File>(co_await plait::open_file(path));
      std::string buffer(1 << 20, '\0');
      auto reading = plait::spawn([&]() -> Task<std::size_t> { co_return co_await file->read_some(buffer); });
      co_await plait::yield_now();
      file.reset();
      EXPECT_EQ(co_await reading, buffer.size());
    }
  });
  plait::run([]() -> Task<> { co_return; });
  EXPECT_LE(open_descriptors(), before + 4);  // the loop's own
}

TEST_F(FileTest, ACancelledScopeNeitherOpensNorReads) {
  const std::string path = write("hello");
  plait::run([&]() -> Task<> {
    File file = co_await plait::open_file(path);
    int code = 0;
    auto reading = plait::spawn(read_all(file));
    reading.cancel();
    EXPECT_EQ(co_await error_of(std::move(reading), code), "cancelled");
    auto opening = plait::spawn(plait::open_file(path));
    opening.cancel();
    EXPECT_EQ(co_await error_of(std::move(opening), code), "cancelled");
    EXPECT_EQ(co_await read_all(file), "hello");
  });
}

TEST_F(FileTest, AdoptsADescriptorFromItsBeginning) {
  const std::string path = write("hello");
  plait::os::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::lseek(fd.get(), 3, SEEK_SET), 3);
  const int number = fd.get();
  plait::run([&]() -> Task<> {
    File file = plait::adopt_file(std::move(fd), "a name");
    EXPECT_EQ(file.native_handle(), number);
    EXPECT_EQ(file.path(), "a name");
    EXPECT_EQ(co_await file.read_all(), "hello");
  });
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  EXPECT_THROW(static_cast<void>(plait::adopt_file(plait::os::Fd(), "nothing")), std::system_error);
}

TEST_F(FileTest, ManyFilesAreReadSideBySide) {
  const std::string path = write(std::string(100'000, 'x'));
  plait::run([&]() -> Task<> {
    auto size = [&]() -> Task<std::size_t> {
      File file = co_await plait::open_file(path);
      co_return (co_await read_all(file)).size();
    };
    std::vector<Task<std::size_t>> tasks;
    for (int i = 0; i < 300; ++i) tasks.push_back(size());
    for (std::size_t n : co_await plait::gather(std::move(tasks))) EXPECT_EQ(n, 100'000u);
  });
}

}  // namespace
