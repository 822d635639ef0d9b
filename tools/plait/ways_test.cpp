// SPDX-License-Identifier: BSL-1.0
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "parts.hpp"
#include "reasons.hpp"
#include "test_support.hpp"

namespace plait::tool {
namespace {

class WaysTest : public ::testing::TestWithParam<Way> {};

INSTANTIATE_TEST_SUITE_P(All, WaysTest, ::testing::ValuesIn(kWays), [](const auto& info) {
  std::string name(way_name(info.param));
  name.erase(std::remove(name.begin(), name.end(), '+'), name.end());
  return name;
});

TEST_P(WaysTest, FindTheDigestsOfPlainReading) {
  testing::TempDirectory directory;
  NameList names;
  for (int i = 0; i < 100; ++i)
    names.add(directory.write(std::to_string(i), std::string(static_cast<std::size_t>(i * i), 'x')));
  names.add(directory.write("large", std::string(3 * HashBench::kBufferSize + 1, 'y')));
  const Board board(names.size());
  const Sample sample = hash_files(GetParam(), names, board);
  HashBench bench;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const FileResult expected = hash_file(names[i], bench);
    EXPECT_EQ(board.results()[i].settled, 1U);
    EXPECT_EQ(board.results()[i].reason, kRead);
    EXPECT_EQ(board.results()[i].size, expected.size);
    EXPECT_EQ(to_hex(board.results()[i].digest), to_hex(expected.digest)) << names[i];
  }
  EXPECT_EQ(board.progress().items.load(), names.size());
  EXPECT_GT(sample.wall_s, 0);
}

TEST_P(WaysTest, GoOnWhenFilesVanishOrBecomeSomethingElse) {
  testing::TempDirectory directory;
  NameList names;
  names.add(directory.write("first", "1"));
  names.add(directory / "vanished");
  names.add(directory.path().string());
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  names.add(directory / "fifo");
  ASSERT_EQ(::symlink("loop", (directory / "loop").c_str()), 0);
  names.add(directory / "loop");
  names.add(directory.write("last", "1"));
  const Board board(names.size());
  hash_files(GetParam(), names, board);
  const std::span<FileResult> results = board.results();
  EXPECT_EQ(results[0].reason, kRead);
  EXPECT_EQ(results[1].reason, ENOENT);
  EXPECT_EQ(results[2].reason, kNotRegular);
  EXPECT_EQ(results[3].reason, kFifo);
  EXPECT_EQ(results[4].reason, ELOOP);
  EXPECT_EQ(results[5].reason, kRead);
  EXPECT_EQ(results[5].digest, results[0].digest);
}

TEST_P(WaysTest, HaveNothingToDoInAnEmptyTree) {
  const Board board(0);
  EXPECT_GE(hash_files(GetParam(), NameList(), board).wall_s, 0);
}

}  // namespace
}  // namespace plait::tool
