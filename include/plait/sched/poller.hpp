// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "plait/base/intrusive_list.hpp"
#include "plait/base/time.hpp"
#include "plait/core/operation.hpp"
#include "plait/core/strand.hpp"

namespace plait::detail {

/// One operation that the kernel completes. It lives in the frame of the task that awaits it [W1].
/// docs/design/waiting.md, "Kernel operations in flight".
class IoOperation : public Operation, public Link {
 public:
  enum class Kind : std::uint8_t {
    readable,  ///< `fd` can be read without waiting, or is at its end, or in error
    writable,  ///< `fd` can be written without waiting, or is in error
    read,      ///< up to `length` bytes into `buffer`; at `offset` if it is not negative
    write,     ///< up to `length` bytes from `buffer`; at `offset` if it is not negative
    accept,    ///< a connection of the listening socket `fd`; the result is its descriptor, close-on-exec and
               ///< non-blocking
    connect,   ///< to the address of `length` bytes at `buffer`
  };

  IoOperation(Kind kind, int fd) noexcept : Operation(&abort_io), fd(fd), kind(kind) {}

  int fd;
  Kind kind;
  void* buffer = nullptr;
  std::size_t length = 0;
  std::int64_t offset = -1;
  /// What the system call returned: not negative, or minus an errno. -ECANCELED after an abort.
  std::int64_t result = 0;
  /// The poller that it was started at; null before and after.
  class Poller* poller = nullptr;

  /// For pollers: it is over with `outcome`; resumes the strand.
  void complete(std::int64_t outcome) noexcept {
    result = outcome;
    poller = nullptr;
    strand->unpark();
  }

 private:
  static bool abort_io(Operation& operation) noexcept;
};

/// What waits for the kernel on behalf of one event loop. One thread, but for `wake`. Two of them, epoll and io_uring,
/// pass one test suite.
class Poller {
 public:
  virtual ~Poller() = default;
  virtual std::string_view name() const noexcept = 0;

  /// Starts `operation`, whose strand is set. True: it is over already, with its result set. False: it is in flight,
  /// and `complete` will be called from `wait`.
  virtual bool start(IoOperation& operation) noexcept = 0;
  /// True: it is out of flight and will not complete. False: it will complete by itself, soon.
  virtual bool abort(IoOperation& operation) noexcept = 0;
  /// `fd` is about to be closed: operations on it complete with -ECANCELED's sibling -EBADF, and its registration is
  /// dropped.
  virtual void forget(int fd) noexcept = 0;
  /// Operations in flight.
  virtual std::size_t in_flight() const noexcept = 0;

  /// Waits for completions or `wake` until `deadline` (in the past: only looks), and completes what is over.
  virtual void wait(TimePoint deadline) noexcept = 0;
  /// Ends a `wait`, now or the next one. From any thread.
  virtual void wake() noexcept = 0;
};

inline bool IoOperation::abort_io(Operation& operation) noexcept {
  auto& io = static_cast<IoOperation&>(operation);
  if (!io.poller || !io.poller->abort(io)) return false;
  io.result = -125;  // ECANCELED
  io.poller = nullptr;
  return true;
}

/// The poller that `choice` names: "epoll", "io_uring", or "" for the environment's PLAIT_POLLER and else the default.
/// An io_uring that the kernel refuses falls back to epoll with one line on stderr. Throws std::invalid_argument for an
/// unknown name.
std::unique_ptr<Poller> make_poller(std::string_view choice);

}  // namespace plait::detail
