// SPDX-License-Identifier: BSL-1.0
#include "tree.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "reasons.hpp"
#include "test_support.hpp"

namespace plait::tool {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> below(const testing::TempDirectory& root, const Tree& tree) {
  std::vector<std::string> names;
  names.reserve(tree.files.size());
  for (std::size_t i = 0; i < tree.files.size(); ++i) {
    names.emplace_back(std::string(tree.files[i]).substr(root.path().string().size() + 1));
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(TreeTest, FindsEveryFileOnceInTheOrderOfItsNames) {
  testing::TempDirectory root;
  for (const char* name : {"z", "a/2", "a/1", "a/b/c/deep", ".hidden"}) root.write(name, "four");
  const Tree tree = walk(root.path().string());
  EXPECT_EQ(below(root, tree), (Names{".hidden", "a/1", "a/2", "a/b/c/deep", "z"}));
  EXPECT_EQ(tree.bytes, 20U);
  EXPECT_TRUE(tree.unread.empty());
}

TEST(TreeTest, NamesAreThoseOfFind) {
  testing::TempDirectory root;
  root.write("a/file", "");
  EXPECT_EQ(walk(root.path().string() + "/").files[0], root / "a/file");
  EXPECT_EQ(walk(root.path().string() + "/a/").files[0], root / "a/file");
}

TEST(TreeTest, AnEmptyTreeHasNoFiles) {
  testing::TempDirectory root;
  fs::create_directories(root.path() / "only/directories");
  EXPECT_EQ(walk(root.path().string()).files.size(), 0U);
}

TEST(TreeTest, ALinkToAFileIsAFile) {
  testing::TempDirectory root;
  root.write("file", "12345");
  fs::create_symlink("file", root.path() / "link");
  const Tree tree = walk(root.path().string());
  EXPECT_EQ(below(root, tree), (Names{"file", "link"}));
  EXPECT_EQ(tree.bytes, 10U);
}

TEST(TreeTest, ACycleOfLinksEnds) {
  testing::TempDirectory root;
  root.write("a/file", "");
  fs::create_directory_symlink("..", root.path() / "a/up");
  fs::create_directory_symlink(".", root.path() / "self");
  EXPECT_EQ(below(root, walk(root.path().string())), Names{"a/file"});
}

TEST(TreeTest, ADirectoryOutsideIsFollowedOnceThoughTwoLinksLeadThere) {
  testing::TempDirectory root, outside;
  outside.write("inner/file", "");
  fs::create_directory_symlink(outside.path(), root.path() / "two");
  fs::create_directory_symlink(outside.path(), root.path() / "one");
  EXPECT_EQ(below(root, walk(root.path().string())), Names{"one/inner/file"});
}

TEST(TreeTest, AFileWithARealPathKeepsItsNameWhateverLinksLeadThere) {
  testing::TempDirectory root;
  root.write("z/real/file", "");
  fs::create_directory_symlink("z/real", root.path() / "a");
  EXPECT_EQ(below(root, walk(root.path().string())), Names{"z/real/file"});
}

TEST(TreeTest, ADanglingLinkAndSpecialFilesAreReportedNotFollowed) {
  testing::TempDirectory root;
  fs::create_symlink("nowhere", root.path() / "dangling");
  ASSERT_EQ(::mkfifo((root / "fifo").c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", root.path() / "zero");
  const Tree tree = walk(root.path().string());
  EXPECT_EQ(tree.files.size(), 0U);
  ASSERT_EQ(tree.unread.size(), 3U);
  EXPECT_EQ(tree.unread[0].reason, ENOENT);
  EXPECT_EQ(tree.unread[1].reason, kFifo);
  EXPECT_EQ(tree.unread[2].reason, kDevice);
}

TEST(TreeTest, ARootThatIsMissingOrAFileIsAnError) {
  testing::TempDirectory root;
  EXPECT_THROW(walk(root / "missing"), std::system_error);
  EXPECT_THROW(walk(root.write("file", "")), std::system_error);
}

// Root may read everything, so the walk happens in a child that is nobody.
TEST(TreeTest, AnUnreadableDirectoryIsReportedAndTheRestGoesOn) {
  testing::TempDirectory root;
  root.write("closed/file", "");
  root.write("open/file", "");
  fs::permissions(root.path() / "closed", fs::perms::none);
  fs::permissions(root.path(), fs::perms::all);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
    const Tree tree = walk(root.path().string());
    const bool right = tree.files.size() == 1 && tree.unread.size() == 1 && tree.unread[0].reason == EACCES &&
                       tree.unread[0].name == root / "closed";
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  fs::permissions(root.path() / "closed", fs::perms::all);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace plait::tool
