// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/base/atomic.hpp"
#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/clock.hpp"
#include "plait/core/leaf.hpp"
#include "plait/thread/thread_identity.hpp"

namespace plait {

/// How a thread is started. Trivially destructible, as options must be (docs/design/compilers.md).
struct ThreadOptions {
  /// Shown by the kernel (cut to 15 bytes), in the record of strands (64) and in reports. Copied. Empty: "Thread-1" and
  /// so on.
  std::string_view name = {};
  /// Whether the program's end leaves the thread behind. Not given: as the thread that makes it (threading.Thread).
  std::optional<bool> daemon = {};
  /// Bytes; 0: the system's default (threading.stack_size).
  std::size_t stack_size = 0;
  /// The numbers of the processors that it may run on, counted from 0; copied. Empty: those of the thread that starts
  /// it. Numbers that the machine does not have are refused by the start (os.sched_setaffinity).
  std::span<const int> affinity = {};
};

namespace detail {

/// `name`, or the next of "Thread-1" and so on if it is empty.
std::string thread_name(std::string_view name);

/// What a thread is to run. Destroyed by that thread when it has run.
class ThreadJob {
 public:
  virtual ~ThreadJob() = default;
  virtual void run() = 0;
};

/// A callable and its arguments, kept as std::thread keeps them: copied or moved, and handed over as rvalues.
template <class F, class... Args>
class ThreadCall final : public ThreadJob {
 public:
  template <class G, class... A>
  explicit ThreadCall(G&& function, A&&... args)
      : function_(std::forward<G>(function)), args_(std::forward<A>(args)...) {}

  void run() override {
    std::apply([this](Args&... args) { std::invoke(std::move(function_), std::move(args)...); }, args_);
  }

 private:
  F function_;
  std::tuple<Args...> args_;
};

template <class F, class... Args>
concept ThreadCallable = std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>;

template <class F, class... Args>
std::unique_ptr<ThreadJob> make_thread_job(F&& f, Args&&... args) {
  return std::make_unique<ThreadCall<std::decay_t<F>, std::decay_t<Args>...>>(std::forward<F>(f),
                                                                              std::forward<Args>(args)...);
}

/// A thread as its handle, itself, and the program's end share it; the last to let go frees it. One life: made,
/// started, ended (its thread-local objects are gone), reaped (the system's thread is gone).
/// docs/reference/threads-at-exit.md.
class ThreadState final : public ThreadIdentity {
 public:
  ThreadState(const ThreadOptions& options, std::unique_ptr<ThreadJob> job);

  ThreadState* state() noexcept override { return this; }

  /// Starts it, to run `body`, or the job if that is null; with `record`, or one of its own if that is null. Throws
  /// std::logic_error if it was started before, std::system_error if the system has no thread to give.
  void start(ThreadJob* body, StrandRecord* record, const std::source_location& at);
  /// After `ended`: waits until the system's thread is gone, too. Any number of callers.
  void reap() noexcept;
  /// Before the start.
  void set_daemon(bool on) noexcept { daemon_.store(on, std::memory_order_relaxed); }
  /// While its body runs: whether the program's end shall wait for it.
  void await_at_exit(bool on) noexcept;

  ThreadJob* job() const noexcept { return job_.get(); }
  /// The test's clock that counts it, or null.
  VirtualClock* clock() const noexcept { return clock_; }
  /// The record that its strand begins with, once it is started.
  StrandRecord* record() const noexcept { return record_.load(std::memory_order_relaxed); }
  /// After `ended`: the exception that ended the body, or null.
  const std::exception_ptr& error() const noexcept { return error_; }
  /// Throws std::logic_error if `wait` ("join()") would never end: before the start, or in the thread itself.
  void refuse_endless(std::string_view wait) const;
  /// Waits in a plain thread; false at the deadline. Throws as Thread::join.
  bool join_until(TimePoint deadline);

  /// For ThreadWait.
  bool enqueue(Waiter& waiter) noexcept;
  bool withdraw(Waiter& waiter) noexcept;
  bool wait_in_thread(Waiter& waiter, TimePoint deadline);

 private:
  friend class ThreadRegistry;
  friend struct ThreadEnd;

  ~ThreadState() override;
  /// In a forked child, where its thread does not exist: it counts as ended and joined.
  void is_lost_in_fork() noexcept;
  static void* thread_main(void* self);
  void run();
  /// The last words of the thread, after its thread-local objects are gone.
  void end() noexcept;
  /// Joins the thread, which the caller has claimed.
  void join_claimed() noexcept;

  const std::size_t stack_size_;
  const std::vector<int> affinity_;
  std::unique_ptr<ThreadJob> job_;
  ThreadJob* body_ = nullptr;
  SpinLock lock_;
  IntrusiveList<Waiter, Link> joiners_;
  Atomic<StrandRecord*> record_{nullptr};
  Atomic<ThreadStrand*> strand_{nullptr};
  VirtualClock* clock_ = nullptr;
  /// On its way to the strand.
  Context context_;
  std::uintptr_t handle_ = 0;
  Atomic<std::uint32_t> reaped_{0};
  /// Guarded by the registry's lock: whether the program's end waits for it, and whether somebody reaps it.
  bool awaited_ = false;
  bool claimed_ = false;
  /// The body has returned or was unwound: what follows is the thread's end, and not exit() called by it.
  bool returned_ = false;
  std::exception_ptr error_;
};

/// Makes a thread for `job` and starts it; nobody holds a handle.
void start_and_release(const ThreadOptions& options, std::unique_ptr<ThreadJob> job, StrandRecord* record,
                       const std::source_location& at);

/// The calling thread's state, or null if it is not one of Plait's. Not inline, as it reads a thread-local.
ThreadState* this_thread_state() noexcept;

/// Waits for a thread to end, and keeps its state meanwhile; `Derived::take` says what comes of it.
template <class Derived>
class ThreadWait : public Leaf<Derived> {
 public:
  explicit ThreadWait(ThreadState& state) noexcept : Leaf<Derived>(WaitKind::thread, state.record()), state_(&state) {
    state.retain();
  }
  ThreadWait(ThreadWait&& other) noexcept
      : Leaf<Derived>(std::move(other)), state_(std::exchange(other.state_, nullptr)) {}
  ThreadWait& operator=(ThreadWait&&) = delete;
  ~ThreadWait() {
    if (state_) state_->release();
  }

  bool try_now() const noexcept { return state_->ended(); }
  bool enqueue() noexcept { return state_->enqueue(*this); }
  bool withdraw() noexcept { return state_->withdraw(*this); }
  bool wait_in_thread(TimePoint deadline) { return state_->wait_in_thread(*this, deadline); }

 protected:
  ThreadState* state_;
};

/// Until the system's thread is gone as well.
class ThreadJoin : public ThreadWait<ThreadJoin> {
 public:
  using ThreadWait::ThreadWait;
  void take() const noexcept { state_->reap(); }
};

/// `co_await thread`: throws the exception that ended it.
class [[nodiscard]] ThreadAwait : public ThreadWait<ThreadAwait> {
 public:
  explicit ThreadAwait(ThreadState& state) : ThreadWait((state.refuse_endless("co_await"), state)) {}
  void take() const {
    if (state_->error()) std::rethrow_exception(state_->error());
  }
};

}  // namespace detail
}  // namespace plait
