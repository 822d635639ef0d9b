// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <mutex>
#include <string_view>

#include "plait/base/spin_lock.hpp"
#include "plait/core/nursery.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/core/work.hpp"
#include "plait/sched/poller.hpp"

namespace plait::detail {

class EventLoop;
class ThreadStrand;

/// What does the I/O of a pool: a loop on a thread of its own, which gets one at the first operation that has to wait.
/// The strands see it as their poller, and send their operations there. docs/design/pool.md, "I/O". Any thread, unless
/// said otherwise.
class PoolIo final : public Poller {
 public:
  /// Starts a thread that calls `io.serve()`; throws if there is none to be had.
  using StartThread = void (*)(void* owner, PoolIo& io);

  /// The pool of `strand`, which is a pool's.
  static PoolIo& of(const Strand& strand) noexcept { return static_cast<PoolIo&>(strand.scheduler->poller()); }

  /// For a pool that begins: nothing is started yet.
  void begin(StartThread start_thread, void* owner) noexcept;
  /// The life of the thread, on that: until `end`.
  void serve();
  /// No strand of the pool lives any more: the thread, if there is one, ends.
  void end() noexcept;

  /// Gets the thread, unless there is one. For strands of the pool. Throws std::system_error if it is not to be had.
  void open();
  /// The loop. While an operation is sent there.
  EventLoop& loop() const noexcept { return *loop_.load(std::memory_order_acquire); }
  /// Whether the calling thread is the one that serves.
  bool is_here() const noexcept;

  /// `descriptor` is about to be closed, and `fd`, its number, has been taken from it: ends the waits for it here, and
  /// returns when the kernel does not look at that number any more. Waits for the thread, which never waits for others.
  void end_waits(IoDescriptor& descriptor, int fd) noexcept { ask(&descriptor, fd); }

  std::string_view name() const noexcept override { return "pool"; }
  bool waits_for_files() const noexcept override;
  /// Sends it off.
  bool start(IoOperation& operation) noexcept override;
  /// Asks for its end. With its strand's wait lock held.
  bool abort(IoOperation& operation) noexcept override;
  /// As `end_waits`, for those who wait for a descriptor that Plait does not own.
  void forget(int fd) noexcept override;
  /// None: they are the loop's.
  std::size_t in_flight() const noexcept override { return 0; }
  void wait(TimePoint) noexcept override {}
  void wake() noexcept override {}

 private:
  friend class IoOperation;
  struct Question;

  void ask(IoDescriptor* descriptor, int fd) noexcept;
  void end_waits_here(IoDescriptor& descriptor) noexcept;

  StartThread start_thread_ = nullptr;
  void* owner_ = nullptr;
  /// In a forked child nobody serves.
  int process_ = 0;
  std::mutex opening_;
  /// Guards the posts of those who are no strands of the pool, which may end meanwhile.
  SpinLock asking_;
  Atomic<EventLoop*> loop_{nullptr};
  /// Strands that wait for descriptors that Plait does not own.
  Atomic<unsigned> foreign_{0};

  /// From who starts the thread, and back.
  EventLoop* borrowed_ = nullptr;
  ThreadStrand* opener_ = nullptr;
  std::exception_ptr error_;
  Atomic<bool> entered_{false};

  /// For the thread.
  struct End : Work {
    bool came = false;
  } end_;
  /// The loop's, in which nothing is ever spawned.
  Nursery spawned_;
};

}  // namespace plait::detail
