// SPDX-License-Identifier: BSL-1.0
//
// Idea. One word says how far a strand is; a queue holds who waits for its end: strands, and listeners, which are
// called on the completing thread. Whoever ends it sets kDone, calls the done-callbacks, and then grants the queue.
//
// Invariants. 1. `waiters_` and `callbacks_` belong to whoever holds kLocked. 2. While kCalling is set the result stays
// where it is, except for a callback: one who moves it out waits in the queue. 3. The state lives until the handle is
// gone, complete() is through, and no message is on its way; whoever makes that true last frees it.
#include "plait/core/future.hpp"

#include <cstdio>

#include "plait/base/spin_lock.hpp"

namespace plait {
namespace {

void write_to_stderr(const UnretrievedError& unretrieved) {
  const std::string text = describe(unretrieved.error);
  const char* name = unretrieved.name.empty() ? "(no name)" : unretrieved.name.c_str();
  if (unretrieved.spawned_at.line() != 0) {
    std::fprintf(stderr, "plait: an exception of \"%s\" (spawned at %s:%u) was never retrieved: %s\n", name,
                 unretrieved.spawned_at.file_name(), static_cast<unsigned>(unretrieved.spawned_at.line()),
                 text.c_str());
  } else {
    std::fprintf(stderr, "plait: an exception of \"%s\" was never retrieved: %s\n", name, text.c_str());
  }
}

constinit Atomic<UnretrievedHandler> unretrieved_handler{nullptr};

/// A state whose callbacks the thread is calling. A callback may end another strand, whose callbacks are called within.
struct Calling {
  const detail::FutureStateBase* state;
  const Calling* outer;
};
constinit thread_local const Calling* calling = nullptr;

[[gnu::noinline]] const Calling* calling_here() noexcept { return calling; }
[[gnu::noinline]] void set_calling(const Calling* now) noexcept { calling = now; }

}  // namespace

UnretrievedHandler set_unretrieved_handler(UnretrievedHandler handler) noexcept {
  return unretrieved_handler.exchange(handler, std::memory_order_acq_rel);
}

namespace detail {

void refuse_empty_future() {
  misuse("Future: it is empty (default-constructed, moved from, or awaited as an rvalue before).");
}

void refuse_to_wait_longer(const StrandRecord& record) {
  throw TimeoutError("timed out: \"" + name_of(record) + "\" has not ended, and goes on");
}

void report_unretrieved(const std::exception_ptr& error, std::string name,
                        const std::source_location& spawned_at) noexcept {
  if (is_cancelled(error)) return;
  const UnretrievedError unretrieved{error, std::move(name), spawned_at};
  if (const UnretrievedHandler handler = unretrieved_handler.load(std::memory_order_acquire)) {
    try {
      return handler(unretrieved);
    } catch (...) {
      write_to_stderr({std::current_exception(), "the handler of unretrieved errors", {}});
    }
  }
  write_to_stderr(unretrieved);
}

namespace {

std::source_location line_of(const StrandRecord& record) noexcept {
  const void* spawned_at = record.spawned_at.load(std::memory_order_relaxed);
  return spawned_at ? __builtin_bit_cast(std::source_location, spawned_at) : std::source_location{};
}

}  // namespace

void report_unretrieved(const std::exception_ptr& error, const StrandRecord& record) noexcept {
  report_unretrieved(error, name_of(record), line_of(record));
}

/// The lock holds off everybody for a few instructions. Acquire pairs with unlock()'s release.
std::uint32_t FutureStateBase::lock() noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  for (int spins = 0;; ++spins) {
    if (word & kLocked) {
      spins < 64 ? cpu_relax() : yield_processor();
      word = word_.load(std::memory_order_relaxed);
    } else if (word_.compare_exchange_weak(word, word | kLocked, std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
      return word;
    }
  }
}

void FutureStateBase::complete() noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  // Release pairs with the acquire in done(): the result is visible to who sees kDone. The usual case without waiters.
  if (word == 0 && word_.compare_exchange_strong(word, kDone, std::memory_order_release, std::memory_order_relaxed))
    return;
  word = lock();
  if (callbacks_) word = call_callbacks(word);
  IntrusiveList<Waiter, Link> waiters;
  waiters.splice_back(waiters_);
  // A waiter unlinked here is claimed: it may be withdrawn no more, so it stays in its frame until granted.
  Waiter* next = waiters.pop_front();
  word = kDone | (word & (kHandleGone | kMessage));
  unlock(word);
  while (next) {
    Waiter& waiter = *next;
    next = waiters.pop_front();
    if (waiter.strand) {
      waiter.grant();
    } else {
      auto& listener = static_cast<FutureListener&>(waiter);
      listener.ended(listener);
    }
  }
  if (word == (kDone | kHandleGone)) destroy();
}

/// With the lock, and again at the end, when none is left. From the first on it is done.
std::uint32_t FutureStateBase::call_callbacks(std::uint32_t word) noexcept {
  const Calling here{this, calling_here()};
  set_calling(&here);
  while (callbacks_) {
    DoneCallback* first = callbacks_->next;
    callbacks_->next = first->next;
    if (callbacks_ == first) callbacks_ = nullptr;
    unlock(word | kDone | kCalling);
    call(*first);
    delete first;
    word = lock();
  }
  set_calling(here.outer);
  return word;
}

void FutureStateBase::call(DoneCallback& callback) noexcept {
  try {
    callback.call(*this);
  } catch (...) {
    report_unretrieved(std::current_exception(), "a done-callback of " + name_of(*strand_record),
                       line_of(*strand_record));
  }
}

void FutureStateBase::add_callback(std::unique_ptr<DoneCallback> callback) noexcept {
  const std::uint32_t word = lock();
  if ((word & (kDone | kCalling)) == kDone) {
    unlock(word);
    return call(*callback);
  }
  DoneCallback* newest = callback.release();
  if (callbacks_) newest->next = std::exchange(callbacks_->next, newest);
  callbacks_ = newest;
  unlock(word | kHasWaiters);
}

bool FutureStateBase::calls_here() const noexcept {
  const Calling* in = calling_here();
  while (in && in->state != this) in = in->outer;
  return in;
}

void FutureStateBase::drop_handle() noexcept {
  // Acquire pairs with complete(): the strand's last writes are visible to the destructor.
  std::uint32_t word = word_.load(std::memory_order_acquire);
  if (word == kDone) return destroy();
  word = lock();
  if (const std::size_t waiters = waiters_.size(); waiters != 0) [[unlikely]] {
    fail("the Future of \"" + name_of(*strand_record) + "\" was destroyed while " + std::to_string(waiters) +
         " strand(s) await it; keep it until they are done, or share() it.");
  }
  unlock(word | kHandleGone);
  if (word == kDone) destroy();
}

Crew* FutureStateBase::begin_wait_in_thread(bool forever) {
  if (done()) return nullptr;
  this_thread_strand().checkpoint();
  if (forever) help_here();
  return done() ? nullptr : this_thread_strand().crew;
}

bool FutureStateBase::send_message() noexcept {
  const std::uint32_t word = lock();
  const bool needed = !(word & (kDone | kMessage));
  unlock(needed ? word | kMessage : word);
  return needed;
}

bool FutureStateBase::receive_message() noexcept {
  const std::uint32_t word = lock() & ~kMessage;
  unlock(word);
  if (word == (kDone | kHandleGone)) destroy();
  return !(word & kDone);
}

bool FutureStateBase::enqueue(Waiter& waiter, bool takes) noexcept {
  const std::uint32_t word = lock();
  if ((word & kDone) && (!takes || !(word & kCalling) || calls_here())) {
    unlock(word);
    return false;
  }
  waiters_.push_back(waiter);
  unlock(word | kHasWaiters);
  return true;
}

bool FutureStateBase::withdraw(Waiter& waiter) noexcept {
  const std::uint32_t word = lock();
  // Done, and not calling callbacks any more: complete() has claimed it.
  const bool withdrawn = (word & (kDone | kCalling)) != kDone && waiter.linked();
  if (withdrawn) waiter.unlink();
  unlock(word);
  return withdrawn;
}

void FutureStateBase::destroy() noexcept {
  if (error() && !looked_at_.load(std::memory_order_relaxed)) report_unretrieved(error(), *strand_record);
  close_record(strand_record);
  delete this;
}

}  // namespace detail
}  // namespace plait
