// SPDX-License-Identifier: BSL-1.0
//
// Idea. A watch waits in the future's list like any waiter, but what it wakes is no coroutine: its strand is a callback
// of the loop, which notes the index and wakes the one task that asks. So a thousand futures cost a thousand small
// nodes, and no frames.
//
// Invariant. A watch is in its future's list, or on its way to the loop, or told. The watches live until none is on its
// way, even if their owner has died; then they count as a child of the run, whose loop has to be there for them.
#include "plait/sched/future_watcher.hpp"

#include "plait/base/contract.hpp"
#include "plait/core/nursery.hpp"
#include "plait/sched/spawn.hpp"

namespace plait::detail {
namespace {

/// What an unpark writes the state of a strand into; a watch has no place in the record.
StrandRecord& nobody() noexcept {
  static StrandRecord record;
  return record;
}

}  // namespace

struct FutureWatcher::Watch : Strand, Waiter {
  Watch(Watches& owner, FutureStateBase& future, std::size_t index) noexcept;

  Watches& owner;
  FutureStateBase& future;
  const std::size_t index;
  bool on_its_way = true;
};

struct FutureWatcher::Watches {
  explicit Watches(Scheduler& here) noexcept : home(here) {}

  Scheduler& home;
  std::deque<Watch> all;
  std::deque<std::size_t> done;
  std::size_t told = 0;
  std::size_t pending = 0;
  Next* asks = nullptr;
  bool abandoned = false;

  void arrive(Watch& watch) {
    watch.on_its_way = false;
    --pending;
    if (abandoned) {
      if (pending != 0) return;
      Nursery& run = *home.spawned();
      delete this;
      return run.child_ended();
    }
    done.push_back(watch.index);
    if (asks) std::exchange(asks, nullptr)->grant();
  }
};

FutureWatcher::Watch::Watch(Watches& to, FutureStateBase& watched, std::size_t i) noexcept
    : Strand(Kind::task), Waiter([](Operation&) noexcept { return false; }), owner(to), future(watched), index(i) {
  scheduler = &owner.home;
  record = &nobody();
  run = [](Work& work) {
    auto& watch = static_cast<Watch&>(static_cast<Strand&>(work));
    watch.owner.arrive(watch);
  };
  strand = this;
}

FutureWatcher::FutureWatcher() : watches_(new Watches(spawning_scheduler("watching futures"))) {}

FutureWatcher::~FutureWatcher() {
  for (Watch& watch : watches_->all) {
    if (watch.on_its_way && watch.future.withdraw(watch)) {
      watch.on_its_way = false;
      --watches_->pending;
    }
  }
  watches_->abandoned = true;
  if (watches_->pending == 0) {
    delete watches_;
  } else {
    watches_->home.spawned()->child_begins();
  }
}

void FutureWatcher::watch(FutureStateBase& future, std::size_t index) {
  Watch& watch = watches_->all.emplace_back(*watches_, future, index);
  if (future.enqueue(watch)) {
    ++watches_->pending;
  } else {
    watch.on_its_way = false;
    watches_->done.push_back(index);
  }
}

std::size_t FutureWatcher::left() const noexcept { return watches_->all.size() - watches_->told; }

bool FutureWatcher::Next::try_now() const {
  if (watches_->asks) misuse("as_completed(): two strands wait for the next result; it is for one at a time.");
  return !watches_->done.empty();
}

bool FutureWatcher::Next::enqueue() noexcept {
  watches_->asks = this;
  return true;
}

bool FutureWatcher::Next::withdraw() noexcept {
  if (watches_->asks != this) return false;
  watches_->asks = nullptr;
  return true;
}

std::size_t FutureWatcher::Next::take() {
  const std::size_t index = watches_->done.front();
  watches_->done.pop_front();
  ++watches_->told;
  return index;
}

}  // namespace plait::detail
