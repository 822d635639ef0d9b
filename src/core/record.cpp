// SPDX-License-Identifier: BSL-1.0
#include "plait/core/record.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "plait/base/spin_lock.hpp"
#include "plait/os/futex.hpp"

namespace plait::detail {
namespace {

constexpr std::size_t kSlab = 512, kBatch = 32, kMost = 2 * kBatch;
constexpr std::uint64_t kIdBatch = 4096;

struct Registry {
  SpinLock lock;
  StrandRecord* free = nullptr;
  std::uint64_t last_id = 0;
  StrandRecord shared;
};
constinit Registry registry;

/// Free records and numbers that one thread has in store, so that a spawn takes no lock.
struct Store {
  StrandRecord* free = nullptr;
  std::size_t size = 0;
  std::uint64_t next_id = 1;
  std::uint64_t last_id = 0;
  /// The thread's end has begun: everything goes by the registry.
  bool gone = false;
};
[[gnu::tls_model("initial-exec")]] constinit thread_local Store store;

/// Gives back what the thread had in store.
struct StoreReturn {
  bool live = true;
  ~StoreReturn() {
    std::scoped_lock guard(registry.lock);
    while (StrandRecord* r = store.free) {
      store.free = r->next_free;
      r->next_free = registry.free;
      registry.free = r;
    }
    store.size = 0;
    store.gone = true;
  }
};
thread_local StoreReturn store_return;

/// With the registry's lock. Null when memory is short.
StrandRecord* pop_free() noexcept {
  if (!registry.free) {
    auto* slab = new (std::nothrow) StrandRecord[kSlab];
    if (!slab) return nullptr;
    for (std::size_t i = kSlab; i-- > 0;) {
      slab[i].next_free = registry.free;
      registry.free = &slab[i];
    }
  }
  return std::exchange(registry.free, registry.free->next_free);
}

[[gnu::noinline]] void refill_records() noexcept {
  const bool keep = !store.gone && store_return.live;  // touching it registers its destructor
  std::scoped_lock guard(registry.lock);
  for (std::size_t i = keep ? kBatch : 1; i-- > 0;) {
    StrandRecord* r = pop_free();
    if (!r) return;
    r->next_free = store.free;
    store.free = r;
    ++store.size;
  }
}

[[gnu::noinline]] void refill_ids() noexcept {
  std::scoped_lock guard(registry.lock);
  store.next_id = registry.last_id + 1;
  store.last_id = registry.last_id += store.gone ? 1 : kIdBatch;
}

[[gnu::noinline]] void spill_records() noexcept {
  std::scoped_lock guard(registry.lock);
  for (std::size_t i = store.gone ? store.size : kBatch; i-- > 0; --store.size) {
    StrandRecord* r = std::exchange(store.free, store.free->next_free);
    r->next_free = registry.free;
    registry.free = r;
  }
}

StrandRecord* take_record() noexcept {
  if (!store.free) [[unlikely]] {
    refill_records();
    if (!store.free) return &registry.shared;
  }
  --store.size;
  return std::exchange(store.free, store.free->next_free);
}

std::uint64_t take_id() noexcept {
  if (store.next_id > store.last_id) [[unlikely]]
    refill_ids();
  return store.next_id++;
}

}  // namespace

StrandRecord* open_record(bool is_thread, std::string_view name, const void* spawned_at,
                          const StrandRecord* parent) noexcept {
  StrandRecord* r = take_record();
  if (r == &registry.shared) return r;
  const std::uint32_t sequence = r->sequence.load(std::memory_order_relaxed);
  r->sequence.store(sequence + 1, std::memory_order_release);
  r->id = take_id();
  r->parent = parent ? parent->id : 0;
  r->spawned_at = spawned_at;
  r->is_thread = is_thread;
  r->thread_id = is_thread ? os::thread_id() : 0;
  const std::size_t length = name.size() < sizeof r->name ? name.size() : sizeof r->name - 1;
  std::copy_n(name.begin(), length, r->name);
  r->name[length] = '\0';
  r->awaits_at.store(nullptr, std::memory_order_relaxed);
  r->object.store(nullptr, std::memory_order_relaxed);
  r->wait.store(WaitKind::none, std::memory_order_relaxed);
  r->state.store(is_thread ? StrandState::running : StrandState::ready, std::memory_order_relaxed);
  r->sequence.store(sequence + 2, std::memory_order_release);
  return r;
}

void close_record(StrandRecord* r) noexcept {
  if (r == &registry.shared) return;
  r->state.store(StrandState::free, std::memory_order_release);
  r->next_free = store.free;
  store.free = r;
  if (++store.size > kMost || store.gone) [[unlikely]]
    spill_records();
}

}  // namespace plait::detail
