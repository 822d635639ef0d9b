// SPDX-License-Identifier: BSL-1.0
#include "pool_threads.hpp"

#include <exception>
#include <memory>
#include <mutex>
#include <utility>

#include "plait/core/future.hpp"
#include "plait/os/shared_memory.hpp"

namespace plait::detail {
namespace {

/// All pools of the program.
struct Pools {
  SpinLock lock;
  IntrusiveList<PoolThreads, Link> all;
};
Pools& pools() noexcept {
  static auto* all = new Pools;  // pools may outlive the statics
  return *all;
}

}  // namespace

/// What a worker's thread runs.
class PoolThreads::Job final : public ThreadJob {
 public:
  Job(PoolWorker& worker, void (*initializer)()) noexcept : worker_(worker), initializer_(initializer) {}
  void run() override {
    try {
      if (initializer_) initializer_();
    } catch (...) {
      report_unretrieved(std::current_exception(), *this_thread_strand().record);
      worker_.pool.break_with("ThreadPool: its initializer failed: " + describe(std::current_exception()));
    }
    worker_.pool.work(worker_);
  }

 private:
  PoolWorker& worker_;
  void (*const initializer_)();
};

/// What the thread for I/O runs.
class PoolThreads::IoJob final : public ThreadJob {
 public:
  explicit IoJob(PoolIo& io) noexcept : io_(io) {}
  void run() override { io_.serve(); }

 private:
  PoolIo& io_;
};

PoolThreads::PoolThreads(std::string name, void (*initializer)())
    : name_(std::move(name)), initializer_(initializer), process_(os::process_id()) {}

PoolThreads::~PoolThreads() {
  const std::scoped_lock guard(pools().lock);
  unlink();
}

bool PoolThreads::forked() const noexcept { return os::process_id() != process_; }

void PoolThreads::watch(PoolScheduler& scheduler) noexcept {
  const std::scoped_lock guard(pools().lock);
  scheduler_ = &scheduler;
  pools().all.push_back(*this);
}

void PoolThreads::start(void* self, PoolWorker& worker) {
  auto& threads = *static_cast<PoolThreads*>(self);
  unsigned number = 0;
  {
    const std::scoped_lock guard(threads.lock_);
    number = ++threads.last_number_;
  }
  threads.start(std::to_string(number), std::make_unique<Job>(worker, threads.initializer_));
}

void PoolThreads::start_io(void* self, PoolIo& io) {
  static_cast<PoolThreads*>(self)->start("io", std::make_unique<IoJob>(io));
}

void PoolThreads::start(std::string_view suffix, std::unique_ptr<ThreadJob> job) {
  const std::string name = name_ + "-" + std::string(suffix);
  auto* state = new ThreadState({.name = name, .daemon = false}, std::move(job));
  std::unique_lock guard(lock_, std::defer_lock);
  try {
    guard.lock();
    threads_.push_back(state);
    guard.unlock();
    state->start(nullptr, nullptr, std::source_location{});
  } catch (...) {
    if (!guard.owns_lock()) guard.lock();
    std::erase(threads_, state);
    guard.unlock();
    state->release();
    throw;
  }
}

PoolThreads::Held PoolThreads::front() noexcept {
  const std::scoped_lock guard(lock_);
  if (threads_.empty()) return nullptr;
  threads_.front()->retain();
  return Held(threads_.front());
}

void PoolThreads::forget(ThreadState& thread) noexcept {
  thread.reap();
  {
    const std::scoped_lock guard(lock_);
    if (std::erase(threads_, &thread) == 0) return;  // somebody else has waited, too
  }
  thread.release();
}

void PoolThreads::before_fork() noexcept { pools().lock.lock(); }
void PoolThreads::after_fork() noexcept { pools().lock.unlock(); }

void PoolThreads::close_all() noexcept {
  const std::scoped_lock guard(pools().lock);
  PoolWorker* worker = PoolWorker::current();
  for (PoolThreads* pool = pools().all.front(); pool; pool = pools().all.after(*pool)) {
    if (!pool->forked()) {
      pool->scheduler_->close();
    } else if (worker && &worker->pool == pool->scheduler_) {
      worker = nullptr;  // the call that has forked ends the child; the pool goes on in the parent
    }
  }
  if (worker) worker->pool.go_on_without_this_thread();
}

}  // namespace plait::detail
