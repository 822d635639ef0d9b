// SPDX-License-Identifier: BSL-1.0
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

}  // namespace

UnretrievedHandler set_unretrieved_handler(UnretrievedHandler handler) noexcept {
  return unretrieved_handler.exchange(handler, std::memory_order_acq_rel);
}

namespace detail {

void refuse_empty_future() {
  misuse("Future: it is empty (default-constructed, moved from, or awaited as an rvalue before).");
}

void report_unretrieved(const std::exception_ptr& error, std::string name,
                        const std::source_location& spawned_at) noexcept {
  if (is_cancelled(error)) return;
  const UnretrievedHandler handler = unretrieved_handler.load(std::memory_order_acquire);
  (handler ? handler : write_to_stderr)({error, std::move(name), spawned_at});
}

void report_unretrieved(const std::exception_ptr& error, const StrandRecord& record) noexcept {
  std::source_location at{};
  const void* spawned_at = record.spawned_at.load(std::memory_order_relaxed);
  if (spawned_at) at = __builtin_bit_cast(std::source_location, spawned_at);
  report_unretrieved(error, name_of(record), at);
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
  IntrusiveList<Waiter, Link> waiters;
  waiters.splice_back(waiters_);
  // A waiter unlinked here is claimed: it may be withdrawn no more, so it stays in its frame until granted.
  Waiter* next = waiters.pop_front();
  word = kDone | (word & (kHandleGone | kMessage));
  unlock(word);
  while (next) {
    Waiter& waiter = *next;
    next = waiters.pop_front();
    waiter.grant();
  }
  if (word == (kDone | kHandleGone)) destroy();
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
  Crew* const crew = this_thread_strand().crew;
  if (!crew || done()) return nullptr;
  this_thread_strand().checkpoint();
  if (forever) run_here();
  return done() ? nullptr : crew;
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

bool FutureStateBase::enqueue(Waiter& waiter) noexcept {
  const std::uint32_t word = lock();
  if (word & kDone) {
    unlock(word);
    return false;
  }
  waiters_.push_back(waiter);
  unlock(word | kHasWaiters);
  return true;
}

bool FutureStateBase::withdraw(Waiter& waiter) noexcept {
  const std::uint32_t word = lock();
  // Done: complete() has claimed it.
  const bool withdrawn = !(word & kDone) && waiter.linked();
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
