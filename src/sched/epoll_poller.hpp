// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <vector>

#include "plait/os/epoll.hpp"
#include "plait/sched/poller.hpp"

namespace plait::detail {

/// Readiness by epoll(7), system calls by the loop itself. src/sched/epoll_poller.cpp has the idea.
class EpollPoller final : public Poller {
 public:
  EpollPoller();
  std::string_view name() const noexcept override { return "epoll"; }
  bool waits_for_files() const noexcept override { return false; }
  bool start(IoOperation& operation) noexcept override;
  bool abort(IoOperation& operation) noexcept override;
  void forget(int fd) noexcept override;
  std::size_t in_flight() const noexcept override { return in_flight_; }
  void wait(TimePoint deadline) noexcept override;
  void wake() noexcept override { waker_.signal(); }

 private:
  /// What is known of one descriptor number.
  struct Entry {
    /// The registration that events must bear; 0: none.
    std::uint64_t token = 0;
    IoOperation* readers = nullptr;
    IoOperation* writers = nullptr;
    /// Edge-triggered only: what the descriptor may still be ready for.
    std::uint32_t ready = 0;
    /// Registered for good and edge-triggered, by its owner; else for one event.
    bool owned = false;
    /// There is or was more than bytes in order (urgent data, the end): a short read does not mean that it is drained.
    bool peculiar = false;

    bool idle() const noexcept { return !readers && !writers; }
  };

  Entry* entry_of(int fd) noexcept;
  bool start_foreign(IoOperation& operation) noexcept;
  bool start_owned(IoOperation& operation) noexcept;
  bool attempt(IoOperation& operation, Entry* registered) noexcept;
  int watch(int fd, Entry& entry, bool owned, bool more_readers, bool more_writers) noexcept;
  void park(IoOperation& operation, Entry& entry) noexcept;
  void complete_all(IoOperation* list, std::int64_t outcome) noexcept;
  void end_all(Entry& entry, std::int64_t outcome) noexcept;
  void on_event(std::uint64_t data, std::uint32_t events) noexcept;
  void serve(Entry& entry, IoOperation*& list) noexcept;

  os::Epoll epoll_;
  os::EventFd waker_;
  std::vector<Entry> entries_;
  std::size_t in_flight_ = 0;
};

}  // namespace plait::detail
