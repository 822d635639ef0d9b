// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace plait::detail {

/// Memory for coroutine frames and other small, short-lived blocks: a free list a thread and size class, so that the
/// usual pair of calls is a few instructions. A block may be freed on another thread. The size passed to
/// `deallocate_frame` is the one that was asked for. Plain operator new under the sanitizers, so that they see
/// every use after free. Throws std::bad_alloc.
[[nodiscard]] void* allocate_frame(std::size_t size);
void deallocate_frame(void* block, std::size_t size) noexcept;

/// Base class of objects that live in such blocks.
struct FrameAllocated {
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* block, std::size_t size) noexcept { deallocate_frame(block, size); }
};

}  // namespace plait::detail
