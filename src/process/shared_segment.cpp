// SPDX-License-Identifier: BSL-1.0
//
// Idea. Each object has a memory file of its own: then the kernel counts its users, and a killed one can't be
// forgotten. A handle that comes back to a process that has the object finds it by the file's identity, so that all
// handles of a process share one mapping, and its count of waits.
#include "plait/process/shared_segment.hpp"

#include <map>
#include <mutex>
#include <string>

#include "plait/base/contract.hpp"
#include "plait/os/thread.hpp"
#include "plait/process/encoder.hpp"
#include "plait/process/family.hpp"

namespace plait::detail {
namespace {

constexpr std::uint64_t kMagic = 0x3164657261687370;  // "pshared1"

/// Never destroyed: handles may be static objects.
struct Registry {
  std::mutex mutex;
  std::map<os::MemoryFile::Identity, std::weak_ptr<SharedSegment>> all;
};

Registry& registry() {
  static auto* made = [] {
    auto* first = new Registry;
    os::at_fork([] { registry().mutex.lock(); }, [] { registry().mutex.unlock(); },
                [] {
                  // Who waited is not here.
                  for (auto& [identity, known] : registry().all) {
                    if (const auto segment = known.lock()) segment->waits.store(0, std::memory_order_relaxed);
                  }
                  registry().mutex.unlock();
                });
    return first;
  }();
  return *made;
}

const char* name_of(SharedKind kind) noexcept {
  constexpr const char* kNames[] = {"object",    "Lock",  "Value",     "Array",   "Memory",
                                    "Semaphore", "Event", "Condition", "Barrier", "Queue"};
  const auto index = static_cast<std::size_t>(kind);
  return index < std::size(kNames) ? kNames[index] : kNames[0];
}

}  // namespace

struct SharedSegment::Header {
  std::uint64_t magic;
  SharedKind kind;
  std::uint32_t unused;
  std::uint64_t form;
  std::uint64_t size;
  os::MemoryFile::Identity family;
};

const SharedSegment::Header& SharedSegment::header() const noexcept {
  return *reinterpret_cast<const Header*>(file_.data());
}
std::size_t SharedSegment::size() const noexcept { return header().size; }
SharedKind SharedSegment::kind() const noexcept { return header().kind; }

std::shared_ptr<SharedSegment> SharedSegment::create(SharedKind kind, std::uint64_t form, std::size_t size,
                                                     std::size_t reserve) {
  static_assert(sizeof(Header) <= kHeader);
  const Family& family = Family::instance();
  os::MemoryFile file = os::MemoryFile::create("plait-shared", kHeader + size, reserve);
  new (file.data()) Header{kMagic, kind, 0, form, size, family.identity()};
  auto made = std::make_shared<SharedSegment>(std::move(file));
  std::scoped_lock guard(registry().mutex);
  registry().all.insert_or_assign(made->file_.identity(), made);
  return made;
}

std::shared_ptr<SharedSegment> SharedSegment::open(os::Fd descriptor, SharedKind kind, std::uint64_t form) {
  const os::MemoryFile::Identity identity = os::MemoryFile::identity_of(descriptor);
  const Family& family = Family::instance();
  std::shared_ptr<SharedSegment> found;
  {
    std::scoped_lock guard(registry().mutex);
    std::weak_ptr<SharedSegment>& known = registry().all[identity];
    found = known.lock();
    if (!found) {
      found = std::make_shared<SharedSegment>(
          os::MemoryFile::open(std::move(descriptor), kind == SharedKind::queue ? kQueueReserve : 0));
      known = found;
    }
  }
  const bool whole = found->file_.size() >= kHeader && found->header().magic == kMagic;
  if (!whole || found->header().kind != kind || found->header().form != form) {
    throw DecodeError(std::string("a shared::") + name_of(kind) + " was to be received, and what came is " +
                      (whole ? std::string("a shared::") + name_of(found->header().kind) + " of another form"
                             : std::string("something else")));
  }
  if (found->header().family != family.identity()) {
    throw DecodeError(std::string("a shared::") + name_of(kind) +
                      " comes from another family of processes; only processes that descend from one program share");
  }
  return found;
}

SharedSegment::~SharedSegment() {
  if (const int waiting = waits.load(std::memory_order_acquire); waiting != 0) {
    fail(std::string("the last handle of a shared::") + name_of(kind()) + " died in this process with " +
         std::to_string(waiting) + " waiter(s); end their waits, or keep a handle for as long as they wait.");
  }
  std::scoped_lock guard(registry().mutex);
  const auto at = registry().all.find(file_.identity());
  if (at != registry().all.end() && at->second.expired()) registry().all.erase(at);
}

}  // namespace plait::detail
