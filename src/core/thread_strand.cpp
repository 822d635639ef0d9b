// SPDX-License-Identifier: BSL-1.0
#include "plait/core/thread_strand.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <new>
#include <utility>

#include "plait/base/spin_lock.hpp"
#include "plait/core/clock.hpp"
#include "plait/core/hooks.hpp"
#include "plait/core/operation.hpp"
#include "plait/os/futex.hpp"
#include "plait/os/shared_memory.hpp"

namespace plait::detail {
namespace {

/// Free thread strands. Never destroyed: threads may outlive the statics of the program.
struct Pool {
  SpinLock lock;
  ThreadStrand* free = nullptr;
  /// In a forked child: its parent's, which another thread may have been at.
  ThreadStrand* inherited = nullptr;
};
constinit Pool pool;

[[gnu::constructor(os::kWatchForks)]] void watch_forks() {
  os::in_each_forked_child([] {
    pool.inherited = std::exchange(pool.free, nullptr);
    new (&pool.lock) SpinLock;
  });
}

[[gnu::tls_model("initial-exec")]] constinit thread_local ThreadStrand* own_strand = nullptr;

void return_strand(void* returned) {
  auto* strand = static_cast<ThreadStrand*>(returned);
  strand->context = {};  // here, where destructors of the values still find the strand
  close_record(strand->record);
  own_strand = nullptr;
  std::scoped_lock guard(pool.lock);
  strand->next_free = pool.free;
  pool.free = strand;
}

[[gnu::noinline]] ThreadStrand& make_strand(StrandRecord* record) noexcept {
  ThreadStrand* strand = nullptr;
  {
    std::scoped_lock guard(pool.lock);
    strand = pool.free;
    if (strand) pool.free = strand->next_free;
  }
  if (!strand) strand = new ThreadStrand;
  strand->scope = nullptr;
  std::destroy_at(&strand->root);  // the thread before may have been cancelled
  std::construct_at(&strand->root)->attach(nullptr, *strand);
  strand->daemon.store(false, std::memory_order_relaxed);
  strand->uncancel();
  const char* name = os::thread_id() == os::process_id() ? "main" : "";
  strand->record = record ? record : open_record(true, name, nullptr, nullptr);
  own_strand = strand;
  // Not a thread-local object: destructors of others that come later may need a strand once more.
  abi::__cxa_thread_atexit(return_strand, strand, &pool);
  return *strand;
}

class ExitHook final : public Hook {
 public:
  void reach(Point, const void*) override { park_daemon_at_exit(); }
  unsigned choose(unsigned) override { return 0; }
};

constinit Atomic<bool> exiting{false};
constinit Atomic<std::uint32_t> parked_daemons{0};

/// Set as the program is loaded, when a thread of another static object may run already.
constinit Atomic<bool> one_processor{false};
[[maybe_unused]] const bool asked = (one_processor.store(os::processor_count() == 1), true);

}  // namespace

bool has_one_processor() noexcept { return one_processor.load(std::memory_order_relaxed); }

[[gnu::noinline]] ThreadStrand& this_thread_strand() noexcept {
  return own_strand ? *own_strand : make_strand(nullptr);
}

[[gnu::noinline]] ThreadStrand& adopt_record(StrandRecord& record) noexcept {
  record.thread_id = os::thread_id();
  if (!own_strand) return make_strand(&record);
  close_record(own_strand->record);
  own_strand->record = &record;
  return *own_strand;
}

[[gnu::noinline]] ThreadStrand* this_thread_strand_if_any() noexcept { return own_strand; }

void begin_exit() noexcept {
  alignas(ExitHook) static std::byte memory[sizeof(ExitHook)];  // outlives every static
  exiting.store(true, std::memory_order_release);
  installed_hook.store(new (memory) ExitHook, std::memory_order_release);
}

void park_daemon_at_exit() noexcept {
  // Acquire pairs with begin_exit().
  if (!exiting.load(std::memory_order_acquire)) return;
  if (!own_strand || !own_strand->daemon.load(std::memory_order_relaxed)) return;
  if (VirtualClock* clock = test_clock()) clock->thread_ends();
  // Release pairs with daemons_parked_at_exit().
  parked_daemons.fetch_add(1, std::memory_order_release);
  os::futex_wake(parked_daemons, 1);
  static Atomic<std::uint32_t> never{0};
  for (;;) os::futex_wait(never, 0, kNever);
}

std::uint32_t daemons_parked_at_exit(std::uint32_t seen, TimePoint deadline) noexcept {
  std::uint32_t parked = parked_daemons.load(std::memory_order_acquire);
  if (parked == seen) {
    os::futex_wait(parked_daemons, seen, deadline);
    parked = parked_daemons.load(std::memory_order_acquire);
  }
  return parked;
}

void ThreadStrand::cancel() noexcept {
  bool aborted = false;
  {
    std::scoped_lock guard(wait_lock);
    cancelled_.store(true, std::memory_order_relaxed);
    Operation* operation = std::exchange(waiting, nullptr);
    aborted = operation && operation->abort(*operation);
    if (driven_) driven_->cancel_from_outside();
  }
  if (aborted) unpark();
}

void ThreadStrand::wait_for_job() const noexcept {
  for (int i = 1; job_held_.load(std::memory_order_acquire); ++i) wait_turn(i);
}

DrivenLoop* ThreadStrand::drive(DrivenLoop* loop) noexcept {
  std::scoped_lock guard(wait_lock);
  if (loop && cancel_called()) loop->cancel_from_outside();
  return std::exchange(driven_, loop);
}

bool Parker::take_token() noexcept {
  std::uint32_t expected = token;
  // Acquire pairs with the release in give_token().
  return word_.load(std::memory_order_relaxed) == token &&
         word_.compare_exchange_strong(expected, empty, std::memory_order_acquire, std::memory_order_relaxed);
}

void Parker::give_token() noexcept {
  // Release pairs with take_token(). An exchange, so that exactly one giver sees `asleep` and makes the system call.
  if (word_.exchange(token, std::memory_order_release) == asleep) os::futex_wake(word_, 1);
}

void Parker::wait(TimePoint deadline) noexcept {
  std::uint32_t expected = empty;
  if (!word_.compare_exchange_strong(expected, asleep, std::memory_order_acquire, std::memory_order_acquire)) return;
  os::futex_wait(word_, asleep, deadline);
  expected = asleep;
  word_.compare_exchange_strong(expected, empty, std::memory_order_relaxed, std::memory_order_relaxed);
}

void Parker::wait_any(std::span<os::FutexWord> words, TimePoint deadline) noexcept {
  std::uint32_t expected = empty;
  if (!word_.compare_exchange_strong(expected, asleep, std::memory_order_acquire, std::memory_order_acquire)) return;
  words[0] = {.word = &word_, .expected = asleep, .shared = false};
  os::futex_wait_any(words, deadline);
  expected = asleep;
  word_.compare_exchange_strong(expected, empty, std::memory_order_relaxed, std::memory_order_relaxed);
}

bool Parker::spin() noexcept {
  if (has_one_processor()) return false;
  bool taken = false;
  for (int left = budget_.spins(); left != 0 && !taken; --left) {
    cpu_relax();
    taken = take_token();
  }
  budget_.found(taken);
  return taken;
}

void Parker::sleep(TimePoint deadline) noexcept {
  const TimePoint begin = now();
  wait(deadline);
  budget_.learn(now() - begin);
  take_token();
}

void Parker::park(TimePoint deadline) {
  pass(Point::park, this);
  if (take_token()) return;
  if (VirtualClock* clock = test_clock()) [[unlikely]] {
    clock->park(*this, deadline);
  } else if (!spin()) {
    sleep(deadline);
  }
  pass(Point::park, this);
}

void Parker::park_at_once(TimePoint deadline) {
  pass(Point::park, this);
  if (take_token()) return;
  if (VirtualClock* clock = test_clock()) [[unlikely]] {
    clock->park(*this, deadline);
  } else {
    sleep(deadline);
  }
  pass(Point::park, this);
}

void Parker::unpark() noexcept {
  if (VirtualClock* clock = test_clock()) [[unlikely]]
    return clock->unpark(*this);
  give_token();
}

}  // namespace plait::detail
