// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <span>

#include "plait/base/time.hpp"
#include "plait/os/fd.hpp"

namespace plait::os {

/// What a descriptor is ready for, or shall be watched for (the bits of epoll_ctl(2) that Plait uses).
inline constexpr std::uint32_t kEpollIn = 1, kEpollPri = 2, kEpollOut = 4, kEpollErr = 8, kEpollHup = 16;
/// The peer has shut down its writing half.
inline constexpr std::uint32_t kEpollReadHup = 0x2000;
/// For one event only; on changes only.
inline constexpr std::uint32_t kEpollOneShot = 1u << 30, kEpollEdge = 1u << 31;

/// One descriptor that is ready.
struct EpollEvent {
  std::uint32_t events;  ///< the bits above
  std::uint64_t data;    ///< what it was registered with
};

/// An epoll instance. Errors are returned as errno values, 0 for success.
class Epoll {
 public:
  /// Throws std::system_error.
  Epoll();
  /// Registers `fd`; EEXIST if it is registered, EPERM if it is always ready (a file).
  int add(int fd, std::uint32_t events, std::uint64_t data) noexcept;
  /// Changes a registration; ENOENT if there is none.
  int modify(int fd, std::uint32_t events, std::uint64_t data) noexcept;
  /// Ends a registration.
  int remove(int fd) noexcept;
  /// Fills `events` until `deadline` (epoll_pwait2(2), so to the nanosecond; to the millisecond above where the kernel
  /// lacks it). The number of events; 0 at the deadline or after a signal.
  std::size_t wait(std::span<EpollEvent> events, TimePoint deadline) noexcept;

 private:
  Fd fd_;
};

/// An eventfd(2) counter for waking a poller. Non-blocking.
class EventFd {
 public:
  /// Throws std::system_error.
  EventFd();
  int get() const noexcept { return fd_.get(); }
  /// For another process, which signals by writing a 64-bit 1. Throws std::system_error.
  Fd duplicate() const { return os::duplicate(fd_.get()); }
  /// From any thread; async-signal-safe.
  void signal() noexcept;
  /// Takes all signals back.
  void drain() noexcept;

 private:
  Fd fd_;
};

}  // namespace plait::os
