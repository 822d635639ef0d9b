// SPDX-License-Identifier: BSL-1.0
#include "plait/core/record.hpp"

#include <algorithm>
#include <mutex>
#include <new>

#include "plait/base/spin_lock.hpp"
#include "plait/os/futex.hpp"

namespace plait::detail {
namespace {

constexpr std::size_t kSlab = 512;

struct Registry {
  SpinLock lock;
  StrandRecord* free = nullptr;
  StrandRecord shared;
};
constinit Registry registry;
constinit Atomic<std::uint64_t> last_id{0};

StrandRecord* take_record() noexcept {
  std::scoped_lock guard(registry.lock);
  if (!registry.free) {
    auto* slab = new (std::nothrow) StrandRecord[kSlab];
    if (!slab) return &registry.shared;
    for (std::size_t i = kSlab; i-- > 0;) {
      slab[i].next_free = registry.free;
      registry.free = &slab[i];
    }
  }
  StrandRecord* record = registry.free;
  registry.free = record->next_free;
  return record;
}

}  // namespace

StrandRecord* open_record(bool is_thread, std::string_view name, const void* spawned_at,
                          const StrandRecord* parent) noexcept {
  StrandRecord* r = take_record();
  if (r == &registry.shared) return r;
  const std::uint32_t sequence = r->sequence.load(std::memory_order_relaxed);
  r->sequence.store(sequence + 1, std::memory_order_release);
  r->id = last_id.fetch_add(1, std::memory_order_relaxed) + 1;
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
  std::scoped_lock guard(registry.lock);
  r->next_free = registry.free;
  registry.free = r;
}

}  // namespace plait::detail
