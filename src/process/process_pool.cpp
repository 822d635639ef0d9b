// SPDX-License-Identifier: BSL-1.0
#include "plait/process/process_pool.hpp"

#include <exception>
#include <string>
#include <utility>

#include "core/uncancelled.hpp"
#include "plait/base/contract.hpp"
#include "plait/process/to_process.hpp"
#include "plait/sched/run.hpp"
#include "process_pool_core.hpp"

namespace plait {
namespace detail {
namespace {

int at_least_one(int size) {
  if (size < 1) misuse("ProcessPool: a pool of " + std::to_string(size) + " processes; it needs one at least.");
  return size;
}

}  // namespace

ProcessPool& process_pool_for_all() {
  static auto* pool = new ProcessPool({.name = "to_process"});  // closed at the program's end as all are
  return *pool;
}

bool PoolOrder::begun() noexcept { return pool_->has_begun(*this); }
void PoolOrder::cancel() noexcept { pool_->cancel(*this); }
void PoolOrder::listen(const FutureStateBase& until) noexcept { pool_->listen(until); }

}  // namespace detail

ProcessPool::ProcessPool(int size) : ProcessPool(ProcessPoolOptions{.size = detail::at_least_one(size)}) {}

ProcessPool::ProcessPool(ProcessPoolOptions options)
    : core_(std::make_shared<detail::ProcessPoolCore>(options)), exceptions_(std::uncaught_exceptions()) {}

ProcessPool::~ProcessPool() {
  if (core_->forked()) return;
  Thread* thread = core_->thread();
  if (!thread || !thread->is_alive()) return;
  if (detail::Scheduler::current()) {
    detail::fail("a ProcessPool was destroyed on a loop's thread, which would block it; co_await pool.close() before.");
  }
  const bool unwinding = std::uncaught_exceptions() > exceptions_;
  core_->close(unwinding);
  if (unwinding) core_->cancel_all();
  detail::uncancelled([thread] { thread->join(); });
}

void ProcessPool::submit(detail::PoolOrder& order) {
  if (!core_->submit(order)) detail::misuse("ProcessPool: it was shut down and takes no more work.");
}

void ProcessPool::shutdown(ShutdownOptions options) {
  if (options.wait) detail::Scheduler::refuse_to_block("ProcessPool::shutdown()", "co_await pool.close() instead.");
  core_->close(options.cancel_futures);
  Thread* thread = core_->thread();
  if (options.wait && thread) thread->join();
}

Task<> ProcessPool::close() {
  core_->close(false);
  if (Thread* thread = core_->thread()) co_await *thread;
}

int ProcessPool::size() const noexcept { return core_->size(); }

}  // namespace plait
