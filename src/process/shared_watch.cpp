// SPDX-License-Identifier: BSL-1.0
//
// Idea. A task can't sleep in the kernel, so a hidden thread does it for many: it sleeps on all their words at once,
// and tries again, in the order in which they came, those of whose words one has changed. A change by this process
// needs no thread: whoever notifies a gate tries the waits for it on the spot, so tasks of one program meet as fast as
// anywhere.
//
// Invariants, under the mutex. 1. A wait in a list is not done; who does it or takes it out owns its claim [W3]. 2. A
// strand is unparked after the mutex is released, and neither its wait nor the object is touched after its claim is
// settled. 3. An attempt may notify gates, which comes back to poke() in the same thread: that is kept for the end
// (`pending`), so no attempt runs inside another. 4. `used` counts at least the distinct words of a watcher's waits.
//
// A wait is armed before its last attempt under the mutex, so a change that comes later finds the gate armed, and the
// count of waits too: no wake-up is lost, whether it comes from here or from elsewhere.
#include "plait/process/shared_watch.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "plait/core/strand.hpp"
#include "plait/os/thread.hpp"

namespace plait::detail {
namespace {

constexpr std::size_t kMostWords = 120, kWordsOfAWait = 4;
constexpr auto kRecheck = std::chrono::seconds(1);
constexpr auto kSoon = std::chrono::milliseconds(10);

}  // namespace

/// Strands to unpark once the mutex is free.
struct SharedWatch::Woken {
  std::array<Strand*, 64> strands;
  std::size_t count = 0;
  bool full() const noexcept { return count == strands.size(); }
  void unpark() noexcept {
    for (std::size_t i = 0; i < count; ++i) strands[i]->unpark();
    count = 0;
  }
};

struct SharedWatch::Watcher {
  IntrusiveList<SharedWait, TaggedLink<SharedWait>> waits;
  Atomic<std::uint32_t> control{0};
  Atomic<bool> asleep{false};
  std::size_t used = 0;
  std::array<os::FutexWord, os::kMostFutexWords> words;
};

struct SharedWatch::All {
  std::mutex mutex;
  /// Of the thread that has the mutex.
  Atomic<os::ThreadHandle> holder{0};
  Atomic<int> waits{0};
  std::vector<std::unique_ptr<Watcher>> watchers;
  std::array<SharedGate*, 16> pending{};
  std::size_t pending_count = 0;
  /// More gates than there was room for: all waits are tried.
  bool pending_all = false;

  void lock() noexcept {
    mutex.lock();
    holder.store(os::this_thread(), std::memory_order_relaxed);
  }
  void unlock() noexcept {
    holder.store(0, std::memory_order_relaxed);
    mutex.unlock();
  }
  bool is_mine() const noexcept { return holder.load(std::memory_order_relaxed) == os::this_thread(); }
};

/// Never destroyed; begun anew in a forked child, where neither the threads nor who waited are.
SharedWatch::All& SharedWatch::all() noexcept {
  static constinit Atomic<All*> made{nullptr};
  static const bool once = [] {
    made.store(new All, std::memory_order_release);
    os::at_fork([] { all().lock(); }, [] { all().unlock(); }, [] { made.store(new All, std::memory_order_release); });
    return true;
  }();
  static_cast<void>(once);
  return *made.load(std::memory_order_acquire);
}

bool SharedWait::watch(ProcessSlot slot) noexcept {
  Family& family = Family::instance();
  Atomic<std::uint32_t>& life = family.life_of(slot);
  const std::uint32_t seen = life.load(std::memory_order_seq_cst);
  if (!family.is_alive(slot)) return false;
  add(life, seen);
  return true;
}

bool SharedWait::waits_for(const SharedGate& gate) const noexcept {
  for (std::size_t i = 1; i < count_; ++i) {
    if (words_[i].word == &gate.sequence) return true;
  }
  return false;
}

bool SharedWait::may_succeed() const noexcept {
  for (std::size_t i = 1; i < count_; ++i) {
    if (words_[i].word->load(std::memory_order_seq_cst) != words_[i].expected) return true;
  }
  return false;
}

void SharedWait::failed_at(TimePoint now) noexcept {
  due_ = now + (std::exchange(patient_, false) ? Duration(kSoon) : Duration(kRecheck));
}

/// Whether the wait is done, and was taken out.
bool SharedWatch::attempt(Watcher& watcher, SharedWait& wait, Woken& woken) noexcept {
  Waiter* done = wait.try_again(wait);
  if (!done) {
    wait.failed_at(std::chrono::steady_clock::now());
    return false;
  }
  static_cast<TaggedLink<SharedWait>&>(wait).unlink();
  wait.segment->waits.fetch_sub(1, std::memory_order_release);
  all().waits.fetch_sub(1, std::memory_order_relaxed);
  if (watcher.waits.empty()) watcher.used = 0;
  woken.strands[woken.count++] = &done->choose();
  return true;
}

/// Tries the waits for `gate` (null: all) in order.
void SharedWatch::serve(SharedGate* gate, Woken& woken) noexcept {
  for (const auto& watcher : all().watchers) {
    SharedWait* next = nullptr;
    for (SharedWait* wait = watcher->waits.front(); wait && !woken.full(); wait = next) {
      next = watcher->waits.after(*wait);
      if (!gate || wait->waits_for(*gate)) attempt(*watcher, *wait, woken);
    }
  }
}

void SharedWatch::serve_pending(Woken& woken) noexcept {
  All& here = all();
  while (here.pending_count != 0 && !woken.full()) serve(here.pending[--here.pending_count], woken);
  if (here.pending_all && !woken.full()) {
    here.pending_all = false;
    serve(nullptr, woken);
  }
}

void SharedWatch::poke(SharedGate& gate) noexcept {
  All& here = all();
  if (here.waits.load(std::memory_order_seq_cst) == 0) return;
  const bool inside = here.is_mine();
  if (!inside) here.lock();
  if (here.pending_count < here.pending.size()) {
    here.pending[here.pending_count++] = &gate;
  } else {
    here.pending_all = true;
  }
  if (inside) return;
  for (bool more = true; more;) {
    Woken woken;
    serve_pending(woken);
    // Who did not fit stays for the next round: what it waits for may be there still.
    more = woken.full();
    if (more) here.pending_all = true;
    here.unlock();
    woken.unpark();
    if (more) here.lock();
  }
}

SharedWatch::Watcher& SharedWatch::place_for(SharedWait& wait) {
  All& here = all();
  for (const auto& watcher : here.watchers) {
    const bool known = !watcher->waits.empty() && watcher->waits.front()->segment == wait.segment;
    if (known || watcher->used + kWordsOfAWait <= kMostWords) {
      if (!known) watcher->used += kWordsOfAWait;
      return *watcher;
    }
  }
  auto made = std::make_unique<Watcher>();
  made->used = kWordsOfAWait;
  here.watchers.reserve(here.watchers.size() + 1);
  os::start_hidden_thread("plait-shared", &SharedWatch::watch, made.get());
  here.watchers.push_back(std::move(made));
  return *here.watchers.back();
}

bool SharedWatch::add(SharedWait& wait) {
  All& here = all();
  Woken woken;
  bool done = false;
  {
    std::scoped_lock guard(here);
    // Counted before the attempt arms a gate: who notifies it after that finds the count.
    here.waits.fetch_add(1, std::memory_order_seq_cst);
    try {
      Watcher& watcher = place_for(wait);
      done = wait.try_again(wait) != nullptr;
      if (!done) {
        wait.failed_at(std::chrono::steady_clock::now());
        watcher.waits.push_back(wait);
        wait.segment->waits.fetch_add(1, std::memory_order_relaxed);
        watcher.control.fetch_add(1, std::memory_order_seq_cst);
        if (watcher.asleep.load(std::memory_order_seq_cst)) os::futex_wake(watcher.control, 1);
      }
    } catch (...) {
      here.waits.fetch_sub(1, std::memory_order_relaxed);
      throw;
    }
    if (done) here.waits.fetch_sub(1, std::memory_order_relaxed);
    serve_pending(woken);
  }
  woken.unpark();
  return !done;
}

bool SharedWatch::remove(SharedWait& wait) noexcept {
  All& here = all();
  const bool inside = here.is_mine();
  if (!inside) here.lock();
  auto& link = static_cast<TaggedLink<SharedWait>&>(wait);
  const bool waited = link.linked();
  if (waited) {
    link.unlink();
    wait.segment->waits.fetch_sub(1, std::memory_order_release);
    here.waits.fetch_sub(1, std::memory_order_relaxed);
  }
  if (!inside) here.unlock();
  return waited;
}

/// Tries what may succeed, and gathers the words of the rest; until when to sleep.
TimePoint SharedWatch::look(Watcher& watcher, std::size_t& count, Woken& woken) noexcept {
  const TimePoint now = std::chrono::steady_clock::now();
  TimePoint until = TimePoint::max();
  SharedWait* next = nullptr;
  for (SharedWait* wait = watcher.waits.front(); wait; wait = next) {
    next = watcher.waits.after(*wait);
    const bool try_it = now >= wait->due() || wait->may_succeed();
    if (try_it && !woken.full() && attempt(watcher, *wait, woken)) continue;
    until = std::min(until, wait->due());
    for (const os::FutexWord& word : wait->words().subspan(1)) {
      const auto same = [&](const os::FutexWord& w) { return w.word == word.word && w.expected == word.expected; };
      if (std::any_of(watcher.words.begin() + 1, watcher.words.begin() + static_cast<std::ptrdiff_t>(count), same))
        continue;
      if (count < watcher.words.size()) {
        watcher.words[count++] = word;
      } else {
        until = std::min(until, now + kSoon);
      }
    }
  }
  watcher.used = count;
  return woken.full() ? now : until;
}

void SharedWatch::watch(void* argument) {
  auto& watcher = *static_cast<Watcher*>(argument);
  for (;;) {
    Woken woken;
    std::size_t count = 1;
    TimePoint until;
    {
      std::scoped_lock guard(all());
      watcher.words[0] = {&watcher.control, watcher.control.load(std::memory_order_seq_cst), false};
      until = look(watcher, count, woken);
      serve_pending(woken);
      if (woken.full()) until = TimePoint::min();
    }
    const bool served = woken.count != 0;
    woken.unpark();
    if (served && until == TimePoint::min()) continue;
    watcher.asleep.store(true, std::memory_order_seq_cst);
    os::futex_wait_any({watcher.words.data(), count}, until);
    watcher.asleep.store(false, std::memory_order_relaxed);
  }
}

}  // namespace plait::detail
