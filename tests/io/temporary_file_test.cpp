// SPDX-License-Identifier: BSL-1.0
#include "plait/io/temporary_file.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "plait/plait.hpp"
#include "plait/testing/cancel_everywhere.hpp"
#include "support/folder.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::error_of;
using test::Folder;

std::size_t names_in(const Folder& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

TEST(TemporaryFile, HasNoNameAndIsReadAndWritten) {
  const Folder folder;
  run([&]() -> Task<> {
    File file = co_await temporary_file({.directory = folder.path()});
    EXPECT_EQ(names_in(folder), 0u);
    struct stat what{};
    EXPECT_EQ(::fstat(file.native_handle(), &what), 0);
    EXPECT_EQ(what.st_nlink, 0u);
    EXPECT_EQ(what.st_mode & 0777, 0600u);
    co_await file.write("content");
    file.seek(0);
    EXPECT_EQ(co_await file.read_all(), "content");
    EXPECT_EQ(file.path(), "a temporary file in " + folder.path());
  });
}

TEST(TemporaryFile, IsMadeWhereTheEnvironmentSays) {
  const Folder folder;
  const char* before = std::getenv("TMPDIR");
  const std::optional<std::string> old = before ? std::optional<std::string>(before) : std::nullopt;
  ::setenv("TMPDIR", folder.path().c_str(), 1);
  {
    NamedTemporaryFile file = sync_wait(named_temporary_file());
    EXPECT_TRUE(file.path().starts_with(folder / "plait-"));
  }
  old ? ::setenv("TMPDIR", old->c_str(), 1) : ::unsetenv("TMPDIR");
}

TEST(TemporaryFile, ANamedOneGoesWithItsObjectUnlessItIsKept) {
  const Folder folder;
  run([&]() -> Task<> {
    auto making = [&] {
      const std::string prefix = "a prefix that is gone before the Task begins, ";
      return named_temporary_file({.directory = folder.path(), .prefix = prefix, .suffix = ".txt"});
    }();
    std::string path;
    {
      NamedTemporaryFile file = co_await std::move(making);
      path = file.path();
      EXPECT_TRUE(path.starts_with(folder / "a prefix that is gone before the Task begins, ")) << path;
      EXPECT_TRUE(path.ends_with(".txt"));
      co_await file.file.write("x");
      EXPECT_EQ(test::content_of(path), "x");
      NamedTemporaryFile moved = std::move(file);
      EXPECT_EQ(moved.path(), path);
      moved.file.close();
      EXPECT_TRUE(std::filesystem::exists(path));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    {
      NamedTemporaryFile file = co_await named_temporary_file({.directory = folder.path()});
      co_await file.file.write("kept");
      path = file.keep();
      EXPECT_EQ(file.path(), "");
    }
    EXPECT_EQ(test::content_of(path), "kept");
  });
}

TEST(TemporaryDirectory, GoesWithAllThatItHolds) {
  const Folder folder;
  const std::string outside = folder.write("outside", "stays");
  ThreadPool pool(1);
  const auto fill = [&](TemporaryDirectory& made) {
    std::filesystem::create_directories(made.path() + "/a/b");
    std::filesystem::create_symlink(outside, made.path() + "/a/link");
    std::filesystem::create_directory_symlink(folder.path(), made.path() + "/folder");
  };
  const auto body = [&]() -> Task<> {
    {
      TemporaryDirectory made = co_await temporary_directory({.directory = folder.path()});
      struct stat what{};
      EXPECT_EQ(::stat(made.path().c_str(), &what), 0);
      EXPECT_EQ(what.st_mode & 0777, 0700u);
      fill(made);
    }
    EXPECT_EQ(names_in(folder), 1u);
    TemporaryDirectory made = co_await temporary_directory({.directory = folder.path()});
    fill(made);
    co_await made.remove();
    EXPECT_EQ(made.path(), "");
    co_await made.remove();
  };
  pool.run(body());
  EXPECT_EQ(names_in(folder), 1u);
  EXPECT_EQ(test::content_of(outside), "stays");
}

TEST(TemporaryFile, WhereNothingCanBeMadeIsNamed) {
  run([]() -> Task<> {
    const TemporaryOptions nowhere{.directory = "/nowhere"};
    int code = 0;
    EXPECT_EQ(co_await error_of(temporary_file(nowhere), code),
              "make a temporary file in /nowhere: No such file or directory");
    EXPECT_TRUE(
        (co_await error_of(named_temporary_file(nowhere), code)).starts_with("make a temporary file: /nowhere/"));
    EXPECT_TRUE(
        (co_await error_of(temporary_directory(nowhere), code)).starts_with("make a temporary directory: /nowhere/"));
    EXPECT_EQ(code, ENOENT);
  });
}

TEST(TemporaryFile, ACancelLeavesNothingBehind) {
  const Folder folder;
  const int runs = testing::cancel_everywhere(
      [&]() -> Task<> {
        const TemporaryOptions here{.directory = folder.path()};
        File file = co_await temporary_file(here);
        NamedTemporaryFile named = co_await named_temporary_file(here);
        TemporaryDirectory directory = co_await temporary_directory(here);
        co_await directory.remove();
      },
      [&](const testing::CancelPoint&) { EXPECT_EQ(names_in(folder), 0u); });
  EXPECT_GE(runs, 8);
}

}  // namespace
}  // namespace plait
