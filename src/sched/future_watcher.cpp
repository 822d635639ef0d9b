// SPDX-License-Identifier: BSL-1.0
//
// Idea. A watch waits in the future's queue as a listener: the end of the future calls it, on whatever thread that is.
// It puts itself at the end of the list of those to be told, or hands itself to the strand that asks. So a thousand
// futures cost a thousand small nodes in one block, and no frames.
//
// Invariants. 1. Everything but the futures' own queues is guarded by one small lock, which is never held while another
// is taken or a strand is made ready; so it matters neither where futures end nor where the asking strand runs. 2. A
// watch is in its future's queue, or on its way, or arrived: then it is listed, granted, or told. 3. The block is held
// by its owner and by every watch that has not arrived; the last to let go frees it.
//
// A grant hands a watch over. A cancel before its strand goes on puts it back in front [W10].
#include "plait/sched/future_watcher.hpp"

#include <mutex>
#include <string>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/base/spin_lock.hpp"

namespace plait::detail {

struct FutureWatcher::Watch : FutureListener {
  Watch(Watches& to, FutureStateBase& watched, std::size_t place) noexcept;

  Watches& owner;
  FutureStateBase& future;
  const std::size_t index;
  Watch* next_listed = nullptr;
  bool arrived = false;
};

struct FutureWatcher::Watches {
  SpinLock lock;
  std::vector<Watch> all;
  Watch* first = nullptr;
  Watch* last = nullptr;
  /// Neither granted nor told.
  std::size_t left = 0;
  std::size_t holders = 1;
  Next* asks = nullptr;

  void list(Watch& watch) noexcept {
    watch.next_listed = nullptr;
    (first ? last->next_listed : first) = &watch;
    last = &watch;
  }
  Watch* take_first() noexcept {
    Watch* watch = first;
    if (watch) {
      first = watch->next_listed;
      --left;
    }
    return watch;
  }
  /// If somebody asks and there is an answer: whom to make ready, after the lock.
  Strand* answer() noexcept {
    if (!asks || !first) return nullptr;
    Next& asking = *std::exchange(asks, nullptr);
    asking.told_ = take_first();
    return &asking.choose();
  }

  void arrive(Watch& watch) noexcept {
    Strand* ready = nullptr;
    bool unheld = false;
    {
      std::scoped_lock guard(lock);
      watch.arrived = true;
      list(watch);
      ready = answer();
      unheld = --holders == 0;
    }
    if (ready) ready->unpark();
    if (unheld) delete this;
  }
};

FutureWatcher::Watch::Watch(Watches& to, FutureStateBase& watched, std::size_t place) noexcept
    : FutureListener([](FutureListener& listener) noexcept {
        auto& watch = static_cast<Watch&>(listener);
        watch.owner.arrive(watch);
      }),
      owner(to),
      future(watched),
      index(place) {}

FutureWatcher::FutureWatcher(const std::vector<FutureStateBase*>& futures) {
  auto made = std::make_unique<Watches>();
  Watches& w = *made;
  w.all.reserve(futures.size());
  for (std::size_t i = 0; i < futures.size(); ++i) w.all.emplace_back(w, *futures[i], i);
  w.left = w.all.size();
  // Nobody else knows the watches yet. What is done keeps the order of the range.
  for (Watch& watch : w.all) {
    watch.arrived = watch.future.done();
    watch.arrived ? w.list(watch) : static_cast<void>(++w.holders);
  }
  watches_ = made.release();
  for (Watch& watch : w.all) {
    if (!watch.arrived && !watch.future.enqueue(watch)) w.arrive(watch);
  }
}

FutureWatcher::~FutureWatcher() {
  if (!watches_) return;
  Watches& w = *watches_;
  std::size_t given_up = 1;
  for (Watch& watch : w.all) {
    const auto arrived = [&] {
      std::scoped_lock guard(w.lock);
      return watch.arrived;
    };
    if (!arrived() && watch.future.withdraw(watch)) ++given_up;
  }
  bool unheld = false;
  {
    std::scoped_lock guard(w.lock);
    w.holders -= given_up;
    unheld = w.holders == 0;
  }
  if (unheld) delete watches_;
}

std::size_t FutureWatcher::left() const noexcept {
  if (!watches_) return 0;
  std::scoped_lock guard(watches_->lock);
  return watches_->left;
}

bool FutureWatcher::ready() const noexcept {
  std::scoped_lock guard(watches_->lock);
  return watches_->first;
}

std::optional<std::size_t> FutureWatcher::try_next() noexcept {
  std::scoped_lock guard(watches_->lock);
  const Watch* watch = watches_->take_first();
  return watch ? std::optional(watch->index) : std::nullopt;
}

bool FutureWatcher::Next::try_now() {
  std::scoped_lock guard(watches_->lock);
  told_ = watches_->take_first();
  return told_;
}

bool FutureWatcher::Next::enqueue() {
  bool occupied = false;
  {
    std::scoped_lock guard(watches_->lock);
    told_ = watches_->take_first();
    if (told_) return false;
    occupied = watches_->asks;
    if (!occupied) watches_->asks = this;
  }
  if (occupied) misuse("as_completed(): 1 strand waits for the next Future already; it is for one strand at a time.");
  return true;
}

bool FutureWatcher::Next::withdraw() noexcept {
  std::scoped_lock guard(watches_->lock);
  if (watches_->asks != this) return false;
  watches_->asks = nullptr;
  return true;
}

bool FutureWatcher::Next::give_back() noexcept {
  Strand* ready = nullptr;
  {
    std::scoped_lock guard(watches_->lock);
    told_->next_listed = std::exchange(watches_->first, told_);
    if (!told_->next_listed) watches_->last = told_;
    ++watches_->left;
    ready = watches_->answer();
  }
  if (ready) ready->unpark();
  return true;
}

std::size_t FutureWatcher::Next::take() const noexcept { return told_->index; }

void refuse_unfinished(std::size_t left, std::size_t all) {
  throw TimeoutError("as_completed(): " + std::to_string(left) + " (of " + std::to_string(all) +
                     ") futures unfinished");
}

}  // namespace plait::detail
