// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "plait/base/time.hpp"
#include "plait/os/epoll.hpp"

namespace plait {

/// What a Selector looks for, and what it found: one of these, or both by `Readable | Writable`.
enum SelectorEvents : std::uint8_t {
  Readable = 1,  ///< a read would not wait: there are bytes, the end, an error, or a connection to accept
  Writable = 2,  ///< a write would not wait; an error counts, too
};
constexpr SelectorEvents operator|(SelectorEvents a, SelectorEvents b) noexcept {
  return static_cast<SelectorEvents>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr SelectorEvents operator&(SelectorEvents a, SelectorEvents b) noexcept {
  return static_cast<SelectorEvents>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}

/// A descriptor in a Selector: with what it is looked for, or, in what `select` gives, with what it is ready for.
struct SelectorKey {
  int fd = -1;              ///< The descriptor.
  SelectorEvents events{};  ///< Of these.
  std::uintptr_t key = 0;   ///< What it was added with: a number, or a pointer as one.
  friend bool operator==(const SelectorKey&, const SelectorKey&) = default;
};

/// Waits, in a thread, for several descriptors at once that somebody else reads and writes, a foreign library for
/// instance (selectors.DefaultSelector, by epoll(7)). A task awaits `readable(fd)` and `writable(fd)` instead.
///
/// It owns no descriptors. One thread selects at a time; the other members are for any thread, also while one selects,
/// who then sees what was added. A descriptor should be removed before it is closed; if it was closed before, it is
/// never ready again and can be removed all the same, also when its number is another file's by now. Errors: naming a
/// descriptor that is not there throws std::out_of_range, as Python raises KeyError; what epoll refuses,
/// std::system_error. A file, which epoll refuses because it is always ready, is always ready.
class Selector {
 public:
  /// Throws std::system_error.
  Selector();
  Selector(const Selector&) = delete;
  Selector& operator=(const Selector&) = delete;

  /// Looks for `events` of `fd` from now on; `key` comes back with them (register). Throws std::invalid_argument if
  /// `fd` is in it already or `events` is nothing; std::system_error (EBADF) if it is no descriptor, and then it is not
  /// in.
  void add(int fd, SelectorEvents events, std::uintptr_t key = 0);
  /// Looks for other events and has another key. Throws as `add`, and std::out_of_range if `fd` is not in it. If the
  /// system refuses, because the descriptor was closed, it is taken out.
  void modify(int fd, SelectorEvents events, std::uintptr_t key = 0);
  /// Takes it out, and gives what was there (unregister).
  SelectorKey remove(int fd);

  /// Waits until at least one is ready: those that are, each once, at most 256 at a time. It takes nothing: what is
  /// still ready is so the next time. In an empty Selector it waits for others to add one. Throws std::logic_error on
  /// the thread of an event loop, and if another thread selects. A signal does not end it. On cancel of the thread:
  /// Cancelled.
  std::vector<SelectorKey> select();
  /// The same for at most `timeout` of real time, after which there are none; zero or less only looks.
  std::vector<SelectorKey> select(Duration timeout);

  /// What is there for `fd` (get_key); std::out_of_range if there is nothing.
  SelectorKey get_key(int fd) const;
  /// The same, or nothing.
  std::optional<SelectorKey> find(int fd) const;
  /// All that is in it, by descriptor.
  std::vector<SelectorKey> get_map() const;
  /// How many.
  std::size_t size() const;

  /// Takes all out; from now on the other members throw std::logic_error, and so does a `select` that waits.
  /// Idempotent.
  void close();

 private:
  struct Entry {
    SelectorEvents events;
    std::uintptr_t key;
    std::uint32_t token;
    /// epoll(7) refused it: it is ready for everything.
    bool always;
  };
  class Turn;
  class Wait;

  std::vector<SelectorKey> select_until(TimePoint deadline);
  std::vector<SelectorKey> ready(const std::vector<os::EpollEvent>& events);
  void begin_anew();
  void require_open(const char* operation) const;
  std::map<int, Entry>::iterator entry_of(int fd, const char* operation);

  mutable std::mutex mutex_;
  os::Epoll epoll_;
  os::EventFd waker_;
  std::map<int, Entry> entries_;
  std::size_t always_ = 0;
  std::uint32_t last_token_ = 0;
  bool closed_ = false;
  bool selecting_ = false;
};

}  // namespace plait
