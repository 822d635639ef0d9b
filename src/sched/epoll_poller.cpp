// SPDX-License-Identifier: BSL-1.0
//
// Idea. Try the system call; register and wait only if it would block. Nothing is in flight between readiness and the
// call, which the loop makes itself, so an abort unlinks and is immediate.
//
// Descriptors that Plait owns are registered once, edge-triggered, for both directions. What the edges said is
// remembered, and taken back by a call that would block or that shows the buffer drained (a receive shorter than asked
// for, a send shorter than offered); so a request costs one receive and one send, as by hand. Foreign descriptors are
// registered for one event and removed after it, because their owner may close them.
//
// Invariants. 1. An event counts only if it bears the token that its number's entry has, and a descriptor counts as
// registered only if its token is the entry's. So neither a number that was closed and used again, nor events of a
// closed file that lives on in another process, nor a descriptor that moved between loops can mislead. 2. Waiters of a
// number that epoll(7) does not know any more wait for a closed file: whoever finds that out ends them with kClosed.
// 3. Remembered readiness is a superset of the truth, except for edges that epoll_wait has yet to report.
#include "epoll_poller.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "io_call.hpp"
#include "plait/os/socket.hpp"

namespace plait::detail {
namespace {

constexpr std::uint64_t kWakeMark = ~std::uint64_t{0};
constexpr std::uint32_t kAll = os::kEpollIn | os::kEpollOut | os::kEpollPri | os::kEpollReadHup | os::kEpollEdge;
constexpr std::uint32_t kForReaders = os::kEpollIn | os::kEpollReadHup | os::kEpollErr | os::kEpollHup;
constexpr std::uint32_t kForWriters = os::kEpollOut | os::kEpollErr | os::kEpollHup;

/// One for each registration in the process; the low half goes into the event.
constinit Atomic<std::uint64_t> last_token{0};

std::uint64_t event_data(int fd, std::uint64_t token) noexcept {
  return (token << 32) | static_cast<std::uint32_t>(fd);
}

std::uint32_t direction(const IoOperation& operation) noexcept {
  return operation.reads() ? os::kEpollIn : os::kEpollOut;
}

}  // namespace

EpollPoller::EpollPoller() {
  if (const int error = epoll_.add(waker_.get(), os::kEpollIn | os::kEpollEdge, kWakeMark)) {
    os::throw_error(error, "epoll_ctl");
  }
}

bool EpollPoller::start(IoOperation& operation) noexcept {
  return operation.descriptor ? start_owned(operation) : start_foreign(operation);
}

EpollPoller::Entry* EpollPoller::entry_of(int fd) noexcept {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= entries_.size()) {
    try {
      entries_.resize(std::max(index + 1, 2 * entries_.size()));
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }
  return &entries_[index];
}

bool EpollPoller::start_owned(IoOperation& operation) noexcept {
  Entry* entry = entry_of(operation.fd);
  if (!entry) {
    operation.result = -ENOMEM;
    return true;
  }
  Atomic<std::uint64_t>& registration = operation.descriptor->registration;
  // Relaxed: a reader and a writer on two loops may take turns in it; each only believes its own token.
  const std::uint64_t token = registration.load(std::memory_order_relaxed);
  const bool registered = token != 0 && token == entry->token;
  const bool hopeful = !registered || operation.eager || (entry->ready & direction(operation)) != 0;
  if (hopeful && attempt(operation, registered ? entry : nullptr)) return true;
  if (!registered) {
    if (const int error = watch(operation.fd, *entry, true, false, false)) {
      operation.result = -error;
      return true;
    }
    registration.store(entry->token, std::memory_order_relaxed);
  }
  park(operation, *entry);
  return false;
}

/// Makes the system call. False if it would block. Keeps the memory of readiness of a registered descriptor.
bool EpollPoller::attempt(IoOperation& operation, Entry* registered) noexcept {
  const std::int64_t result = call_now(operation);
  const bool blocked = would_block(result);
  const bool short_receive =
      operation.kind == IoOperation::Kind::receive && result > 0 && static_cast<std::size_t>(result) < operation.length;
  const bool drained = operation.drained || short_receive;
  if (registered && (blocked || (drained && !registered->peculiar))) registered->ready &= ~direction(operation);
  operation.result = result;
  if (!blocked) return true;
  // It stopped although the descriptor may be ready, of which no edge would tell; to register it once more does.
  const bool untold = registered && result == -EINTR;
  const int error = untold ? epoll_.modify(operation.fd, kAll, event_data(operation.fd, registered->token)) : 0;
  operation.result = -error;
  return error != 0;
}

bool EpollPoller::start_foreign(IoOperation& operation) noexcept {
  const std::int64_t now = os::poll_now(operation.fd, direction(operation));
  if (now != 0) {
    operation.result = now < 0 ? now : 0;
    return true;
  }
  Entry* entry = entry_of(operation.fd);
  const int error = entry ? watch(operation.fd, *entry, false, operation.reads(), !operation.reads()) : ENOMEM;
  if (error) {
    // epoll(7) refuses what is always ready.
    operation.result = error == EPERM ? 0 : -error;
    return true;
  }
  park(operation, *entry);
  return false;
}

/// Registers a number, under a new token where it matters. An errno, or 0.
int EpollPoller::watch(int fd, Entry& entry, bool owned, bool more_readers, bool more_writers) noexcept {
  const auto next_token = [] { return last_token.fetch_add(1, std::memory_order_relaxed) + 1; };
  const auto interest = [&](bool for_good) {
    if (for_good) return kAll;
    std::uint32_t events = os::kEpollOneShot;
    if (entry.readers || more_readers) events |= os::kEpollIn | os::kEpollReadHup;
    if (entry.writers || more_writers) events |= os::kEpollOut;
    return events;
  };
  const std::uint64_t token = next_token();
  int error = ENOENT;
  if (!entry.idle()) {
    error = epoll_.modify(fd, interest(owned || entry.owned), event_data(fd, token));
    if (error == ENOENT) end_all(entry, IoOperation::kClosed);
    if (error == 0) owned |= entry.owned;
  }
  if (error == ENOENT) {
    error = epoll_.add(fd, interest(owned), event_data(fd, token));
    if (error == EEXIST) {
      // It belongs to a stream whose owner also waits for it as a foreign one, or that came back from another loop.
      owned |= entry.owned;
      error = epoll_.modify(fd, interest(owned), event_data(fd, token));
    }
  }
  if (error) return error;
  entry.token = token;
  entry.owned = owned;
  entry.ready = 0;
  entry.peculiar = false;
  return 0;
}

void EpollPoller::park(IoOperation& operation, Entry& entry) noexcept {
  IoOperation*& list = operation.reads() ? entry.readers : entry.writers;
  operation.next = list;
  list = &operation;
  ++in_flight_;
}

bool EpollPoller::abort(IoOperation& operation) noexcept {
  Entry& entry = entries_[static_cast<std::size_t>(operation.fd)];
  IoOperation** at = operation.reads() ? &entry.readers : &entry.writers;
  while (*at && *at != &operation) at = &(*at)->next;
  if (!*at) return false;
  *at = operation.next;
  --in_flight_;
  if (!entry.owned && entry.idle()) {
    epoll_.remove(operation.fd);
    entry.token = 0;
  }
  return true;
}

void EpollPoller::forget(int fd) noexcept {
  if (fd < 0 || static_cast<std::size_t>(fd) >= entries_.size()) return;
  Entry& entry = entries_[static_cast<std::size_t>(fd)];
  if (entry.idle()) return;
  epoll_.remove(fd);
  entry.token = 0;
  end_all(entry, IoOperation::kClosed);
}

void EpollPoller::end_all(Entry& entry, std::int64_t outcome) noexcept {
  complete_all(std::exchange(entry.readers, nullptr), outcome);
  complete_all(std::exchange(entry.writers, nullptr), outcome);
}

void EpollPoller::complete_all(IoOperation* list, std::int64_t outcome) noexcept {
  while (list) {
    IoOperation& operation = *std::exchange(list, list->next);
    --in_flight_;
    operation.complete(outcome);
  }
}

void EpollPoller::wait(TimePoint deadline) noexcept {
  std::array<os::EpollEvent, 256> events;
  const std::size_t n = epoll_.wait(events, deadline);
  for (std::size_t i = 0; i < n; ++i) {
    if (events[i].data == kWakeMark) {
      waker_.drain();
    } else {
      on_event(events[i].data, events[i].events);
    }
  }
}

void EpollPoller::on_event(std::uint64_t data, std::uint32_t events) noexcept {
  const auto fd = static_cast<std::uint32_t>(data);
  Entry& entry = entries_[fd];
  if (entry.token == 0 || static_cast<std::uint32_t>(entry.token) != data >> 32) return;
  if (entry.owned) {
    if (events & kForReaders) entry.ready |= os::kEpollIn;
    if (events & kForWriters) entry.ready |= os::kEpollOut;
    if (events & (os::kEpollPri | os::kEpollReadHup | os::kEpollErr | os::kEpollHup)) entry.peculiar = true;
  }
  IoOperation*& readers = entry.readers;
  IoOperation*& writers = entry.writers;
  if (entry.owned) {
    if (events & kForReaders) serve(entry, readers);
    if (events & kForWriters) serve(entry, writers);
    return;
  }
  // A foreign descriptor's registration was for this one event. It ends before those who waited go on, which on a pool
  // they do at once.
  IoOperation* const readable = events & kForReaders ? std::exchange(readers, nullptr) : nullptr;
  IoOperation* const writable = events & kForWriters ? std::exchange(writers, nullptr) : nullptr;
  const int number = static_cast<int>(fd);
  if (entry.idle()) {
    epoll_.remove(number);
    entry.token = 0;
  } else if (watch(number, entry, false, false, false) != 0) {
    end_all(entry, IoOperation::kClosed);
    entry.token = 0;
  }
  complete_all(readable, 0);
  complete_all(writable, 0);
}

/// Plait's descriptor is ready for everybody in `list`: does what they wait for.
void EpollPoller::serve(Entry& entry, IoOperation*& list) noexcept {
  IoOperation** at = &list;
  while (IoOperation* operation = *at) {
    if (operation->descriptor && !attempt(*operation, &entry)) {
      at = &operation->next;
      continue;
    }
    *at = operation->next;
    --in_flight_;
    operation->complete(operation->descriptor ? operation->result : 0);
  }
}

}  // namespace plait::detail
