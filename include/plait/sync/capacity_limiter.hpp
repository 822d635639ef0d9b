// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/leaf.hpp"

namespace plait {

/// Tokens that strands borrow to be allowed to do something: tasks of any loop and plain threads at the same time
/// (trio's and anyio's CapacityLimiter). Unlike a Semaphore it knows who has a token, so each strand has one at most
/// and gives back only what it has, and the number of tokens may change at any time.
///
/// In a task `co_await limiter.acquire()` or `auto guard = co_await limiter.guard();`, in a thread `sync_wait` of the
/// same. An operation that a combinator starts as a strand of its own borrows for that strand. Fairness: strictly first
/// come, first served; a token goes to the first waiter when it is given back, so nobody barges. Orders: a release
/// happens before the acquire that gets its token. Lifetime: without waiters when destroyed, else the program stops
/// with a sentence. Memory: 16 to 32 bytes a token.
class CapacityLimiter {
 public:
  class Guard;
  /// What a CapacityLimiter is about at the time of the call.
  struct Statistics {
    std::size_t total_tokens = 0;     ///< As `total_tokens`.
    std::size_t borrowed_tokens = 0;  ///< As `borrowed_tokens`.
    std::size_t waiters = 0;          ///< Strands that wait for a token.
  };

  /// All tokens are free at first.
  explicit CapacityLimiter(std::size_t total_tokens);
  CapacityLimiter(const CapacityLimiter&) = delete;
  CapacityLimiter& operator=(const CapacityLimiter&) = delete;
  ~CapacityLimiter();

  /// Borrows a token for the calling strand; in a task `co_await`, in a thread `sync_wait`. std::logic_error if it has
  /// one. On cancel: it has none; a token that had just been granted goes to the next who waits.
  [[nodiscard]] auto acquire() noexcept { return Acquiring<void>(*this); }
  /// The same, giving a Guard that gives it back, from whatever strand the Guard dies on. On cancel: as `acquire`.
  [[nodiscard]] auto guard() noexcept { return Acquiring<Guard>(*this); }
  /// Borrows a token for the calling strand if one is free and nobody waits for it. Never waits. std::logic_error if
  /// the strand has one.
  [[nodiscard]] bool try_acquire() { return try_borrow(id_of(detail::Scheduler::current_strand())); }
  /// Gives the calling strand's token back: to the first who waits, or it is free. Never waits. std::logic_error if the
  /// strand has none.
  void release() { give_back(id_of(detail::Scheduler::current_strand())); }

  /// How many tokens there are.
  std::size_t total_tokens() const noexcept { return statistics().total_tokens; }
  /// Changes that. More tokens: as many who wait get one at once, in order. Fewer: nobody gets one until enough have
  /// been given back.
  void total_tokens(std::size_t total);
  /// How many have been borrowed; more than `total_tokens` for a while after that was lowered.
  std::size_t borrowed_tokens() const noexcept { return statistics().borrowed_tokens; }
  /// How many are free.
  std::size_t available_tokens() const noexcept;
  /// Linear in the waiters. From any strand.
  Statistics statistics() const noexcept;

 private:
  template <class Given>
  class Acquiring : public detail::Leaf<Acquiring<Given>> {
   public:
    explicit Acquiring(CapacityLimiter& limiter) noexcept
        : detail::Leaf<Acquiring>(detail::WaitKind::primitive, &limiter), limiter_(&limiter) {}
    bool try_now() { return limiter_->try_borrow(id_of(*this->strand)); }
    bool enqueue() noexcept { return limiter_->enqueue(*this); }
    bool withdraw() noexcept { return limiter_->withdraw(*this); }
    bool give_back() noexcept {
      limiter_->give_back(id_of(*this->strand));
      return true;
    }
    Given take() noexcept {
      if constexpr (!std::is_void_v<Given>) return Given(*limiter_, id_of(*this->strand));
    }

   private:
    CapacityLimiter* limiter_;
  };

  /// A strand as the table knows it: a token may outlive its borrower, whose address then becomes somebody else's.
  using Borrower = std::uint64_t;
  static Borrower id_of(const detail::Strand& strand) noexcept;
  bool try_borrow(Borrower borrower);
  void give_back(Borrower borrower);
  bool enqueue(detail::Waiter& waiter) noexcept;
  bool withdraw(detail::Waiter& waiter) noexcept;
  void grant_free_tokens();
  bool may_borrow() const noexcept { return borrowed_ < total_ && queue_.empty(); }
  std::size_t slot_of(Borrower borrower) const noexcept;
  void put(Borrower borrower) noexcept;
  void erase(std::size_t slot) noexcept;

  mutable detail::SpinLock lock_;
  std::size_t total_ = 0;
  std::size_t borrowed_ = 0;
  /// Who has borrowed: a hash table with room for twice the most tokens that there ever were; 0: free.
  std::vector<Borrower> slots_;
  detail::IntrusiveList<detail::Waiter, detail::Link> queue_;
};

/// Holds a token of a CapacityLimiter until it dies. Move-only.
class [[nodiscard]] CapacityLimiter::Guard {
 public:
  Guard(Guard&& other) noexcept : limiter_(std::exchange(other.limiter_, nullptr)), borrower_(other.borrower_) {}
  Guard& operator=(Guard&&) = delete;
  ~Guard() {
    if (limiter_) limiter_->give_back(borrower_);
  }

 private:
  friend CapacityLimiter;
  Guard(CapacityLimiter& limiter, Borrower borrower) noexcept : limiter_(&limiter), borrower_(borrower) {}
  CapacityLimiter* limiter_;
  Borrower borrower_;
};

}  // namespace plait
