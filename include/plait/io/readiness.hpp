// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>

#include "plait/sched/poller.hpp"

namespace plait {
namespace detail {

class Readiness : public IoLeaf<Readiness> {
 public:
  Readiness(Kind kind, int fd) noexcept : IoLeaf(kind, nullptr, fd) {}
  void take() const {
    if (result < 0) [[unlikely]]
      refuse();
  }

 private:
  [[noreturn]] void refuse() const;
};

}  // namespace detail

/// Waits until a read from `fd` would not block: there are bytes, the end, an error, or a connection to accept. For
/// descriptors that somebody else reads, a foreign library for instance (loop.add_reader, trio.lowlevel.wait_readable);
/// Plait's own streams need none of it. The descriptor may be blocking, is left as it is, and nothing of the wait
/// remains when it ends. What is always ready, as a file is, is ready at once. Several strands may wait for one
/// descriptor. Whoever closes it while it is awaited calls `notify_closing` first. Throws std::system_error (EBADF for
/// what is no descriptor). On cancel: the wait ends.
[[nodiscard]] inline detail::Readiness readable(int fd) noexcept { return {detail::IoOperation::Kind::readable, fd}; }

/// Waits until a write to `fd` would not block. As `readable`.
[[nodiscard]] inline detail::Readiness writable(int fd) noexcept { return {detail::IoOperation::Kind::writable, fd}; }

/// To be called before a descriptor is closed that strands of this loop, or this ThreadPool, may wait for
/// (trio.lowlevel.notify_closing): their waits end with std::system_error (EBADF). Never waits for them. In a plain
/// thread it does nothing.
void notify_closing(int fd) noexcept;

}  // namespace plait
