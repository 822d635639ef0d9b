// SPDX-License-Identifier: BSL-1.0
//
// Idea. Blocks of 64-byte classes up to 1 KiB. Each thread has a free list a class; a list that runs empty takes a
// batch of 32 from the depot, or carves a new slab; a list that grows past 64 gives a batch back. So a producer
// thread that only allocates and a consumer that only frees cost one lock for 32 blocks.
//
// Invariants. 1. A block is in one list or in use. 2. Slabs are never returned: a late access to a freed block reads
// valid memory. 3. After a thread's cache is gone (thread-local destructors), its calls go to the depot one by one.
#include "plait/core/frame_allocator.hpp"

#include <mutex>
#include <new>

#include "plait/base/spin_lock.hpp"
#include "plait/os/shared_memory.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLAIT_PLAIN_NEW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define PLAIT_PLAIN_NEW 1
#endif
#endif

namespace plait::detail {

#ifdef PLAIT_PLAIN_NEW

void* allocate_frame(std::size_t size) { return ::operator new(size); }
void deallocate_frame(void* block, std::size_t size) noexcept { ::operator delete(block, size); }

#else

namespace {

constexpr std::size_t kGranule = 64, kClasses = 16, kBatch = 32, kMost = 2 * kBatch;

struct Block {
  Block* next;
  // In the depot the first block of a batch links to the next batch, and counts its own.
  Block* next_batch;
  std::size_t count;
};

struct FreeList {
  Block* head = nullptr;
  /// How many more blocks the list takes. Zero, too, as long as the cache is not live.
  std::size_t room = 0;
};

struct Depot {
  SpinLock lock;
  Block* batches = nullptr;
};

constinit Depot depots[kClasses];

/// Another thread may have been at one: the child begins with none.
[[gnu::constructor(os::kWatchForks)]] void watch_forks() {
  os::in_each_forked_child([] {
    for (Depot& depot : depots) new (&depot) Depot;
  });
}

enum class CacheState : unsigned char { unused, live, gone };

struct Cache {
  FreeList lists[kClasses];
  CacheState state = CacheState::unused;
};

[[gnu::tls_model("initial-exec")]] constinit thread_local Cache cache;

void give_batch(std::size_t cls, Block* first, std::size_t count) noexcept {
  first->count = count;
  std::scoped_lock guard(depots[cls].lock);
  first->next_batch = depots[cls].batches;
  depots[cls].batches = first;
}

/// At the thread's end the blocks go back to the depot.
struct CacheReturn {
  ~CacheReturn() {
    cache.state = CacheState::gone;
    for (std::size_t cls = 0; cls < kClasses; ++cls) {
      const FreeList& list = cache.lists[cls];
      if (list.head) give_batch(cls, list.head, kMost - list.room);
      cache.lists[cls] = {};
    }
  }
};
thread_local CacheReturn cache_return;

Block* take_batch(std::size_t cls) noexcept {
  std::scoped_lock guard(depots[cls].lock);
  Block* first = depots[cls].batches;
  if (first) depots[cls].batches = first->next_batch;
  return first;
}

void open_cache() noexcept {
  if (cache.state != CacheState::unused) return;
  cache.state = CacheState::live;
  for (FreeList& list : cache.lists) list.room = kMost;
  asm volatile("" ::"r"(&cache_return) : "memory");  // touching it registers its destructor
}

[[gnu::noinline]] void* refill(std::size_t cls) {
  const std::size_t block_size = (cls + 1) * kGranule;
  if (cache.state == CacheState::gone) return ::operator new(block_size);
  open_cache();
  Block* first = take_batch(cls);
  if (!first) {
    auto* slab = static_cast<std::byte*>(::operator new(block_size * kBatch, std::align_val_t{kGranule}));
    for (std::size_t i = kBatch; i-- > 0;) {
      auto* block = reinterpret_cast<Block*>(slab + i * block_size);
      block->next = first;
      first = block;
    }
    first->count = kBatch;
  }
  FreeList& list = cache.lists[cls];
  list.head = first->next;
  list.room = kMost - (first->count - 1);
  return first;
}

void spill(std::size_t cls) noexcept {
  FreeList& list = cache.lists[cls];
  Block *first = list.head, *last = first;
  for (std::size_t i = 1; i < kBatch; ++i) last = last->next;
  list.head = last->next;
  list.room += kBatch;
  last->next = nullptr;
  give_batch(cls, first, kBatch);
}

void push(FreeList& list, Block* block) noexcept {
  --list.room;
  block->next = list.head;
  list.head = block;
}

/// For a list without room. Called last, so that the usual case saves no registers.
[[gnu::noinline]] void make_room_and_push(std::size_t cls, Block* block) noexcept {
  if (cache.state == CacheState::gone) {
    block->next = nullptr;
    return give_batch(cls, block, 1);
  }
  if (cache.state == CacheState::live) {
    spill(cls);
  } else {
    open_cache();
  }
  push(cache.lists[cls], block);
}

}  // namespace

[[gnu::noinline]] void* allocate_frame(std::size_t size) {
  const std::size_t cls = (size - 1) / kGranule;
  if (cls >= kClasses) [[unlikely]]
    return ::operator new(size);
  FreeList& list = cache.lists[cls];
  Block* block = list.head;
  if (!block) [[unlikely]]
    return refill(cls);
  list.head = block->next;
  ++list.room;
  // Blocks that another thread freed are cold here: the next one is on its way while this one is filled.
  __builtin_prefetch(list.head, 1);
  return block;
}

[[gnu::noinline]] void deallocate_frame(void* memory, std::size_t size) noexcept {
  const std::size_t cls = (size - 1) / kGranule;
  if (cls >= kClasses) [[unlikely]]
    return ::operator delete(memory, size);
  auto* block = static_cast<Block*>(memory);
  FreeList& list = cache.lists[cls];
  if (list.room == 0) [[unlikely]]
    return make_room_and_push(cls, block);
  push(list, block);
}

#endif

}  // namespace plait::detail
