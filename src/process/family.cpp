// SPDX-License-Identifier: BSL-1.0
//
// Idea. A slot is a Life, held by a hidden thread that sleeps until the process ends. So the death of a process is a
// store and a wake-up by the kernel, and needs nobody's help: not the parent's, not a signal's.
//
// Invariants. 1. A slot is named with the generation that it has while its process lives; so (slot, generation) means
// one process, and never lives again. 2. Who takes a slot over raises the generation after it has the Life; between the
// two the dead owner looks alive, so whoever waits for it is woken once more after that.
#include "plait/process/family.hpp"

#include <limits>
#include <mutex>
#include <new>
#include <stdexcept>
#include <vector>

#include "plait/base/contract.hpp"
#include "plait/os/futex.hpp"
#include "plait/os/shared_memory.hpp"
#include "plait/os/thread.hpp"

namespace plait::detail {
namespace {

constexpr std::uint64_t kMagic = 0x31796c696d616670;  // "pfamily1"
constexpr const char* kName = "plait-family";

/// Never destroyed: other threads and static objects use it until the end.
struct Statics {
  std::mutex mutex;
  Family* family = nullptr;
  /// All that there ever were, which somebody may still refer to.
  std::vector<Family*> families;
  /// What the hidden thread of this process says: 1 when it has tried to take a slot.
  Atomic<std::uint32_t> answered{0};
  ProcessSlot answer = 0;
};

Statics& statics() {
  static auto* all = [] {
    auto* made = new Statics;
    os::at_fork([] { statics().mutex.lock(); }, [] { statics().mutex.unlock(); }, [] { statics().mutex.unlock(); });
    return made;
  }();
  return *all;
}

}  // namespace

Family::Family(os::MemoryFile file) : file_(std::move(file)), slots_(reinterpret_cast<Slot*>(file_.data())) {}

Family& Family::install(os::MemoryFile file) {
  os::in_each_forked_child(&Family::after_fork);
  statics().families.push_back(new Family(std::move(file)));
  return *(statics().family = statics().families.back());
}

Family& Family::instance() {
  std::scoped_lock guard(statics().mutex);
  if (Family* family = statics().family) return *family;
  os::MemoryFile file = os::MemoryFile::create(kName, sizeof(Slot) * kSlots);
  new (file.data()) Header{kMagic, kSlots};
  return install(std::move(file));
}

void Family::adopt(os::Fd descriptor) {
  const os::MemoryFile::Identity identity = os::MemoryFile::identity_of(descriptor);
  std::scoped_lock guard(statics().mutex);
  if (const Family* family = statics().family) {
    if (family->identity() == identity) return;
    // Static objects of shared:: made one of their own, in which this process holds nothing as yet.
    if (own.load(std::memory_order_relaxed) != 0)
      misuse(
          "Family::adopt(): this process shares something with another family of processes already; adopt the family "
          "of the parent before anything of shared:: is made or received.");
  }
  os::MemoryFile file = os::MemoryFile::open(std::move(descriptor));
  const auto* header = reinterpret_cast<const Header*>(file.data());
  if (file.size() != sizeof(Slot) * kSlots || header->magic != kMagic || header->slots != kSlots) {
    misuse("Family::adopt(): the descriptor is not the family of a process of this build.");
  }
  install(std::move(file));
}

ProcessSlot Family::join() {
  std::scoped_lock guard(statics().mutex);
  if (const ProcessSlot slot = own.load(std::memory_order_relaxed)) return slot;
  statics().answered.store(0, std::memory_order_relaxed);
  os::start_hidden_thread("plait-family", &Family::hold_slot, this);
  while (statics().answered.load(std::memory_order_acquire) == 0)
    os::futex_wait(statics().answered, 0, TimePoint::max());
  const ProcessSlot slot = statics().answer;
  if (slot == 0) {
    throw std::runtime_error("no process slot is free: " + std::to_string(kSlots - 1) +
                             " processes of this family share something already");
  }
  own.store(slot, std::memory_order_release);
  return slot;
}

void Family::hold_slot(void* family) {
  Statics& all = statics();
  all.answer = static_cast<Family*>(family)->take_slot();
  const bool taken = all.answer != 0;
  all.answered.store(1, std::memory_order_release);
  os::futex_wake(all.answered, 1);
  if (!taken) return;
  static Atomic<std::uint32_t> never{0};
  for (;;) os::futex_wait(never, 0, TimePoint::max());
}

ProcessSlot Family::take_slot() noexcept {
  const auto first = static_cast<std::uint32_t>(os::process_id());
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    const std::uint32_t index = (first + i) & kIndex;
    if (index == 0 || os::Life::is_held(slots_[index].life.word.load(std::memory_order_relaxed))) continue;
    Slot& slot = slots_[index];
    if (!os::hold_for_life(slot.life)) continue;
    std::uint32_t generation = 0;
    do {
      generation = slot.generation.fetch_add(1, std::memory_order_seq_cst) + 1;
    } while (generation % kGenerations == 0);
    os::futex_wake_shared(slot.life.word, std::numeric_limits<int>::max());
    return generation % kGenerations * kSlots + index;
  }
  return 0;
}

bool Family::is_alive(ProcessSlot slot) const noexcept {
  const Slot& at = slots_[slot & kIndex];
  if ((slot & kIndex) == 0 || !os::Life::is_held(at.life.word.load(std::memory_order_seq_cst))) return false;
  return at.generation.load(std::memory_order_seq_cst) % kGenerations == slot / kSlots;
}

void Family::after_fork() noexcept { own.store(0, std::memory_order_relaxed); }

}  // namespace plait::detail
