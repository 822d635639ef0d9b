// SPDX-License-Identifier: BSL-1.0
#include "plait/io/watch_path.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "plait/plait.hpp"
#include "support/descriptors.hpp"
#include "support/folder.hpp"
#include "support/tasks.hpp"
#include "support/tcp.hpp"

namespace plait {
namespace {

using test::Folder;
using test::turns;

TEST(WatchPath, TellsWhatHappensInOrderFromTheCallOn) {
  const Folder folder;
  const auto body = [&]() -> Task<> {
    auto events = watch_path(folder.path());
    folder.write("file", "x");
    std::filesystem::rename(folder / "file", folder / "other");
    std::filesystem::create_directory(folder / "folder");
    std::filesystem::remove(folder / "folder");
    std::filesystem::remove(folder / "other");
    const auto expect = [&](const char* name, PathEvents what) -> Task<std::uint32_t> {
      auto event = co_await events.next();
      EXPECT_TRUE(event.has_value());
      EXPECT_EQ(event->path, folder / name);
      EXPECT_EQ(event->what, what);
      co_return event->cookie;
    };
    EXPECT_EQ(co_await expect("file", PathEvents::created), 0u);
    co_await expect("file", PathEvents::modified);
    co_await expect("file", PathEvents::closed_written);
    const std::uint32_t cookie = co_await expect("file", PathEvents::moved_from);
    EXPECT_NE(cookie, 0u);
    EXPECT_EQ(co_await expect("other", PathEvents::moved_to), cookie);
    co_await expect("folder", PathEvents::created | PathEvents::directory);
    co_await expect("folder", PathEvents::deleted | PathEvents::directory);
    co_await expect("other", PathEvents::deleted);
  };
  run(body());
  ThreadPool pool(1);
  pool.run(body());
}

TEST(WatchPath, EndsWhenWhatItWatchesIsGone) {
  const Folder folder;
  const std::string path = folder.write("file", "x");
  run([&]() -> Task<> {
    auto events = watch_path(path, PathEvents::deleted_itself);
    auto first = spawn([&]() -> Task<std::string> { co_return (co_await events.next())->path; });
    co_await turns(3);
    EXPECT_FALSE(first.done());
    std::filesystem::remove(path);
    EXPECT_EQ(co_await first, path);
    EXPECT_FALSE((co_await events.next()).has_value());
  });
}

TEST(WatchPath, OnlyWhatIsAskedForIsTold) {
  const Folder folder;
  run([&]() -> Task<> {
    auto events = watch_path(folder.path(), PathEvents::deleted);
    folder.write("file", "x");
    std::filesystem::remove(folder / "file");
    auto event = co_await events.next();
    EXPECT_TRUE(has(event->what, PathEvents::deleted));
    EXPECT_FALSE(has(event->what, PathEvents::created));
  });
}

TEST(WatchPath, LostEventsAreTold) {
  const Folder folder;
  const std::string path = folder.write("file", "");
  run([&]() -> Task<> {
    auto events = watch_path(path, PathEvents::opened | PathEvents::closed_read);
    const std::size_t most = std::stoul(test::content_of("/proc/sys/fs/inotify/max_queued_events"));
    for (std::size_t i = 0; i <= most; i += 2) std::ifstream file(path);
    std::size_t told = 0;
    while (auto event = co_await events.next()) {
      ++told;
      if (!has(event->what, PathEvents::overflow)) continue;
      EXPECT_EQ(event->path, path);
      break;
    }
    EXPECT_EQ(told, most + 1);
  });
}

TEST(WatchPath, ErrorsNameThePathAndNothingIsLeftOpen) {
  const std::size_t before = test::open_descriptors();
  EXPECT_THROW((void)watch_path("/nowhere"), std::system_error);
  EXPECT_EQ(test::open_descriptors(), before);
  try {
    static_cast<void>(watch_path("/nowhere"));
  } catch (const std::system_error& error) {
    EXPECT_STREQ(error.what(), "watch /nowhere: No such file or directory");
  }
  run([]() -> Task<> {
    const Folder folder;
    auto events = watch_path(folder.path());
    auto waiting = spawn([&]() -> Task<> { co_await events.next(); });
    co_await turns(3);
    waiting.cancel();
    EXPECT_THROW(co_await waiting, Cancelled);
    EXPECT_FALSE((co_await events.next()).has_value());
  });
  EXPECT_LE(test::open_descriptors(), before + 3);
}

}  // namespace
}  // namespace plait
