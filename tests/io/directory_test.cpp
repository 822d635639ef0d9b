// SPDX-License-Identifier: BSL-1.0
#include "plait/io/directory.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/plait.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "support/descriptors.hpp"
#include "support/folder.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::error_of;
using test::Folder;

/// A folder with a file, a link to itself, and two directories, one in the other.
class WalkTest : public ::testing::Test {
 protected:
  WalkTest() {
    std::filesystem::create_directories(folder / "a/b");
    folder.write("one", "1");
    folder.write("a/two", "2");
    folder.write("a/b/three", "3");
    EXPECT_EQ(::symlink("..", (folder / "a/up").c_str()), 0);
    EXPECT_EQ(::symlink("nowhere", (folder / "a/dead").c_str()), 0);
    EXPECT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  }
  /// The paths below the folder.
  Task<std::map<std::string, FileType>> found(AsyncGenerator<DirectoryEntry> entries) {
    std::map<std::string, FileType> all;
    while (auto entry = co_await entries.next()) {
      EXPECT_TRUE(entry->path.ends_with("/" + std::string(entry->name())));
      EXPECT_TRUE(all.emplace(entry->path.substr(folder.path().size() + 1), entry->type).second) << entry->path;
    }
    co_return all;
  }

  Folder folder;
};

using Found = std::map<std::string, FileType>;

TEST_F(WalkTest, FindsAllAndFollowsNoLinks) {
  run([&]() -> Task<> {
    const Found all{{"one", FileType::file},       {"a", FileType::directory}, {"a/two", FileType::file},
                    {"a/up", FileType::link},      {"a/dead", FileType::link}, {"a/b", FileType::directory},
                    {"a/b/three", FileType::file}, {"fifo", FileType::fifo}};
    EXPECT_EQ(co_await found(walk(folder.path())), all);
  });
}

TEST_F(WalkTest, EntersADirectoryBehindALinkOnce) {
  run([&]() -> Task<> {
    const WalkOptions options{.follow_links = true};
    const Found all = co_await found(walk(folder.path(), options));
    EXPECT_EQ(all.size(), 8u);
    EXPECT_EQ(all.at("a/up"), FileType::directory);
    EXPECT_EQ(all.at("a/dead"), FileType::link);
  });
}

TEST_F(WalkTest, GoesAsDeepAsItMay) {
  run([&]() -> Task<> {
    EXPECT_EQ((co_await found(read_directory(folder.path()))).size(), 3u);
    const WalkOptions one{.max_depth = 1};
    EXPECT_EQ((co_await found(walk(folder.path(), one))).size(), 7u);
    const WalkOptions chosen{.enter = [](const std::string& path) { return !path.ends_with("/b"); }};
    EXPECT_EQ((co_await found(walk(folder.path(), chosen))).size(), 7u);
    auto entries = walk(folder.path());
    while (auto entry = co_await entries.next()) {
      const auto slashes = std::count(entry->path.begin(), entry->path.end(), '/');
      EXPECT_EQ(entry->depth, slashes - std::count(folder.path().begin(), folder.path().end(), '/') - 1);
    }
  });
}

TEST_F(WalkTest, ADirectoryComesBeforeWhatItHolds) {
  run([&]() -> Task<> {
    std::set<std::string> seen{folder.path()};
    auto entries = walk(folder.path());
    while (auto entry = co_await entries.next()) {
      EXPECT_TRUE(seen.contains(entry->path.substr(0, entry->path.rfind('/'))));
      seen.insert(entry->path);
    }
  });
}

TEST_F(WalkTest, WhatCantBeReadIsAnErrorOrNotAsAsked) {
  // A directory that is there when it is seen and gone when it is to be entered: root may read all others.
  const WalkOptions raise{.enter = [](const std::string& path) {
    std::filesystem::remove_all(path);
    return true;
  }};
  WalkOptions skip = raise, report = raise;
  skip.errors = WalkErrors::skip;
  report.errors = WalkErrors::report;
  run([&]() -> Task<> {
    int code = 0;
    EXPECT_EQ(co_await error_of(found(walk(folder / "none", skip)), code),
              "read directory " + folder / "none" + ": No such file or directory");
    EXPECT_EQ(co_await error_of(found(walk(folder.path(), raise)), code),
              "read directory " + folder / "a" + ": No such file or directory");
    std::filesystem::create_directory(folder / "a");
    EXPECT_EQ((co_await found(walk(folder.path(), skip))).size(), 3u);
    std::filesystem::create_directory(folder / "a");
    int errors = 0;
    auto entries = walk(folder.path(), report);
    while (auto entry = co_await entries.next()) {
      if (!entry->error) continue;
      ++errors;
      EXPECT_EQ(entry->path, folder / "a");
      EXPECT_EQ(entry->name(), "a");
      EXPECT_EQ(entry->depth, 0);
      EXPECT_EQ(entry->error.value(), ENOENT);
    }
    EXPECT_EQ(errors, 1);
    EXPECT_EQ(co_await error_of(found(read_directory(folder / "one")), code),
              "read directory " + folder / "one" + ": Not a directory");
  });
}

TEST_F(WalkTest, ManyEntriesComeFromPoolsAndThreadsToo) {
  for (int i = 0; i < 400; ++i) folder.write("a/" + std::to_string(i), "");
  const std::size_t before = test::open_descriptors();
  EXPECT_EQ(sync_wait(found(walk(folder.path()))).size(), 408u);
  ThreadPool pool(2);
  EXPECT_EQ(pool.run(found(walk(folder.path()))).size(), 408u);
  EXPECT_LE(test::open_descriptors(), before + 6);  // loops'
}

TEST_F(WalkTest, CanBeCancelledEverywhereAndLeftEarly) {
  for (int i = 0; i < 80; ++i) std::filesystem::create_directory(folder / ("a/" + std::to_string(i)));
  const std::size_t before = test::open_descriptors();
  std::size_t count = 0;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        count = 0;
        auto entries = walk(folder.path());
        while (auto entry = co_await entries.next()) ++count;
      },
      [&](const testing::CancelPoint& point) { EXPECT_TRUE(point.cancelled || count == 88) << point.text(); });
  EXPECT_GE(runs, 4);
  run([&]() -> Task<> {
    auto entries = walk(folder.path());
    EXPECT_TRUE((co_await entries.next()).has_value());
    co_await entries.aclose();
    EXPECT_FALSE((co_await entries.next()).has_value());
  });
  EXPECT_LE(test::open_descriptors(), before + 4);
}

TEST(Directory, IsMadeRenamedAndRemoved) {
  const Folder folder;
  run([&]() -> Task<> {
    int code = 0;
    EXPECT_EQ(co_await error_of(make_directory(folder / "x/y"), code),
              "make directory " + folder / "x/y" + ": No such file or directory");
    const MakeDirectoryOptions parents{.parents = true};
    co_await make_directory(folder / "x/y//z/", parents);
    co_await make_directory(folder / "x/y/z", parents);
    EXPECT_TRUE(std::filesystem::is_directory(folder / "x/y/z"));
    co_await error_of(make_directory(folder / "x"), code);
    EXPECT_EQ(code, EEXIST);
    folder.write("file", "1");
    folder.write("other", "2");
    co_await error_of(make_directory(folder / "file", parents), code);
    EXPECT_EQ(code, EEXIST);
    EXPECT_EQ(co_await error_of(rename_file(folder / "file", folder / "other", false), code),
              "rename " + folder / "file" + " to " + folder / "other" + ": File exists");
    co_await rename_file(folder / "file", folder / "other");
    EXPECT_EQ(test::content_of(folder / "other"), "1");
    co_await remove_file(folder / "other");
    EXPECT_EQ(co_await error_of(remove_file(folder / "other"), code),
              "remove " + folder / "other" + ": No such file or directory");
    co_await remove_directory(folder / "x/y/z");
    EXPECT_EQ(co_await error_of(remove_directory(folder / "x"), code),
              "remove directory " + folder / "x" + ": Directory not empty");
  });
}

}  // namespace
}  // namespace plait
