// SPDX-License-Identifier: BSL-1.0
#include "plait/core/frame_allocator.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace plait::detail {
namespace {

struct Block {
  void* memory;
  std::size_t size;
};

std::vector<Block> take(int count, std::size_t largest) {
  std::vector<Block> blocks;
  for (int i = 0; i < count; ++i) {
    const std::size_t size = 1 + static_cast<std::size_t>(i) * 37 % largest;
    blocks.push_back({allocate_frame(size), size});
    std::memset(blocks.back().memory, i & 0xff, size);
  }
  return blocks;
}

void expect_untouched(const std::vector<Block>& blocks) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto* bytes = static_cast<const unsigned char*>(blocks[i].memory);
    EXPECT_EQ(bytes[0], i & 0xff);
    EXPECT_EQ(bytes[blocks[i].size - 1], i & 0xff);
  }
}

void give_back(const std::vector<Block>& blocks) {
  for (const Block& block : blocks) deallocate_frame(block.memory, block.size);
}

TEST(FrameAllocatorTest, BlocksInUseDoNotOverlapWhateverTheirSize) {
  for (int round = 0; round < 3; ++round) {
    auto blocks = take(2000, 1500);
    expect_untouched(blocks);
    give_back(blocks);
  }
}

TEST(FrameAllocatorTest, AFreedBlockIsTheNextOneOfItsSize) {
  void* block = allocate_frame(100);
  deallocate_frame(block, 100);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__has_feature)
  void* next = allocate_frame(90);
  EXPECT_EQ(next, block);
  deallocate_frame(next, 90);
#endif
}

TEST(FrameAllocatorTest, BlocksMayBeFreedOnAnotherThreadAndAreUsedAgain) {
  for (int round = 0; round < 20; ++round) {
    auto blocks = take(500, 300);
    std::thread([&] {
      expect_untouched(blocks);
      give_back(blocks);
    }).join();
  }
  auto blocks = take(500, 300);
  std::set<void*> distinct;
  for (const Block& block : blocks) distinct.insert(block.memory);
  EXPECT_EQ(distinct.size(), blocks.size());
  give_back(blocks);
}

TEST(FrameAllocatorTest, BlocksOutliveTheThreadThatTookThem) {
  std::vector<Block> blocks;
  std::thread([&] { blocks = take(500, 300); }).join();
  expect_untouched(blocks);
  give_back(blocks);
}

struct LateUser {
  ~LateUser() {
    if (blocks) give_back(*blocks);
    auto more = take(100, 300);
    expect_untouched(more);
    give_back(more);
  }
  std::vector<Block>* blocks = nullptr;
};

TEST(FrameAllocatorTest, AThreadsLastDestructorsMayStillUseIt) {
  std::vector<Block> blocks;
  std::thread([&] {
    // Made before the first allocation, so destroyed after the thread's own lists are gone.
    static thread_local LateUser user;
    user.blocks = &blocks;
    blocks = take(100, 300);
  }).join();
  auto again = take(200, 300);
  expect_untouched(again);
  give_back(again);
}

}  // namespace
}  // namespace plait::detail
