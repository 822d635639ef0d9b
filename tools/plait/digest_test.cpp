// SPDX-License-Identifier: BSL-1.0
#include "digest.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "reasons.hpp"
#include "regular_file.hpp"
#include "test_support.hpp"

namespace plait::tool {
namespace {

TEST(DigestTest, TheEmptyFileHasTheKnownDigest) {
  testing::TempDirectory directory;
  HashBench bench;
  const FileResult result = hash_file(directory.write("empty", "").c_str(), bench);
  EXPECT_EQ(result.reason, kRead);
  EXPECT_EQ(to_hex(result.digest), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(DigestTest, AFileLargerThanTheBufferIsHashedWhole) {
  testing::TempDirectory directory;
  std::string content;
  for (int i = 0; content.size() < 3 * HashBench::kBufferSize + 5; ++i) content += std::to_string(i);
  const std::string name = directory.write("large", content);
  HashBench bench;
  const FileResult result = hash_file(name.c_str(), bench);
  EXPECT_EQ(result.size, content.size());
  EXPECT_EQ(to_hex(result.digest), testing::shell("sha256sum < '" + name + "'").out.substr(0, 64));
}

TEST(DigestTest, AFailureLeavesNothingInTheNextDigest) {
  testing::TempDirectory directory;
  HashBench bench;
  bench.hash.update(std::as_bytes(std::span("half a file", 11)));
  EXPECT_EQ(hash_file((directory / "missing").c_str(), bench).reason, ENOENT);
  EXPECT_EQ(to_hex(hash_file(directory.write("empty", "").c_str(), bench).digest),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(DigestTest, WhatCanNotBeReadHasItsReason) {
  testing::TempDirectory directory;
  HashBench bench;
  EXPECT_EQ(hash_file((directory / "missing").c_str(), bench).reason, ENOENT);
  ASSERT_EQ(::symlink("loop", (directory / "loop").c_str()), 0);
  EXPECT_EQ(hash_file((directory / "loop").c_str(), bench).reason, ELOOP);
  EXPECT_EQ(hash_file(directory.path().c_str(), bench).reason, kNotRegular);
  EXPECT_EQ(hash_file("/dev/null", bench).reason, kDevice);
}

TEST(DigestTest, AFifoIsNotWaitedFor) {
  testing::TempDirectory directory;
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  HashBench bench;
  EXPECT_EQ(hash_file((directory / "fifo").c_str(), bench).reason, kFifo);
}

TEST(DigestTest, AFileOfSysThatHoldsLessThanItAnnouncesIsNoShrunkFile) {
  struct stat announced{};
  const char* name = "/sys/kernel/mm/transparent_hugepage/enabled";
  if (::stat(name, &announced) != 0) GTEST_SKIP() << name << " does not exist here";
  HashBench bench;
  const FileResult result = hash_file(name, bench);
  EXPECT_LT(result.size, static_cast<std::uint64_t>(announced.st_size));
  EXPECT_EQ(result.reason, kRead);
}

TEST(DigestTest, AFileThatIsCutWhileItIsReadIsCalledShrunk) {
  testing::TempDirectory directory;
  const std::string name = directory.write("ten bytes", "0123456789");
  std::byte part[4];
  RegularFile file(name.c_str());
  EXPECT_EQ(file.read(part), 4U);
  std::filesystem::resize_file(name, 4);
  EXPECT_EQ(file.read(part), 0U);
  EXPECT_EQ(file.reason(), kShrank);
}

TEST(DigestTest, AFileThatGrowsWhileItIsReadIsCompleteWithWhatItAnnounced) {
  testing::TempDirectory directory;
  const std::string name = directory.write("four bytes", "0123");
  std::byte part[4];
  RegularFile file(name.c_str());
  std::filesystem::resize_file(name, 8);
  EXPECT_FALSE(file.complete());
  EXPECT_EQ(file.read(part), 4U);
  EXPECT_TRUE(file.complete());
  EXPECT_EQ(file.reason(), kRead);
}

TEST(DigestTest, AReasonIsSaidInWords) {
  EXPECT_EQ(reason_text(ENOENT), "No such file or directory");
  EXPECT_EQ(reason_text(kShrank), "shrank while it was read");
  EXPECT_EQ(reason_text(kFifo), "is a FIFO; not read");
}

}  // namespace
}  // namespace plait::tool
