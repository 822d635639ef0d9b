// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "arena.hpp"
#include "call_board.hpp"
#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/os/epoll.hpp"
#include "plait/process/pool_order.hpp"
#include "plait/process/process_pool.hpp"
#include "plait/process/process_state.hpp"
#include "plait/sched/task_group.hpp"
#include "plait/thread/thread.hpp"

namespace plait::detail {

/// What a pool of processes, its calls and its thread share. process_pool_core.cpp says how it works.
class ProcessPoolCore : public std::enable_shared_from_this<ProcessPoolCore>, public Link {
  struct Ending;
  static thread_local Ending* ending;

 public:
  explicit ProcessPoolCore(const ProcessPoolOptions& options);
  ~ProcessPoolCore();

  int size() const noexcept { return static_cast<int>(size_); }

  /// Takes a call over. False after `close`. Throws BrokenProcessPool, std::system_error. Any thread.
  bool submit(PoolOrder& order);
  /// A worker has taken the call. Any thread.
  bool has_begun(const PoolOrder& order) noexcept;
  /// Withdraws a call, or ends the worker that makes it. Any thread.
  void cancel(PoolOrder& order) noexcept;
  /// Looks for results for a while, or until that one is there. Any thread.
  void listen(const FutureStateBase& until) noexcept;

  /// Refuses new calls. With `cancel`, what has not begun is withdrawn. Any thread.
  void close(bool cancel) noexcept;
  /// Cancels what runs, too.
  void cancel_all() noexcept;
  /// The thread that ends when all calls and processes have; null if there never was one.
  Thread* thread() noexcept;
  /// In a copy of the program, which has neither thread nor processes.
  bool forked() const noexcept;

  /// The end of the program: all pools are closed.
  static void close_all() noexcept;

 private:
  using Number = std::uint32_t;
  using Orders = IntrusiveList<PoolOrder, Link>;

  /// A worker as the program sees it.
  struct Worker {
    std::shared_ptr<ProcessState> process;
    std::shared_ptr<const os::MemoryFile> outbox;
    /// How many of its calls were taken note of.
    Atomic<std::uint32_t> seen{0};
    /// It takes no more calls.
    bool ending = false;
    /// It is being ended for a call that was cancelled.
    bool killed = false;
  };

  void open();
  void put_into_arena(PoolOrder& order);
  void publish_pending() noexcept;
  void publish(PoolOrder& order) noexcept;
  std::uint64_t whom_to_wake() noexcept;
  void announce(std::unique_lock<SpinLock> held) noexcept;

  bool has_done() const noexcept;
  void collect() noexcept;
  void take_unbegun(Orders& orders) noexcept;
  void take_done(Orders& done) noexcept;
  void take(PoolOrder& order, Orders& done) noexcept;
  void read_result(PoolOrder& order) noexcept;
  void leave_slot(PoolOrder& order) noexcept;
  void end(Orders& orders) noexcept;
  void fail(Orders& orders, const std::exception_ptr& error) noexcept;
  void break_with(const std::exception_ptr& error) noexcept;

  // On the pool's own thread.

  Task<> serve();
  bool is_over() noexcept;
  void start_workers(TaskGroup& group);
  void start_worker(TaskGroup& group, Number number);
  Task<> watch(Number number);
  void answer(Number number);
  void worker_ended(Number number);
  void end_cancelled(TaskGroup& group);
  void dismiss(Number number) noexcept;

  const std::size_t size_;
  const std::string name_;
  const std::uint64_t max_tasks_;
  void (*const initializer_)();
  const Duration grace_;
  const int process_;

  const CallBoard board_;
  os::EventFd bell_;

  std::mutex opening_;
  std::optional<Thread> thread_;
  Atomic<bool> open_{false};

  SpinLock arena_lock_;
  Arena arena_;

  /// Guards what follows.
  SpinLock lock_;
  /// Calls that wait for a slot, oldest first.
  Orders pending_;
  std::array<PoolOrder*, CallBoard::kSlots> orders_{};
  std::size_t in_slots_ = 0;
  std::size_t in_flight_ = 0;
  std::array<Worker, CallBoard::kMostWorkers> workers_;
  /// Numbers below this one have been used.
  Atomic<std::size_t> used_{0};
  /// Workers that take calls, or are about to.
  std::size_t usable_ = 0;
  std::size_t deaths_at_start_ = 0;
  std::uint64_t last_name_ = 0;
  bool has_cancelled_ = false;
  bool closed_ = false;
  std::exception_ptr broken_;
};

}  // namespace plait::detail
