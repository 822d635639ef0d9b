// SPDX-License-Identifier: BSL-1.0
//
// Every read and write of a Stream, over streams with faults: no byte is lost, doubled or moved.
#include "plait/testing/faulty_stream.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "support/descriptors.hpp"
#include "support/pattern.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::connected_pair;
using test::error_of;
using test::open_descriptors;
using test::Pair;
using test::pattern_in_lines;
using test::turns;
using testing::Faults;
using testing::faulty;

/// A pair of whose ends each has its faults.
Task<Pair> faulty_pair(Faults client, Faults server) {
  Pair pair = co_await connected_pair();
  co_return Pair{faulty(std::move(pair.client), client), faulty(std::move(pair.server), server)};
}

Task<std::string> read_in_every_way(Stream& stream) {
  std::string all = co_await stream.read_exactly(100);
  all += co_await stream.read_line();
  char buffer[37];
  for (int i = 0; i < 20; ++i) all.append(buffer, co_await stream.read_some(buffer));
  all += co_await stream.read_until("xe");
  auto lines = stream.lines();
  for (int i = 0; i < 3; ++i) {
    if (auto line = co_await lines.next()) all += *line + "\n";
  }
  all += co_await stream.read_all();
  co_return all;
}

Task<> passes_everything(Faults faults) {
  const std::string text = pattern_in_lines(6'000);
  Pair pair = co_await faulty_pair(faults, faults);
  auto writing = spawn([&]() -> Task<> {
    co_await pair.client.write(std::string_view(text).substr(0, 777));
    co_await pair.client.write(std::string_view(text).substr(777));
    pair.client.shutdown_write();
  });
  const std::string seen = co_await read_in_every_way(pair.server);
  EXPECT_TRUE(seen == text) << seen.size();
  co_await writing;
  EXPECT_EQ(pair.client.written(), text.size() - 777);
  co_await pair.server.write("and back");
  pair.server.close();
  EXPECT_EQ(co_await pair.client.read_all(), "and back");
}

TEST(FaultyStream, LosesNothingOneByteAtATime) {
  run(passes_everything({}));
  ThreadPool(2).run(passes_everything({}));
}

TEST(FaultyStream, LosesNothingWhereCallsStopForNoReason) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    run(passes_everything({.seed = seed, .at_most = 50, .stops = 40}));
    ThreadPool(2).run(passes_everything({.seed = seed, .at_most = 50, .stops = 40}));
  }
}

TEST(FaultyStream, PipesHaveFaultsToo) {
  const std::string text = pattern_in_lines(200'000);
  run([&]() -> Task<> {
    PipeStreams pipe = open_pipe();
    Stream out = faulty(std::move(pipe.read), {.at_most = 3000, .stops = 20});
    auto writing = spawn([&]() -> Task<> {
      Stream in = faulty(std::move(pipe.write), {.at_most = 3000, .stops = 20});
      co_await in.write(text);
    });
    EXPECT_TRUE(co_await out.read_all() == text);
    co_await writing;
  });
}

TEST(FaultyStream, EndsAfterSoManyBytes) {
  run([]() -> Task<> {
    Pair pair = co_await faulty_pair({.at_most = 10}, {.at_most = 7, .end_after = 100});
    co_await pair.client.write(pattern_in_lines(150));
    EXPECT_EQ(co_await pair.server.read_all(), pattern_in_lines(100));
    char buffer[8];
    EXPECT_EQ(co_await pair.server.read_some(buffer), 0u);
    co_await pair.server.write("it still writes");
    EXPECT_EQ(co_await pair.client.read_exactly(15), "it still writes");
  });
}

TEST(FaultyStream, IsResetAfterSoManyBytes) {
  run([]() -> Task<> {
    Pair pair = co_await faulty_pair({.at_most = 10}, {.at_most = 7, .reset_after = 30});
    co_await pair.client.write(pattern_in_lines(50));
    co_await pair.server.write(pattern_in_lines(10));
    EXPECT_EQ(co_await pair.server.read_exactly(20), pattern_in_lines(20));
    int code = 0;
    EXPECT_NE((co_await error_of(pair.server.read_line(), code)).find("read from 127.0.0.1:"), std::string::npos);
    EXPECT_EQ(code, ECONNRESET);
    co_await error_of(pair.server.write("x"), code);
    EXPECT_EQ(code, ECONNRESET);
    EXPECT_EQ(pair.server.written(), 0u);
  });
}

TEST(FaultyStream, AResetInTheMiddleOfAWriteSaysHowMuchWentOut) {
  run([]() -> Task<> {
    Pair pair = co_await faulty_pair({.at_most = 64, .reset_after = 1000}, {});
    int code = 0;
    const std::string text = pattern_in_lines(5000);
    co_await error_of(pair.client.write(text), code);
    EXPECT_EQ(code, ECONNRESET);
    EXPECT_EQ(pair.client.written(), 1000u);
    EXPECT_EQ(co_await pair.server.read_exactly(1000), text.substr(0, 1000));
  });
}

TEST(FaultyStream, CancelledAnywhereAByteIsReadOnceOrStillThere) {
  std::optional<Pair> pair;
  const std::string text = pattern_in_lines(12);
  std::string seen;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        seen.clear();
        pair.emplace(co_await faulty_pair({}, {.at_most = 2, .stops = 30}));
        auto writing = spawn([&]() -> Task<> {
          co_await pair->client.write(text);
          pair->client.shutdown_write();
        });
        for (int i = 0; i < 3; ++i) seen += co_await pair->server.read_exactly(4);
        co_await writing;
      },
      [&](const testing::CancelPoint&) {
        if (!pair) return;
        const std::size_t written = pair->client.written();
        // What went out is with the reader or still to be read.
        std::string rest = run([&]() -> Task<std::string> {
          pair->client.close();
          co_return co_await pair->server.read_all();
        });
        EXPECT_EQ(seen + rest, text.substr(0, written));
      });
  EXPECT_GT(runs, 20);
}

TEST(FaultyStream, TakesOverWhatItIsGivenAndGivesItsDescriptorToNobody) {
  run(turns(1));
  const std::size_t before = open_descriptors();
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    co_await pair.client.write("line\nrest");
    EXPECT_EQ(co_await pair.server.read_line(), "line\n");
    EXPECT_THROW((void)faulty(std::move(pair.server), {}), std::logic_error);
  });
  run([]() -> Task<> {
    Pair pair = co_await connected_pair();
    auto reading = spawn([&]() -> Task<> {
      int code = 0;
      co_await error_of(pair.server.read_line(), code);
      EXPECT_EQ(code, EBADF);
    });
    co_await turns(3);
    EXPECT_THROW((void)faulty(std::move(pair.server), {}), std::logic_error);
    co_await reading;
    Stream client = faulty(std::move(pair.client), {});
    EXPECT_THROW((void)client.release(), std::logic_error);
    EXPECT_THROW((void)faulty(std::move(client), {.at_most = 0}), std::logic_error);
  });
  EXPECT_LE(open_descriptors(), before + 3);  // a loop's own, of which one is cached
}

}  // namespace
}  // namespace plait
