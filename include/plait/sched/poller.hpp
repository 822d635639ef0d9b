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
#include "plait/base/spin_lock.hpp"
#include "plait/base/time.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/core/operation.hpp"
#include "plait/core/record.hpp"
#include "plait/core/strand.hpp"
#include "plait/core/work.hpp"
#include "plait/os/fd.hpp"

namespace plait::detail {

class IoDescriptor;
class Poller;
class PoolIo;
class Scheduler;

/// One operation that the kernel completes. It lives in the frame of the task that awaits it [W1]; a strand of a pool
/// sends it, as a `Work`, to the loop that does the pool's I/O. docs/design/waiting.md, "Kernel operations in flight";
/// docs/design/pollers.md; docs/design/pool.md, "I/O".
class IoOperation : public Operation, public Work {
 public:
  enum class Kind : std::uint8_t {
    readable,   ///< `fd`, which may be anybody's, can be read without waiting, or is at its end, or in error
    writable,   ///< the same for writing
    read,       ///< up to `length` bytes of a file or pipe into `buffer`; at `offset` if it is not negative
    write,      ///< all `length` bytes from `buffer`; at `offset` if it is not negative; to a pipe without SIGPIPE
    receive,    ///< up to `length` bytes of a socket into `buffer`
    send,       ///< all `length` bytes from `buffer`
    accept,     ///< a connection: its descriptor, close-on-exec and non-blocking; `buffer` is an os::SocketAddress
    connect,    ///< to the os::SocketAddress at `buffer`
    open,       ///< the file whose path is at `buffer`, with open(2)'s flags in `offset`: its descriptor
    own_read,   ///< what `perform` does; it waits until `descriptor`, which Plait owns, is readable
    own_write,  ///< the same for writing
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
    return kind == Kind::readable || kind == Kind::read || kind == Kind::receive || kind == Kind::accept ||
           kind == Kind::own_read;
  }
  bool performs_itself() const noexcept { return kind == Kind::own_read || kind == Kind::own_write; }

  /// How an own_read or own_write is done; never blocks. Called by the thread that the operation belongs to at the
  /// time, again and again until it is over. Not negative: the result. -EAGAIN: to be called again once the descriptor
  /// is ready, which must just have said that it is not, for a poller is only told of changes; -EINTR: the same,
  /// although it may be ready. Else minus an errno. What a write got done before it is aborted it keeps in `done`.
  using Perform = std::int64_t (*)(IoOperation&) noexcept;
  Perform perform = nullptr;

  void* buffer = nullptr;
  std::size_t length = 0;
  std::int64_t offset = -1;
  /// Bytes that went out or came in so far.
  std::size_t done = 0;
  /// What the system call returned: not negative, or minus an errno.
  std::int64_t result = 0;
  /// Null, too, once that is closed. On a pool guarded by DescriptorGuard.
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
  /// `perform` is called at the start even if the descriptor is known not to be ready: it may need nothing of it, as a
  /// layer that holds bytes already.
  bool eager = false;
  /// Set by a `perform` that has a result and emptied (or filled) the descriptor, too, as a short receive does: the
  /// next one need not try.
  bool drained = false;

  /// For pollers: it is over with `outcome`; resumes the strand.
  void complete(std::int64_t outcome) noexcept {
    result = outcome;
    poller = nullptr;
    if (strand->home) [[unlikely]]
      return conclude();
    strand->unpark();
  }
  /// Its descriptor is about to be closed: ends it with kClosed, at once or soon. On the loop that it waits on.
  void end_by_close() noexcept;

 protected:
  IoOperation(Kind kind, IoDescriptor* descriptor, int fd, Abort abort) noexcept
      : Operation(abort), descriptor(descriptor), fd(fd), kind(kind) {}
  static bool abort_io(Operation& operation) noexcept;
  /// The loop whose poller and timers serve it.
  Scheduler& loop() const noexcept;
  /// Whether it is served on another thread than this one.
  bool is_elsewhere() const noexcept;
  /// On that loop: hands it to the poller.
  void start_here() noexcept;

  /// Checkpoint, then the operation, as far as it goes without waiting. True: `frame` is suspended. Throws
  /// std::logic_error if another strand does the same on this descriptor.
  bool begin(Strand& self, std::coroutine_handle<> frame, const void* at);
  /// The strand is resumed: throws Cancelled if it was aborted.
  void end();
  /// False if the checkpoint says that the operation must not begin.
  bool enter(Strand& self);
  /// The checkpoint alone, before the operation has anything to do with its descriptor. False as in `enter`.
  bool check(Strand& self) noexcept;
  bool leave_at_once(Strand& self, std::coroutine_handle<> frame, const void* at) noexcept;
  void park(Strand& self, std::coroutine_handle<> frame, const void* at) noexcept;

  /// `begin` on a pool. `on_arrival`, which asks `arrive`, is called on the loop that does its I/O; null: the operation
  /// is tried here, and started there if it would block.
  bool begin_on_pool(Strand& self, std::coroutine_handle<> frame, const void* at, void (*on_arrival)(Work&) = nullptr);
  /// False if it was aborted or closed on its way, and is over.
  bool arrive() noexcept;

 private:
  friend class DescriptorGuard;
  friend class IoDescriptor;
  friend class PoolIo;

  Atomic<IoOperation*>& slot() const noexcept;
  void take_place();
  void leave_place() noexcept;
  bool attempt_here() noexcept;
  bool send(Strand& self, void (*on_arrival)(Work&));
  void end_on_pool() noexcept;
  void conclude() noexcept;
  void ask_to_abort() noexcept;
  void arrive_to_abort() noexcept;
  bool close_here() noexcept;

  // On a pool only. src/sched/pool_io.cpp says who touches what.

  /// Which lock is its descriptor's.
  std::uint8_t lock_number_ = 0;
  /// It took its descriptor's slot. For the strand.
  bool placed_ = false;
  /// It is on its way, or has been. Guarded by that lock.
  bool sent_ = false;
  /// Its `Work` is in the loop's queue. Guarded by the strand's wait lock, as the next two.
  bool on_its_way_ = false;
  bool cancelled_ = false;
  bool over_ = false;
  /// It has arrived. For the loop.
  bool arrived_ = false;
};

/// Guards what strands of pools have to do with a descriptor: its number, its slots, and the operations in them, which
/// live as long as it is held. Not a member of the descriptor, which may be gone when an operation asks whether it is.
/// Taken before wait locks.
class DescriptorGuard {
 public:
  explicit DescriptorGuard(const void* descriptor) noexcept : DescriptorGuard(&lock_of(number_of(descriptor))) {}
  /// The descriptor's that `operation` began on; on a loop it guards nothing.
  explicit DescriptorGuard(const IoOperation& operation) noexcept
      : DescriptorGuard(operation.strand->home ? &lock_of(operation.lock_number_) : nullptr) {}
  ~DescriptorGuard() {
    if (lock_) [[unlikely]]
      lock_->unlock();
  }
  DescriptorGuard(const DescriptorGuard&) = delete;
  DescriptorGuard& operator=(const DescriptorGuard&) = delete;

  static std::uint8_t number_of(const void* descriptor) noexcept;

 private:
  explicit DescriptorGuard(SpinLock* lock) noexcept : lock_(lock) {
    if (lock_) [[unlikely]]
      lock_->lock();
  }
  static SpinLock& lock_of(std::uint8_t number) noexcept;

  SpinLock* const lock_;
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
/// (or connect) at a time; they may be on different loops and pools.
class IoDescriptor {
 public:
  explicit IoDescriptor(os::Fd fd) noexcept : fd(std::move(fd)) {}
  IoDescriptor(const IoDescriptor&) = delete;
  IoDescriptor& operator=(const IoDescriptor&) = delete;
  virtual ~IoDescriptor() { close_or_fail(); }

  /// Ends the waits for it with an error and closes it. On the loop of those who wait (std::logic_error elsewhere); if
  /// they are on a pool, from any thread.
  void close();
  /// The same in destructors, where the error ends the program.
  void close_or_fail() noexcept;
  /// What people call it: "127.0.0.1:80".
  virtual std::string describe() const = 0;
  /// Throws an error of its own for `result`, minus an errno, if it knows better than the system what that is.
  virtual void explain(std::int64_t result, std::string_view verb) const;
  /// Throws std::system_error, or what `explain` throws, for `result`, minus an errno.
  [[noreturn]] static void fail(std::int64_t result, std::string_view verb, const IoDescriptor* descriptor);

  /// What `close` takes away under a DescriptorGuard.
  os::Fd fd;
  /// Minus the errno that a connection was lost with, if an operation was told so. The kernel says it once, to whoever
  /// reads or writes next, and lets later reads find an end. Relaxed: it publishes nothing.
  Atomic<std::int32_t> lost{0};
  /// For pollers: which registration it has, 0 for none. Each poller checks that it is one of its own.
  Atomic<std::uint64_t> registration{0};
  /// Who waits, from the beginning of its operation until it has been resumed.
  Atomic<IoOperation*> reader{nullptr};
  Atomic<IoOperation*> writer{nullptr};

 private:
  /// Pools that strands wait for it on.
  struct Pools {
    PoolIo* reading = nullptr;
    PoolIo* writing = nullptr;
  };
  bool is_tried() const noexcept;
  os::Fd take_number(Pools& pools);
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
