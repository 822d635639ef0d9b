// SPDX-License-Identifier: BSL-1.0
//
// Idea. All records lie in one reservation of address space, which is a memory file where the system allows it: a
// header, an array of records, an array of names. Memory is spent page by page. Each thread has a list of free
// records and a block of ids; a list that runs empty takes a batch of 64 from the depot, or the next page; one that
// grows past 128 gives a batch back. So starting a strand takes no lock and writes one line that is nobody else's.
//
// Invariants. 1. A record is in one list or in use. 2. Its address stays valid for ever: what a strand that is gone
// writes late does no harm. 3. A forked child writes nothing into its parent's registry: before fork returns, private
// zeroes take its place, and the child opens a registry of its own. (A clone(2) past the C library is not seen.)
#include "plait/core/record.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "plait/base/spin_lock.hpp"
#include "plait/core/thread_strand.hpp"
#include "plait/os/futex.hpp"
#include "plait/os/shared_memory.hpp"

namespace plait::detail {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBatch = kPage / sizeof(StrandRecord), kGrowth = 16 * kBatch, kIdBlock = 64;
/// Tried in this order, first as a file, then as private memory: 8 million strands, 256 thousand, 8 thousand.
constexpr std::size_t kSizes[] = {std::size_t{1} << 30, std::size_t{1} << 25, std::size_t{1} << 20};

struct Registry {
  /// Null until the first record; never null again, save in a forked child.
  Atomic<RegistryHeader*> header{nullptr};
  Atomic<std::uint64_t> last_id{0};
  SpinLock lock;
  bool refused = false;
  std::size_t size = 0;
  /// Records behind which there is memory.
  std::size_t backed = 0;
  /// Free records. The first of a batch has the next batch in `object` and the number of its records in `parent`.
  StrandRecord* batches = nullptr;
};
constinit Registry registry;
/// For all strands that find no record.
constinit StrandRecord shared;

enum class CacheState : unsigned char { unused, live, gone };

struct Cache {
  StrandRecord* free = nullptr;
  std::size_t size = 0;
  /// A full batch more, or null, so that a strand that comes and goes at the edge of a batch takes no lock.
  StrandRecord* spare = nullptr;
  std::uint64_t next_id = 0, ids_end = 0;
  CacheState state = CacheState::unused;
};
[[gnu::tls_model("initial-exec")]] constinit thread_local Cache cache;

void give_batch(StrandRecord* first, std::size_t size) noexcept {
  first->object.store(registry.batches, std::memory_order_relaxed);
  first->parent.store(size, std::memory_order_relaxed);
  registry.batches = first;
}

/// At the thread's end its free records go back.
struct CacheReturn {
  ~CacheReturn() {
    std::scoped_lock guard(registry.lock);
    if (cache.free) give_batch(cache.free, cache.size);
    if (cache.spare) give_batch(cache.spare, kBatch);
    cache = {.state = CacheState::gone};
  }
};
thread_local CacheReturn cache_return;

void store_name(StrandRecord& r, std::string_view name) noexcept {
  if (name.size() > kNameSize) {
    std::size_t length = kNameSize;
    while (length > 0 && (static_cast<unsigned char>(name[length]) & 0xC0) == 0x80)
      --length;  // inside a UTF-8 character
    name = name.substr(0, length);
  }
  RegistryHeader& header = *strand_registry();
  const std::size_t index = static_cast<std::size_t>(&r - header.records());
  StrandRecord& first = header.records()[index / kBatch * kBatch];
  if (!name.empty() && first.names_backed.load(std::memory_order_relaxed) == 0) {
    static_assert(kBatch * sizeof(StrandName) == kPage);
    if (os::back_with_memory(&header.names()[index / kBatch * kBatch], kPage)) {
      first.names_backed.store(1, std::memory_order_relaxed);
    } else {
      name = {};
    }
  }
  StrandName& words = header.names()[index];
  for (std::size_t at = 0; at < name.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, name.data() + at, std::min(sizeof word, name.size() - at));
    words.words[at / sizeof word].store(word, std::memory_order_release);
  }
  r.name_length.store(static_cast<std::uint8_t>(name.size()), std::memory_order_release);
}

/// Copies the name to `to`, of `kNameSize` bytes; its length.
std::size_t copy_name(const StrandRecord& r, char* to) noexcept {
  RegistryHeader* header = strand_registry();
  const std::size_t length = &r == &shared || !header ? 0 : r.name_length.load(std::memory_order_acquire);
  if (length == 0 || length > kNameSize) return 0;
  const StrandName& name = header->names()[&r - header->records()];
  for (std::size_t at = 0; at < length; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = name.words[at / sizeof(std::uint64_t)].load(std::memory_order_relaxed);
    std::memcpy(to + at, &word, sizeof word);
  }
  return length;
}

void after_fork() noexcept {
  RegistryHeader* inherited = strand_registry();
  ThreadStrand* self = this_thread_strand_if_any();
  char name[kNameSize];
  const std::size_t length = self ? copy_name(*self->record, name) : 0;
  const std::size_t size = registry.size;
  const std::uint64_t last_id = registry.last_id.load(std::memory_order_relaxed);
  new (&registry) Registry;
  registry.last_id.store(last_id, std::memory_order_relaxed);  // the parent's ids are not given again
  cache = {.state = cache.state};
  if (inherited) os::replace_by_private_memory(inherited, size);
  if (self) self->record = open_record(true, {name, length}, nullptr, nullptr);
}

[[gnu::constructor(os::kWatchForks)]] void watch_forks() { os::in_each_forked_child(&after_fork); }

/// All that follows is called with the lock held.
void map_registry() noexcept {
  for (const bool as_file : {true, false}) {
    for (const std::size_t size : kSizes) {
      void* memory = as_file ? os::map_memory_file("plait-strands", size) : os::map_private_memory(size);
      if (!memory) continue;
      auto* header = new (memory) RegistryHeader;
      header->process = os::process_id();
      header->capacity = (size - RegistryHeader::kSize) / (sizeof(StrandRecord) + sizeof(StrandName)) / kBatch * kBatch;
      header->address = reinterpret_cast<std::uintptr_t>(memory);
      header->magic.store(RegistryHeader::kMagic, std::memory_order_release);
      registry.size = size;
      // Release pairs with the acquire in strand_registry().
      registry.header.store(header, std::memory_order_release);
      return;
    }
  }
  registry.refused = true;
}

/// A batch of records that were never used, or null.
StrandRecord* carve_page() noexcept {
  if (!registry.header.load(std::memory_order_relaxed) && !registry.refused) map_registry();
  RegistryHeader* header = registry.header.load(std::memory_order_relaxed);
  if (!header) return nullptr;
  const std::size_t used = header->used.load(std::memory_order_relaxed);
  if (used == header->capacity) return nullptr;
  if (used == registry.backed) {
    const std::size_t more = std::min(kGrowth, header->capacity - used);
    if (!os::back_with_memory(header->records() + used, more * sizeof(StrandRecord))) return nullptr;
    registry.backed += more;
  }
  StrandRecord* page = header->records() + used;
  for (std::size_t i = 0; i < kBatch; ++i) {
    new (&page[i]) StrandRecord;
    page[i].next_free = i + 1 < kBatch ? &page[i + 1] : nullptr;
  }
  page->parent.store(kBatch, std::memory_order_relaxed);
  // Release: who sees the count sees records that are free.
  header->used.store(used + kBatch, std::memory_order_release);
  return page;
}

void open_cache() noexcept {
  cache.state = CacheState::live;
  asm volatile("" ::"r"(&cache_return) : "memory");  // touching it registers its destructor
}

/// Fills the calling thread's list, unless the thread is at its end. A record besides, or null.
[[gnu::noinline]] StrandRecord* refill() noexcept {
  if (cache.state == CacheState::unused) open_cache();
  if (cache.spare) {
    StrandRecord* first = std::exchange(cache.spare, nullptr);
    cache.free = first->next_free;
    cache.size = kBatch - 1;
    return first;
  }
  std::scoped_lock guard(registry.lock);
  StrandRecord* first = registry.batches;
  if (first) {
    registry.batches = static_cast<StrandRecord*>(const_cast<void*>(first->object.load(std::memory_order_relaxed)));
  } else if (first = carve_page(); !first) {
    if (RegistryHeader* header = registry.header.load(std::memory_order_relaxed)) {
      header->unrecorded.fetch_add(1, std::memory_order_relaxed);
    }
    return nullptr;
  }
  StrandRecord* rest = first->next_free;
  const std::size_t size = first->parent.load(std::memory_order_relaxed) - 1;
  if (cache.state == CacheState::live) {
    cache.free = rest;
    cache.size = size;
  } else if (rest) {
    give_batch(rest, size);
  }
  return first;
}

/// Makes room in the calling thread's list for one more. False if the thread is at its end.
[[gnu::noinline]] bool make_room() noexcept {
  if (cache.state == CacheState::gone) return false;
  if (cache.state == CacheState::unused) open_cache();
  if (cache.size < kBatch) return true;
  StrandRecord* full = std::exchange(cache.free, nullptr);
  cache.size = 0;
  if (!cache.spare) {
    cache.spare = full;
  } else {
    std::scoped_lock guard(registry.lock);
    give_batch(full, kBatch);
  }
  return true;
}

std::uint64_t new_id() noexcept {
  if (cache.next_id == cache.ids_end) [[unlikely]] {
    cache.next_id = registry.last_id.fetch_add(kIdBlock, std::memory_order_relaxed) + 1;
    cache.ids_end = cache.next_id + kIdBlock;
  }
  return cache.next_id++;
}

}  // namespace

constinit StrandRecord unrecorded;

// Acquire pairs with map_registry(): the header is filled in.
RegistryHeader* strand_registry() noexcept { return registry.header.load(std::memory_order_acquire); }

StrandRecord* open_record(bool is_thread, std::string_view name, const void* spawned_at,
                          const StrandRecord* parent) noexcept {
  StrandRecord* r = cache.free;
  if (r) [[likely]] {
    cache.free = r->next_free;
    --cache.size;
  } else if (r = refill(); !r) {
    return &shared;
  }
  // Release throughout: a reader who sees one of these values sees that `sequence` is odd.
  const std::uint32_t sequence = r->sequence.load(std::memory_order_relaxed);
  r->sequence.store(sequence + 1, std::memory_order_relaxed);
  r->id.store(new_id(), std::memory_order_release);
  r->parent.store(parent ? parent->id.load(std::memory_order_relaxed) : 0, std::memory_order_release);
  r->spawned_at.store(spawned_at, std::memory_order_release);
  r->awaits_at.store(nullptr, std::memory_order_release);
  r->object.store(nullptr, std::memory_order_release);
  r->thread_id.store(is_thread ? os::thread_id() : 0, std::memory_order_release);
  r->kind.store(is_thread ? StrandKind::thread : StrandKind::task, std::memory_order_release);
  r->wait.store(WaitKind::none, std::memory_order_release);
  r->name_length.store(0, std::memory_order_release);
  if (!name.empty()) store_name(*r, name);
  r->state.store(is_thread ? StrandState::running : StrandState::ready, std::memory_order_release);
  r->sequence.store(sequence + 2, std::memory_order_release);
  return r;
}

void close_record(StrandRecord* r) noexcept {
  RegistryHeader* header = strand_registry();
  if (!header) return;
  // Not one of ours: the shared one, or, in a forked child, one of the parent's.
  if (r < header->records() || r >= header->records() + header->capacity) [[unlikely]] {
    if (r == &shared) header->unrecorded.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  r->state.store(StrandState::free, std::memory_order_release);
  if (cache.state != CacheState::live || cache.size == kBatch) [[unlikely]] {
    if (!make_room()) {
      std::scoped_lock guard(registry.lock);
      r->next_free = nullptr;
      return give_batch(r, 1);
    }
  }
  r->next_free = cache.free;
  cache.free = r;
  ++cache.size;
}

void name_record(StrandRecord& r, std::string_view name) noexcept {
  if (&r == &shared || !strand_registry()) return;
  const std::uint32_t sequence = r.sequence.load(std::memory_order_relaxed);
  r.sequence.store(sequence + 1, std::memory_order_relaxed);
  store_name(r, name);
  r.sequence.store(sequence + 2, std::memory_order_release);
}

std::string name_of(const StrandRecord& record) {
  char name[kNameSize];
  return {name, copy_name(record, name)};
}

}  // namespace plait::detail
