// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/thread_pool.hpp"

#include <exception>
#include <vector>

#include "core/uncancelled.hpp"
#include "plait/base/contract.hpp"
#include "plait/core/exceptions.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/os/processors.hpp"
#include "pool_threads.hpp"

namespace plait {
namespace detail {
namespace {

constinit Atomic<unsigned> last_pool{0};

std::string pool_name(std::string_view name) {
  if (!name.empty()) return std::string(name);
  return "pool" + std::to_string(last_pool.fetch_add(1, std::memory_order_relaxed) + 1);
}

unsigned pool_size(int size) {
  if (size < 0) misuse("ThreadPool: a pool of " + std::to_string(size) + " threads; it needs one at least.");
  return static_cast<unsigned>(size == 0 ? os::usable_processors() : size);
}

int at_least_one(int size) {
  if (size < 1) misuse("ThreadPool: a pool of " + std::to_string(size) + " threads; it needs one at least.");
  return size;
}

/// Waits until a pool has come to its end.
class PoolEnd : public Leaf<PoolEnd> {
 public:
  explicit PoolEnd(PoolScheduler& pool) noexcept : Leaf(WaitKind::thread, &pool), pool_(&pool) {}
  bool try_now() const noexcept { return pool_->closed(); }
  bool enqueue() noexcept { return pool_->add_closer(*this); }
  bool withdraw() noexcept { return pool_->remove_closer(*this); }
  void take() const noexcept {}

 private:
  PoolScheduler* pool_;
};

}  // namespace
}  // namespace detail

ThreadPool::ThreadPool(int size) : ThreadPool(ThreadPoolOptions{.size = detail::at_least_one(size)}) {}

ThreadPool::ThreadPool(ThreadPoolOptions options)
    : threads_(std::make_unique<detail::PoolThreads>(detail::pool_name(options.name), options.initializer)),
      exceptions_(std::uncaught_exceptions()) {
  scheduler_ = &detail::PoolScheduler::borrow(detail::pool_size(options.size), &detail::PoolThreads::start,
                                              &detail::PoolThreads::start_io, threads_.get());
  threads_->watch(*scheduler_);
}

ThreadPool::~ThreadPool() {
  if (threads_->forked()) {
    [[maybe_unused]] const auto* left = threads_.release();  // what the threads left half done is not to be touched
    return;
  }
  const bool gone = scheduler_->closed() && !threads_->front();
  if (!gone) {
    if (scheduler_->is_here()) {
      detail::fail("a ThreadPool was destroyed by one of its own threads, which it would have to wait for.");
    }
    if (detail::Scheduler::current()) {
      detail::fail(
          "a ThreadPool was destroyed on a loop's thread, which would block it; co_await pool.close() before.");
    }
    const bool unwinding = std::uncaught_exceptions() > exceptions_;
    if (unwinding) {
      shutdown({.wait = false, .cancel_futures = true});
      scheduler_->cancel_all();
    }
    detail::uncancelled([this] { shutdown(); });
  }
  threads_.reset();
  detail::PoolScheduler::give_back(*scheduler_);
}

void ThreadPool::refuse() const {
  if (scheduler_->calls() == detail::PoolScheduler::Calls::broken) throw BrokenThreadPool(scheduler_->breakage());
  detail::misuse("ThreadPool: it was shut down and takes no more work.");
}

void ThreadPool::enqueue(detail::PoolJob& job) {
  if (!scheduler_->submit(job)) refuse();
}

void ThreadPool::shutdown(ShutdownOptions options) {
  if (options.wait) {
    detail::Scheduler::refuse_to_block("ThreadPool::shutdown()", "co_await pool.close() instead.");
    if (scheduler_->is_here()) {
      detail::misuse("ThreadPool::shutdown(): one of its own threads would wait for itself; use {.wait = false}.");
    }
  }
  scheduler_->refuse();
  if (options.cancel_futures) {
    scheduler_->cancel_calls();  // also those that a worker has in its hands just now
    std::vector<detail::Work*> others;
    while (detail::Work* work = scheduler_->withdraw()) {
      if (detail::PoolJob* job = detail::PoolJob::from(*work)) {
        job->discard();
      } else {
        others.push_back(work);
      }
    }
    for (detail::Work* work : others) {
      // What a live task needs keeps the pool alive; the cancel of one that has ended does not, and is over at once.
      if (!scheduler_->try_post(*work)) work->run(*work);
    }
  }
  scheduler_->close();
  if (!options.wait) return;
  detail::PoolEnd(*scheduler_).wait_in_thread(detail::kNever);
  while (const detail::PoolThreads::Held thread = threads_->front()) {
    detail::ThreadJoin(*thread).wait_in_thread(detail::kNever);
    threads_->forget(*thread);
  }
}

Task<> ThreadPool::close() {
  if (scheduler_->is_here()) detail::misuse("ThreadPool::close(): one of its own threads would wait for itself.");
  scheduler_->close();
  co_await detail::PoolEnd(*scheduler_);
  while (const detail::PoolThreads::Held thread = threads_->front()) {
    co_await detail::ThreadJoin(*thread);
    threads_->forget(*thread);
  }
}

int ThreadPool::size() const noexcept { return static_cast<int>(scheduler_->size()); }

}  // namespace plait
