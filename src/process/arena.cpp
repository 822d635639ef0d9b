// SPDX-License-Identifier: BSL-1.0
#include "arena.hpp"

#include <algorithm>
#include <bit>

#include "plait/base/atomic.hpp"

namespace plait::detail {
namespace {

/// Before each block, a cache line of its own.
struct alignas(64) BlockHead {
  Atomic<std::uint32_t> released;
};

BlockHead& head_of(const os::MemoryFile& file, std::uint64_t offset) noexcept {
  return *reinterpret_cast<BlockHead*>(file.data() + offset - sizeof(BlockHead));
}

constexpr std::size_t kLeast = 1024;
/// How many blocks are looked at before there is a new one.
constexpr std::size_t kLooks = 4;

}  // namespace

std::uint64_t Arena::allocate(std::size_t size) {
  const std::size_t whole = std::bit_ceil(std::max(size + sizeof(BlockHead), kLeast));
  std::deque<std::uint64_t>& given = given_[static_cast<std::size_t>(std::countr_zero(whole))];
  std::uint64_t offset = 0;
  for (std::size_t looks = std::min(kLooks, given.size()); looks > 0 && offset == 0; --looks) {
    const std::uint64_t oldest = given.front();
    given.pop_front();
    // Acquire pairs with release(): the reader is through with the block.
    if (head_of(file_, oldest).released.load(std::memory_order_acquire) != 0) {
      offset = oldest;
    } else {
      given.push_back(oldest);  // one that is kept for long is not to keep those after it from being used
    }
  }
  if (offset == 0) {
    if (end_ + whole > file_.size()) file_.grow(std::max(end_ + whole, file_.size() * 2));
    offset = end_ + sizeof(BlockHead);
    end_ += whole;
  }
  head_of(file_, offset).released.store(0, std::memory_order_relaxed);
  given.push_back(offset);
  return offset;
}

void Arena::release(const os::MemoryFile& file, std::uint64_t offset) noexcept {
  head_of(file, offset).released.store(1, std::memory_order_release);
}

}  // namespace plait::detail
