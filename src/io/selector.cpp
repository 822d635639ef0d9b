// SPDX-License-Identifier: BSL-1.0
//
// Idea. An epoll instance, level-triggered, and a map from the number to what it was added with. The wait is outside
// the lock, so that others may add and remove meanwhile; the kernel sees to it that the wait notices. An event counts
// only if it bears the token of its number's entry. Another one belongs to a file that was closed here and is still
// open elsewhere: epoll(7) goes on reporting it, and nobody can take it out, so then the epoll instance is made anew.
//
// An eventfd ends the wait for two reasons: a cancel of the thread, whose operation signals it and answers "not now",
// and a close, or something always ready that was added.
#include "plait/io/selector.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/core/hooks.hpp"
#include "plait/core/operation.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/thread_strand.hpp"

namespace plait {
namespace {

constexpr std::uint64_t kWakerMark = ~std::uint64_t{0};
constexpr std::size_t kMostAtOnce = 256;

std::uint32_t interest(SelectorEvents events) noexcept {
  return ((events & Readable) ? os::kEpollIn : 0) | ((events & Writable) ? os::kEpollOut : 0);
}

/// Errors and hang-ups make both directions ready, as Python has it.
SelectorEvents found(std::uint32_t events) noexcept {
  SelectorEvents result{};
  if (events & ~os::kEpollOut) result = result | Readable;
  if (events & ~os::kEpollIn) result = result | Writable;
  return result;
}

std::uint64_t event_data(int fd, std::uint32_t token) noexcept {
  return std::uint64_t{token} << 32 | static_cast<std::uint32_t>(fd);
}

std::string name_of(int fd) { return "descriptor " + std::to_string(fd); }

void check(SelectorEvents events, const char* operation) {
  if (events != 0 && (events | Readable | Writable) == (Readable | Writable)) return;
  throw std::invalid_argument(std::string("plait: ") + operation + ": the events are " +
                              std::to_string(static_cast<unsigned>(events)) + "; say Readable, Writable or both");
}

}  // namespace

/// The one thread that selects.
class Selector::Turn {
 public:
  explicit Turn(Selector& selector) : selector_(selector) {
    const std::scoped_lock guard(selector.mutex_);
    selector.require_open("Selector::select()");
    if (selector.selecting_) {
      detail::misuse("Selector::select(): another thread selects (1 waits); one at a time, or a Selector for each.");
    }
    selector.selecting_ = true;
  }
  ~Turn() {
    const std::scoped_lock guard(selector_.mutex_);
    selector_.selecting_ = false;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Selector& selector_;
};

/// The thread's wait, as whoever cancels the thread sees it.
class Selector::Wait : public detail::Operation {
 public:
  explicit Wait(Selector& selector) : Operation(&wake), selector_(selector), self_(detail::this_thread_strand()) {
    strand = &self_;
    self_.begin_wait(*this, [] { return true; });
    self_.record->suspend(detail::WaitKind::io, nullptr, &selector);
  }
  ~Wait() {
    self_.end_wait();
    self_.record->set(detail::StrandState::running);
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

 private:
  static bool wake(Operation& operation) noexcept {
    static_cast<Wait&>(operation).selector_.waker_.signal();
    return false;
  }

  Selector& selector_;
  detail::ThreadStrand& self_;
};

Selector::Selector() {
  if (const int error = epoll_.add(waker_.get(), os::kEpollIn, kWakerMark)) os::throw_error(error, "epoll_ctl");
}

void Selector::require_open(const char* operation) const {
  if (closed_) detail::misuse(std::string(operation) + ": the Selector is closed.");
}

std::map<int, Selector::Entry>::iterator Selector::entry_of(int fd, const char* operation) {
  require_open(operation);
  const auto entry = entries_.find(fd);
  if (entry != entries_.end()) return entry;
  throw std::out_of_range(std::string("plait: ") + operation + ": " + name_of(fd) + " is not in the Selector");
}

void Selector::add(int fd, SelectorEvents events, std::uintptr_t key) {
  check(events, "Selector::add()");
  const std::scoped_lock guard(mutex_);
  require_open("Selector::add()");
  const auto [entry, added] = entries_.try_emplace(fd, Entry{events, key, ++last_token_, false});
  if (!added) throw std::invalid_argument("plait: Selector::add(): " + name_of(fd) + " is in the Selector already");
  const int error = epoll_.add(fd, interest(events), event_data(fd, last_token_));
  if (error == EPERM) {
    entry->second.always = true;
    ++always_;
    waker_.signal();
  } else if (error != 0) {
    entries_.erase(entry);
    os::throw_error(error, "add " + name_of(fd) + " to a Selector");
  }
}

void Selector::modify(int fd, SelectorEvents events, std::uintptr_t key) {
  check(events, "Selector::modify()");
  const std::scoped_lock guard(mutex_);
  const auto entry = entry_of(fd, "Selector::modify()");
  Entry& there = entry->second;
  if (there.events != events && !there.always) {
    if (const int error = epoll_.modify(fd, interest(events), event_data(fd, there.token))) {
      entries_.erase(entry);
      os::throw_error(error, "modify " + name_of(fd) + " in a Selector");
    }
  }
  there.events = events;
  there.key = key;
}

SelectorKey Selector::remove(int fd) {
  const std::scoped_lock guard(mutex_);
  const auto entry = entry_of(fd, "Selector::remove()");
  const SelectorKey was{fd, entry->second.events, entry->second.key};
  if (entry->second.always) {
    --always_;
  } else {
    epoll_.remove(fd);  // refused if it was closed before
  }
  entries_.erase(entry);
  return was;
}

std::vector<SelectorKey> Selector::select() { return select_until(detail::kNever); }

std::vector<SelectorKey> Selector::select(Duration timeout) {
  if (timeout <= Duration::zero()) return select_until(TimePoint{});
  return select_until(detail::add(std::chrono::steady_clock::now(), timeout));
}

std::vector<SelectorKey> Selector::select_until(TimePoint deadline) {
  detail::Scheduler::refuse_to_block("Selector::select()", "co_await readable(fd) or writable(fd) instead");
  detail::pass(detail::Point::primitive, this);
  const Turn turn(*this);
  std::vector<os::EpollEvent> events(kMostAtOnce);
  while (true) {
    TimePoint until = deadline;
    {
      const std::scoped_lock guard(mutex_);
      if (always_ != 0) until = TimePoint{};
    }
    std::size_t n = 0;
    {
      const Wait wait(*this);
      n = epoll_.wait({events.data(), kMostAtOnce}, until);
    }
    // A wake-up is taken back before its reason is looked for.
    for (std::size_t i = 0; i < n; ++i) {
      if (events[i].data == kWakerMark) waker_.drain();
    }
    detail::this_thread_strand().checkpoint();
    const std::scoped_lock guard(mutex_);
    require_open("Selector::select()");
    auto keys = ready({events.begin(), events.begin() + static_cast<std::ptrdiff_t>(n)});
    if (!keys.empty() || (deadline != detail::kNever && std::chrono::steady_clock::now() >= deadline)) return keys;
  }
}

std::vector<SelectorKey> Selector::ready(const std::vector<os::EpollEvent>& events) {
  std::vector<SelectorKey> keys;
  bool stale = false;
  for (const os::EpollEvent& event : events) {
    if (event.data == kWakerMark) continue;
    const auto entry = entries_.find(static_cast<int>(static_cast<std::uint32_t>(event.data)));
    if (entry == entries_.end() || entry->second.token != event.data >> 32) {
      stale = true;
      continue;
    }
    const SelectorEvents hits = found(event.events) & entry->second.events;
    if (hits != 0) keys.push_back({entry->first, hits, entry->second.key});
  }
  if (stale) begin_anew();
  if (always_ == 0) return keys;
  for (const auto& [fd, entry] : entries_) {
    if (entry.always) keys.push_back({fd, entry.events, entry.key});
  }
  return keys;
}

/// What was closed meanwhile stays in the map, and is not watched any more.
void Selector::begin_anew() {
  os::Epoll fresh;
  if (const int error = fresh.add(waker_.get(), os::kEpollIn, kWakerMark)) os::throw_error(error, "epoll_ctl");
  for (const auto& [fd, entry] : entries_) {
    if (!entry.always) fresh.add(fd, interest(entry.events), event_data(fd, entry.token));
  }
  epoll_ = std::move(fresh);
}

SelectorKey Selector::get_key(int fd) const {
  if (const auto key = find(fd)) return *key;
  throw std::out_of_range("plait: Selector::get_key(): " + name_of(fd) + " is not in the Selector");
}

std::optional<SelectorKey> Selector::find(int fd) const {
  const std::scoped_lock guard(mutex_);
  require_open("Selector::find()");
  const auto entry = entries_.find(fd);
  if (entry == entries_.end()) return {};
  return SelectorKey{fd, entry->second.events, entry->second.key};
}

std::vector<SelectorKey> Selector::get_map() const {
  const std::scoped_lock guard(mutex_);
  require_open("Selector::get_map()");
  std::vector<SelectorKey> keys;
  for (const auto& [fd, entry] : entries_) keys.push_back({fd, entry.events, entry.key});
  return keys;
}

std::size_t Selector::size() const {
  const std::scoped_lock guard(mutex_);
  require_open("Selector::size()");
  return entries_.size();
}

void Selector::close() {
  const std::scoped_lock guard(mutex_);
  if (std::exchange(closed_, true)) return;
  for (const auto& [fd, entry] : entries_) {
    if (!entry.always) epoll_.remove(fd);
  }
  entries_.clear();
  always_ = 0;
  waker_.signal();
}

}  // namespace plait
