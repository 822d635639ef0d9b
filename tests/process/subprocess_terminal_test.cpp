// SPDX-License-Identifier: BSL-1.0
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <system_error>

#include "plait/plait.hpp"
#include "plait/process/subprocess.hpp"

namespace plait {
namespace {

/// What the program writes until it has ended.
Task<std::string> all_of(subprocess::Child& child) {
  std::string text = co_await child.terminal().read_all();
  EXPECT_EQ(co_await child.wait(), 0);
  co_return text;
}

TEST(SubprocessTerminal, IsWhereTheProgramReadsAndWrites) {
  run([]() -> Task<> {
    auto child = co_await subprocess::spawn(
        {"sh", "-c", "test -t 0 && test -t 1 && test -t 2 && read x && echo got $x"}, {.terminal = true});
    co_await child.terminal().write("this\n");
    EXPECT_EQ(co_await all_of(child), "this\r\ngot this\r\n");
  });
}

TEST(SubprocessTerminal, IsThatOfItsSession) {
  run([]() -> Task<> {
    auto child = co_await subprocess::spawn({"sh", "-c", "echo asked > /dev/tty; tty"}, {.terminal = true});
    const std::string text = co_await all_of(child);
    EXPECT_TRUE(text.starts_with("asked\r\n/dev/pts/")) << text;
  });
}

TEST(SubprocessTerminal, HasASizeThatMayChange) {
  run([]() -> Task<> {
    auto child = co_await subprocess::spawn({"sh", "-c", "stty size; read x; stty size"},
                                            {.terminal = true, .terminal_size = {.columns = 100, .rows = 30}});
    EXPECT_EQ(co_await child.terminal().read_line(), "30 100\r\n");
    child.resize_terminal({.columns = 60, .rows = 20});
    co_await child.terminal().write("\n");
    EXPECT_EQ(co_await all_of(child), "\r\n20 60\r\n");
  });
}

TEST(SubprocessTerminal, TypesControlCharacters) {
  run([]() -> Task<> {
    auto child = co_await subprocess::spawn({"sh", "-c", "echo ready; exec cat"}, {.terminal = true});
    EXPECT_EQ(co_await child.terminal().read_line(), "ready\r\n");
    co_await child.terminal().write("\x03");
    EXPECT_EQ(co_await child.wait(), -2);
    auto reader = co_await subprocess::spawn({"cat"}, {.terminal = true});
    co_await reader.terminal().write("a\n\x04");
    EXPECT_EQ(co_await all_of(reader), "a\r\na\r\n");
  });
}

TEST(SubprocessTerminal, LeavesOtherStreamsAlone) {
  run([]() -> Task<> {
    auto child = co_await subprocess::spawn({"sh", "-c", "test -t 0 && ! test -t 1 && echo out && echo err >&2"},
                                            {.out = subprocess::Pipe, .terminal = true});
    EXPECT_EQ(co_await child.out().read_all(), "out\n");
    EXPECT_EQ(co_await all_of(child), "err\r\n");
  });
}

TEST(SubprocessTerminal, RefusesWhatItCanNotDo) {
  run([]() -> Task<> {
    using namespace subprocess;
    EXPECT_THROW(static_cast<void>(subprocess::run({"true"}, {.terminal = true})), std::logic_error);
    EXPECT_THROW(static_cast<void>(spawn({"true"}, {.in = Null, .out = Null, .err = Null, .terminal = true})),
                 std::logic_error);
    EXPECT_THROW(static_cast<void>(spawn({"true"}, {.terminal_size = {.columns = 3, .rows = 3}})), std::logic_error);
    auto child = co_await spawn({"true"}, {.terminal = true});
    EXPECT_THROW(child.terminal().shutdown_write(), std::system_error);
    EXPECT_EQ(co_await child.wait(), 0);
    EXPECT_EQ(co_await child.terminal().read_all(), "");
    co_await child.terminal().write("to nobody");
    auto plain = co_await spawn({"true"});
    EXPECT_THROW(static_cast<void>(plain.terminal()), std::logic_error);
    EXPECT_EQ(co_await plain.wait(), 0);
  });
}

}  // namespace
}  // namespace plait
