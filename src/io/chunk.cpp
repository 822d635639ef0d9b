// SPDX-License-Identifier: BSL-1.0
//
// Idea. A thread keeps a few free blocks, so that a server which reads a chunk and writes it uses one and the same
// block all the time, and it is in the cache. More than that goes back to the heap: how much is lent at a time is the
// program's choice, and what it needed once it need not keep. A block that was freed on another thread stays there.
#include "plait/io/chunk.hpp"

#include <new>

namespace plait::detail {
namespace {

/// Free blocks a thread.
constexpr unsigned kMostFree = 16;

/// Constant-initialised, and left alone by a thread's end until ~FreeBlocks says that it is over.
struct FreeBlocks {
  void* blocks[kMostFree] = {};
  unsigned count = 0;
  bool over = false;

  constexpr FreeBlocks() = default;
  FreeBlocks(const FreeBlocks&) = delete;
  FreeBlocks& operator=(const FreeBlocks&) = delete;
  ~FreeBlocks() {
    over = true;
    while (count != 0) ::operator delete(blocks[--count]);
  }
};
constinit thread_local FreeBlocks free_blocks;

}  // namespace

[[gnu::noinline]] void* lend_block() noexcept {
  FreeBlocks& mine = free_blocks;
  if (mine.count != 0) return mine.blocks[--mine.count];
  return ::operator new(kChunkSize, std::nothrow);
}

[[gnu::noinline]] void give_block_back(void* block) noexcept {
  FreeBlocks& mine = free_blocks;
  if (mine.count == kMostFree || mine.over) return ::operator delete(block);
  mine.blocks[mine.count++] = block;
}

}  // namespace plait::detail
