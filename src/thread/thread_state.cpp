// SPDX-License-Identifier: BSL-1.0
//
// Idea. The first thread-local object that a thread of Plait makes is the last that is destroyed, so its destructor is
// the place where the thread's end is told: to those who join, to the registry, to a test's clock. The same destructor
// runs if the thread calls exit(); then the body has not returned, and it is the program that ends.
#include "plait/thread/thread_state.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <memory>

#include "plait/base/contract.hpp"
#include "plait/core/future.hpp"
#include "plait/core/hooks.hpp"
#include "plait/core/scheduler.hpp"
#include "plait/os/fd.hpp"
#include "plait/os/futex.hpp"
#include "plait/os/thread.hpp"
#include "plait/thread/exception_hook.hpp"
#include "thread_registry.hpp"

namespace plait::detail {
namespace {

[[gnu::tls_model("initial-exec")]] constinit thread_local ThreadState* current_state = nullptr;
constinit Atomic<std::uint64_t> last_number{0};

}  // namespace

std::string thread_name(std::string_view name) {
  if (!name.empty()) return std::string(name);
  return "Thread-" + std::to_string(last_number.fetch_add(1, std::memory_order_relaxed) + 1);
}

/// The object whose destructor is a thread's last word.
struct ThreadEnd {
  ThreadState* state = nullptr;
  ~ThreadEnd() {
    if (!state) return;
    if (state->returned_) {
      state->end();
    } else {
      ThreadRegistry::instance().finish();
    }
  }
};

namespace {

thread_local ThreadEnd thread_end;

}  // namespace

[[gnu::noinline]] ThreadState* this_thread_state() noexcept { return current_state; }

ThreadState::ThreadState(const ThreadOptions& options, std::unique_ptr<ThreadJob> job)
    : ThreadIdentity(thread_name(options.name), options.daemon.value_or(current_state && current_state->daemon())),
      stack_size_(options.stack_size),
      affinity_(options.affinity.begin(), options.affinity.end()),
      job_(std::move(job)) {}

ThreadState::~ThreadState() = default;

void ThreadState::start(ThreadJob* body, StrandRecord* record, const std::source_location& at) {
  pass(Point::primitive, this);
  Phase made = Phase::made;
  if (!phase_.compare_exchange_strong(made, Phase::started, std::memory_order_acq_rel)) {
    misuse("Thread \"" + name_ + "\": start() may be called only once.");
  }
  ThreadRegistry& registry = ThreadRegistry::instance();
  registry.reap_ended();
  watch_program_end();
  body_ = body ? body : job_.get();
  StrandRecord* opened = record;
  if (!record) opened = open_record(true, name_, address_of(at), Scheduler::current_strand().record);
  record_.store(opened, std::memory_order_relaxed);
  ident_.store(opened->id, std::memory_order_relaxed);
  context_ = Scheduler::current_strand().context;
  clock_ = test_clock();
  if (clock_) clock_->thread_begins();
  registry.add(*this);
  const auto refused = std::ranges::find_if_not(affinity_, os::may_be_processor);
  const int error = refused == affinity_.end() ? os::create_thread(stack_size_, affinity_, &thread_main, this) : EINVAL;
  if (error == 0) return;
  registry.remove(*this);
  if (clock_) {
    clock_->thread_ends();
    clock_->thread_runs();
  }
  if (!record) close_record(opened);
  ident_.store(0, std::memory_order_relaxed);
  phase_.store(Phase::made, std::memory_order_release);
  set_native_id(0);
  std::string what = "starting thread \"" + name_ + "\"";
  if (refused != affinity_.end()) what += " on processor " + std::to_string(*refused) + ", which is not there";
  os::throw_error(error, what);
}

void start_and_release(const ThreadOptions& options, std::unique_ptr<ThreadJob> job, StrandRecord* record,
                       const std::source_location& at) {
  auto* state = new ThreadState(options, std::move(job));
  try {
    state->start(nullptr, record, at);
  } catch (...) {
    state->release();
    throw;
  }
  state->release();
}

void* ThreadState::thread_main(void* argument) {
  auto& self = *static_cast<ThreadState*>(argument);
  self.handle_ = os::this_thread();
  ThreadStrand& strand = adopt_record(*self.record());  // made before thread_end, so it outlives that
  strand.daemon.store(self.daemon(), std::memory_order_relaxed);
  strand.context = std::move(self.context_);
  self.strand_.store(&strand, std::memory_order_release);
  if (self.clock_) self.clock_->thread_runs();  // and so does the clock's own mark
  thread_end.state = current_state = &self;
  self.set_native_id(static_cast<std::uint32_t>(strand.record->thread_id.load(std::memory_order_relaxed)));
  os::name_this_thread(self.name_);
  pass(Point::thread_start, &self);
  self.run();
  return nullptr;
}

__attribute__((noinline, no_sanitize("null"))) void ThreadState::run() {
  try {
    if (body_) body_->run();
  } catch (abi::__forced_unwind&) {  // pthread_exit or pthread_cancel: the system insists on its exception
    returned_ = true;
    job_.reset();
    throw;
  } catch (...) {
    error_ = std::current_exception();
  }
  if (error_) report_thread_exception(error_, *this);
  job_.reset();
  returned_ = true;
}

void ThreadState::end() noexcept {
  pass(Point::park, this);  // a daemon that comes here after the program's end stays
  IntrusiveList<Waiter, Link> joiners;
  lock_.lock();
  // Release pairs with ended(): what the thread did is visible to who joins.
  phase_.store(Phase::ended, std::memory_order_release);
  joiners.splice_back(joiners_);
  lock_.unlock();
  while (Waiter* joiner = joiners.pop_front()) joiner->grant();
  ThreadRegistry& registry = ThreadRegistry::instance();
  registry.reap_ended();
  VirtualClock* clock = clock_;
  registry.add_ended(*this);  // the thread's last touch of the state is before somebody has joined it
  if (clock) clock->thread_ends();
}

void ThreadState::reap() noexcept {
  if (ThreadRegistry::instance().claim(*this)) return join_claimed();
  // Acquire pairs with the release below. The wait is for the few instructions that the thread has left.
  while (reaped_.load(std::memory_order_acquire) == 0) os::futex_wait(reaped_, 0, kNever);
}

void ThreadState::join_claimed() noexcept {
  os::join_thread(handle_);
  reaped_.store(1, std::memory_order_release);
  os::futex_wake(reaped_, INT32_MAX);
  ThreadRegistry::instance().reaped(*this);
}

void ThreadState::is_lost_in_fork() noexcept {
  // Who held the lock is gone; and of those who wait only tasks of the forking thread's loop are left.
  std::construct_at(&lock_);
  phase_.store(Phase::ended, std::memory_order_release);
  reaped_.store(1, std::memory_order_release);
  while (Waiter* joiner = joiners_.pop_front()) {
    if (Scheduler::current() && joiner->strand->scheduler == Scheduler::current()) joiner->grant();
  }
}

void ThreadState::await_at_exit(bool on) noexcept {
  if (!ThreadRegistry::instance().await(*this, on)) return;
  set_daemon(!on);
  strand_.load(std::memory_order_acquire)->daemon.store(!on, std::memory_order_relaxed);
}

bool ThreadState::enqueue(Waiter& waiter) noexcept {
  std::scoped_lock guard(lock_);
  if (ended()) return false;
  joiners_.push_back(waiter);
  return true;
}

bool ThreadState::withdraw(Waiter& waiter) noexcept {
  std::scoped_lock guard(lock_);
  if (ended()) return false;  // end() has claimed it
  waiter.unlink();
  return true;
}

}  // namespace plait::detail
