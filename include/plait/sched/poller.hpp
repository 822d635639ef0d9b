// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "plait/base/atomic.hpp"
#include "plait/base/time.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/core/operation.hpp"
#include "plait/core/record.hpp"
#include "plait/core/strand.hpp"
#include "plait/os/fd.hpp"

namespace plait::detail {

class IoDescriptor;
class Poller;

/// One operation that the kernel completes. It lives in the frame of the task that awaits it [W1].
/// docs/design/waiting.md, "Kernel operations in flight"; docs/design/pollers.md.
class IoOperation : public Operation {
 public:
  enum class Kind : std::uint8_t {
    readable,  ///< `fd`, which may be anybody's, can be read without waiting, or is at its end, or in error
    writable,  ///< the same for writing
    read,      ///< up to `length` bytes of a file or pipe into `buffer`; at `offset` if it is not negative
    write,     ///< all `length` bytes from `buffer`; at `offset` if it is not negative
    receive,   ///< up to `length` bytes of a socket into `buffer`
    send,      ///< all `length` bytes from `buffer`
    accept,    ///< a connection: its descriptor, close-on-exec and non-blocking; `buffer` is an os::SocketAddress
    connect,   ///< to the os::SocketAddress at `buffer`
    open,      ///< the file whose path is at `buffer`, with open(2)'s flags in `offset`: its descriptor
  };
  /// The result of an operation that was aborted (-ECANCELED).
  static constexpr std::int64_t kAborted = -125;
  /// The result of an operation whose descriptor was closed meanwhile (-EBADF).
  static constexpr std::int64_t kClosed = -9;

  /// On a descriptor that Plait owns (null: on `fd`).
  explicit IoOperation(Kind kind, IoDescriptor* descriptor, int fd = -1) noexcept
      : IoOperation(kind, descriptor, fd, &abort_io) {}
  IoOperation(IoOperation&& other) noexcept = default;
  IoOperation& operator=(const IoOperation&) = delete;

  bool reads() const noexcept {
    return kind == Kind::readable || kind == Kind::read || kind == Kind::receive || kind == Kind::accept;
  }

  void* buffer = nullptr;
  std::size_t length = 0;
  std::int64_t offset = -1;
  /// Bytes that went out or came in so far.
  std::size_t done = 0;
  /// What the system call returned: not negative, or minus an errno.
  std::int64_t result = 0;
  IoDescriptor* descriptor;
  /// The poller that it is in flight at; null before and after.
  Poller* poller = nullptr;
  /// For pollers.
  IoOperation* next = nullptr;
  IoOperation* previous = nullptr;
  std::uint64_t stamp = 0;
  int fd;
  const Kind kind;
  /// Its descriptor is closed, so it must not go on.
  bool closed = false;
  /// For pollers.
  std::uint8_t stage = 0;

  /// For pollers: it is over with `outcome`; resumes the strand.
  void complete(std::int64_t outcome) noexcept {
    result = outcome;
    poller = nullptr;
    strand->unpark();
  }
  /// Its descriptor is about to be closed: ends it with kClosed, at once or soon. On the loop that it waits on.
  void end_by_close() noexcept;

 protected:
  IoOperation(Kind kind, IoDescriptor* descriptor, int fd, Abort abort) noexcept
      : Operation(abort), descriptor(descriptor), fd(fd), kind(kind) {}
  static bool abort_io(Operation& operation) noexcept;

  /// Checkpoint, then the operation, as far as it goes without waiting. True: `frame` is suspended. Throws
  /// std::logic_error if another strand does the same on this descriptor.
  bool begin(Strand& self, std::coroutine_handle<> frame, const void* at);
  /// The strand is resumed: throws Cancelled if it was aborted.
  void end();
  /// False if the checkpoint says that the operation must not begin.
  bool enter(Strand& self);
  bool leave_at_once(Strand& self, std::coroutine_handle<> frame, const void* at) noexcept;
  void park(Strand& self, std::coroutine_handle<> frame, const void* at) noexcept;

 private:
  Atomic<IoOperation*>& slot() const noexcept;
};

/// Base of the awaitables that are one IoOperation. `Derived` provides `R take()`, the result, which throws
/// std::system_error. A checkpoint on every call. For tasks only: `sync_wait` runs it on a loop of its own.
template <class Derived>
class IoLeaf : public IoOperation {
 public:
  using IoOperation::IoOperation;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame, std::source_location at = std::source_location::current()) {
    return begin(*frame.promise().strand, frame, address_of(at));
  }
  decltype(auto) await_resume() {
    end();
    return static_cast<Derived&>(*this).take();
  }
};

/// A descriptor that Plait owns: a socket or a pipe, non-blocking. One strand may read (or accept) and one may write
/// (or connect) at a time; they may be on different loops.
class IoDescriptor {
 public:
  explicit IoDescriptor(os::Fd fd) noexcept : fd(std::move(fd)) {}
  IoDescriptor(const IoDescriptor&) = delete;
  IoDescriptor& operator=(const IoDescriptor&) = delete;
  virtual ~IoDescriptor() { close_or_fail(); }

  /// Ends the waits for it with an error and closes it. On the loop of those who wait (std::logic_error elsewhere).
  void close();
  /// The same in destructors, where the error ends the program.
  void close_or_fail() noexcept;
  /// What people call it: "127.0.0.1:80".
  virtual std::string describe() const = 0;
  /// Throws std::system_error for `result`, minus an errno.
  [[noreturn]] static void fail(std::int64_t result, std::string_view verb, const IoDescriptor* descriptor);

  os::Fd fd;
  /// For pollers: which registration it has, 0 for none. Each poller checks that it is one of its own.
  Atomic<std::uint64_t> registration{0};
  /// Who waits, from the beginning of its operation until it has been resumed.
  Atomic<IoOperation*> reader{nullptr};
  Atomic<IoOperation*> writer{nullptr};
};

/// What waits for the kernel on behalf of one event loop. One thread, but for `wake`. Two of them, epoll and io_uring,
/// pass one test suite.
class Poller {
 public:
  virtual ~Poller() = default;
  virtual std::string_view name() const noexcept = 0;
  /// True: `open`, `read` and `write` of files wait without blocking the loop. False: they are for other threads.
  virtual bool waits_for_files() const noexcept = 0;

  /// The calling thread is going to drive this poller, in which nothing is in flight. Throws std::system_error.
  virtual void enter() {}
  /// Starts `operation`, whose strand is set. True: it is over already, with its result set. False: it is in flight,
  /// and `complete` will be called from `wait`.
  virtual bool start(IoOperation& operation) noexcept = 0;
  /// True: it is out of flight and will not complete. False: it will complete by itself, soon.
  virtual bool abort(IoOperation& operation) noexcept = 0;
  /// Somebody is about to close `fd`, which Plait does not own: who waits for it gets kClosed.
  virtual void forget(int fd) noexcept = 0;
  /// Hands to the kernel what was started or aborted; from here on it does not look at the number of any descriptor in
  /// flight, so that they may be closed.
  virtual void flush() noexcept {}
  /// Operations in flight.
  virtual std::size_t in_flight() const noexcept = 0;

  /// Waits for completions or `wake` until `deadline` (in the past: only looks), and completes what is over.
  virtual void wait(TimePoint deadline) noexcept = 0;
  /// Ends a `wait`, now or the next one. From any thread.
  virtual void wake() noexcept = 0;
};

/// The name of the poller to use for `choice`: "epoll", "io_uring", or "" for the environment's PLAIT_POLLER and else
/// the default, epoll. An io_uring that the kernel refuses (or that Plait was built without) means epoll; the first
/// time one line on stderr says so. Throws std::invalid_argument for an unknown name.
std::string_view poller_name(std::string_view choice);
/// A poller by such a name. Throws std::system_error.
std::unique_ptr<Poller> make_poller(std::string_view name);

}  // namespace plait::detail
