// SPDX-License-Identifier: BSL-1.0
//
// Streams over pipes, and what all Streams do with their buffer. On the poller that the environment chooses.
#include "plait/io/pipe.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "plait/thread/thread_pool.hpp"
#include "support/descriptors.hpp"
#include "support/pattern.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::error_of;
using test::open_descriptors;
using test::pattern;
using test::turns;

TEST(Pipe, GivesWhatWasWrittenAndThenTheEnd) {
  run([]() -> Task<> {
    PipeStreams pipe = open_pipe();
    co_await pipe.write.write("hello");
    char buffer[16];
    EXPECT_EQ(co_await pipe.read.read_some(buffer), 5u);
    EXPECT_EQ(std::string(buffer, 5), "hello");
    pipe.write.close();
    EXPECT_EQ(co_await pipe.read.read_some(buffer), 0u);
    EXPECT_EQ(co_await pipe.read.read_some(buffer), 0u);
  });
}

TEST(Pipe, WaitsForTheOtherEndBothWays) {
  const std::string text = pattern(3'000'000);  // far more than a pipe holds
  run([&]() -> Task<> {
    PipeStreams pipe = open_pipe();
    auto writing = spawn([&]() -> Task<> {
      co_await pipe.write.write(text);
      pipe.write.close();
    });
    EXPECT_EQ(co_await pipe.read.read_all(), text);
    co_await writing;
  });
}

TEST(Pipe, LeavesNoDescriptorBehind) {
  run(turns(1));
  const std::size_t before = open_descriptors();
  run([&]() -> Task<> {
    for (int i = 0; i < 10; ++i) {
      PipeStreams pipe = open_pipe();
      co_await pipe.write.write("x");
      pipe.write.shutdown_write();
      EXPECT_EQ(co_await pipe.read.read_all(), "x");
    }
  });
  EXPECT_LE(open_descriptors(), before + 3);  // a loop's own, of which one is cached
}

TEST(Pipe, AWriteThatNobodyReadsIsAnErrorAndNoSignal) {
  run([]() -> Task<> {
    PipeStreams pipe = open_pipe();
    pipe.read.close();
    int code = 0;
    EXPECT_EQ(co_await error_of(pipe.write.write("x"), code), "write to the writing end of a pipe: Broken pipe");
    EXPECT_EQ(code, EPIPE);
  });
}

TEST(Pipe, AWriteThatWaitsEndsWhenTheReaderCloses) {
  run([]() -> Task<> {
    PipeStreams pipe = open_pipe();
    const std::string text = pattern(1'000'000);
    auto writing = spawn([&]() -> Task<> {
      int code = 0;
      co_await error_of(pipe.write.write(text), code);
      EXPECT_EQ(code, EPIPE);
    });
    co_await turns(5);
    EXPECT_FALSE(writing.done());
    pipe.read.close();
    co_await writing;
    EXPECT_GT(pipe.write.written(), 0u);
    EXPECT_LT(pipe.write.written(), text.size());
  });
}

TEST(Pipe, AWriteRaisesNoSignalWhereTheKernelHasNoFlagForThatEither) {
  // A signal that was pending before is still pending, and one of the write is not.
  sigset_t pipe, before, pending;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  run([]() -> Task<> {
    PipeStreams ends = open_pipe();
    ends.read.close();
    int code = 0;
    co_await error_of(ends.write.write("x"), code);
    EXPECT_EQ(code, EPIPE);
  });
  ::sigpending(&pending);
  EXPECT_FALSE(::sigismember(&pending, SIGPIPE));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Pipe, ACloseEndsTheReadThatWaits) {
  run([]() -> Task<> {
    PipeStreams pipe = open_pipe();
    auto reading = spawn([&]() -> Task<> {
      int code = 0;
      co_await error_of(pipe.read.read_line(), code);
      EXPECT_EQ(code, EBADF);
    });
    co_await turns(3);
    pipe.read.close();
    co_await reading;
  });
}

TEST(Pipe, ASecondReaderIsRefused) {
  run([]() -> Task<> {
    PipeStreams pipe = open_pipe();
    auto reading = spawn(pipe.read.read_line());
    co_await turns(3);
    EXPECT_THROW((void)co_await pipe.read.read_line(), std::logic_error);
    reading.cancel();
    EXPECT_THROW((void)co_await reading, Cancelled);
  });
}

TEST(Pipe, ServesTwoThreads) {
  const std::string text = pattern(1'000'000);
  PipeStreams pipe = open_pipe();
  std::thread writer([&] {
    sync_wait(pipe.write.write(text));
    pipe.write.close();
  });
  EXPECT_EQ(sync_wait(pipe.read.read_all()), text);
  writer.join();
}

TEST(Pipe, ServesTasksOfAPool) {
  const std::string text = pattern(1'000'000);
  ThreadPool pool(2);
  PipeStreams pipe = open_pipe();
  const auto both = [&]() -> Task<> {
    auto writing = spawn([&]() -> Task<> {
      co_await pipe.write.write(text);
      pipe.write.close();
    });
    EXPECT_EQ(co_await pipe.read.read_all(), text);
    co_await writing;
  };
  pool.run(both());
}

// ---- The reads that look for something ----

/// What a task reads from a pipe into which `chunks` are written one after the other.
template <class Read>
void with_chunks(std::vector<std::string> chunks, Read read) {
  run([&]() -> Task<> {
    PipeStreams pipe = open_pipe();
    auto writing = spawn([&]() -> Task<> {
      for (const std::string& chunk : chunks) {
        co_await pipe.write.write(chunk);
        co_await turns(4);
      }
      pipe.write.close();
    });
    co_await read(pipe.read);
    pipe.read.close();
    try {
      co_await writing;
    } catch (const std::system_error&) {  // nobody read it all
    }
  });
}

TEST(Stream, ReadsLinesWithTheirNewlineAndTheLastAsItIs) {
  with_chunks({"on", "e\ntwo\n\nfour", "\nlast"}, [](Stream& in) -> Task<> {
    EXPECT_EQ(co_await in.read_line(), "one\n");
    EXPECT_EQ(co_await in.read_line(), "two\n");
    EXPECT_EQ(co_await in.read_line(), "\n");
    EXPECT_EQ(co_await in.read_line(), "four\n");
    EXPECT_EQ(co_await in.read_line(), "last");
    EXPECT_EQ(co_await in.read_line(), "");
  });
}

TEST(Stream, GivesLinesAsTheyCome) {
  with_chunks({"a\nb", "\n\nc"}, [](Stream& in) -> Task<> {
    std::vector<std::string> all;
    auto lines = in.lines();
    while (auto line = co_await lines.next()) all.push_back(*line);
    EXPECT_EQ(all, (std::vector<std::string>{"a", "b", "", "c"}));
  });
}

TEST(Stream, ReadsExactlyWhatWasAskedFor) {
  with_chunks({"abc", "defgh"}, [](Stream& in) -> Task<> {
    EXPECT_EQ(co_await in.read_exactly(0), "");
    EXPECT_EQ(co_await in.read_exactly(4), "abcd");
    EXPECT_EQ(co_await in.read_exactly(2), "ef");
    try {
      co_await in.read_exactly(10);
      ADD_FAILURE();
    } catch (const IncompleteReadError& error) {
      EXPECT_EQ(error.partial(), "gh");
      EXPECT_STREQ(error.what(), "read from the reading end of a pipe: it ended after 2 of 10 bytes");
    }
    EXPECT_EQ(co_await in.read_exactly(0), "");
  });
}

TEST(Stream, FindsASeparatorThatComesInPieces) {
  with_chunks({"head\r", "\n\r\nbody\r\n\r", "\nrest"}, [](Stream& in) -> Task<> {
    EXPECT_EQ(co_await in.read_until("\r\n\r\n"), "head\r\n\r\n");
    EXPECT_EQ(co_await in.read_until("\r\n\r\n"), "body\r\n\r\n");
    try {
      co_await in.read_until("\r\n");
      ADD_FAILURE();
    } catch (const IncompleteReadError& error) {
      EXPECT_EQ(error.partial(), "rest");
    }
  });
}

TEST(Stream, KeepsAllWhenASeparatorIsBeyondTheLimit) {
  with_chunks({"123456789\nabc"}, [](Stream& in) -> Task<> {
    try {
      co_await in.read_until("\n", 5);
      ADD_FAILURE();
    } catch (const LimitOverrunError& error) {
      EXPECT_EQ(error.buffered(), in.buffered());
    }
    EXPECT_THROW((void)co_await in.read_line(9), LimitOverrunError);
    EXPECT_EQ(co_await in.read_line(10), "123456789\n");
    EXPECT_EQ(co_await in.read_all(), "abc");
  });
}

TEST(Stream, RefusesAnEmptySeparator) {
  with_chunks({"x"}, [](Stream& in) -> Task<> { EXPECT_THROW((void)co_await in.read_until(""), std::logic_error); });
}

TEST(Stream, MixesItsReads) {
  with_chunks({"line\n12345rest of it"}, [](Stream& in) -> Task<> {
    EXPECT_EQ(co_await in.read_line(), "line\n");
    char few[3];
    EXPECT_EQ(co_await in.read_some(few), 3u);
    EXPECT_EQ(std::string(few, 3), "123");
    EXPECT_EQ(co_await in.read_exactly(2), "45");
    EXPECT_EQ(co_await in.read_all(), "rest of it");
  });
}

TEST(Stream, HasNoBufferWhileItWaits) {
  run([]() -> Task<> {
    PipeStreams pipe = open_pipe();
    auto reading = spawn(pipe.read.read_line());
    co_await turns(3);
    EXPECT_EQ(pipe.read.buffered(), 0u);
    co_await pipe.write.write("half");
    while (pipe.read.buffered() != 4) co_await yield_now();
    co_await pipe.write.write(" done\n");
    EXPECT_EQ(co_await reading, "half done\n");
    EXPECT_EQ(pipe.read.buffered(), 0u);
  });
}

TEST(Stream, ALineThatIsThereAlreadyIsACheckpointToo) {
  with_chunks({"a\nb\nc\n"}, [](Stream& in) -> Task<> {
    EXPECT_EQ(co_await in.read_line(), "a\n");
    auto reading = spawn([&]() -> Task<> { co_await in.read_line(); });
    reading.cancel();
    while (!reading.done()) co_await yield_now();
    EXPECT_TRUE(reading.cancelled());
    EXPECT_EQ(co_await in.read_line(), "b\n");
  });
}

TEST(Stream, LosesNothingWhereverAReadIsCancelled) {
  std::optional<PipeStreams> pipe;
  std::string sent, seen;
  const std::string text = "first line\nsecond\nthird and last, without an end";
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        pipe.emplace(open_pipe());
        sent.clear();
        seen.clear();
        Future<void> writing = spawn([&]() -> Task<> {
          for (const char& c : text) {
            co_await pipe->write.write(std::string_view(&c, 1));
            sent += c;
            co_await turns(1);
          }
          pipe->write.close();
        });
        seen += co_await pipe->read.read_line();
        seen += co_await pipe->read.read_exactly(3);
        seen += co_await pipe->read.read_until("\n");
        seen += co_await pipe->read.read_all();
        co_await writing;
      },
      [&](const testing::CancelPoint& point) {
        pipe->write.close();
        seen += sync_wait(pipe->read.read_all());
        EXPECT_EQ(seen, sent) << point.text();
        EXPECT_TRUE(point.cancelled || seen == text) << point.text();
      });
  EXPECT_GT(runs, 20);
}

TEST(Stream, ReleasesItsDescriptorUnlessBytesWouldBeLost) {
  run([]() -> Task<> {
    PipeStreams pipe = open_pipe();
    co_await pipe.write.write("a\nb");
    EXPECT_EQ(co_await pipe.read.read_line(), "a\n");
    EXPECT_THROW((void)pipe.read.release(), std::logic_error);
    EXPECT_EQ(co_await pipe.read.read_exactly(1), "b");
    EXPECT_TRUE(pipe.read.release().valid());
    EXPECT_EQ(pipe.read.native_handle(), -1);
  });
}

}  // namespace
}  // namespace plait
