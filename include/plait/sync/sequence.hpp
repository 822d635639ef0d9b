// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "plait/base/intrusive_list.hpp"
#include "plait/base/spin_lock.hpp"
#include "plait/core/leaf.hpp"

namespace plait::detail {

/// A number that grows until its end, and who waits for it to grow: what Broadcast and Watch are made of. Nothing is
/// handed to a waiter but the news, so a waiter that is cancelled has nothing to give back.
class Sequence {
 public:
  explicit Sequence(const char* name) noexcept : name_(name) {}
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;
  ~Sequence();

  /// Waits until the number is beyond `seen`, or has come to its end.
  class Beyond : public Leaf<Beyond> {
   public:
    Beyond(Sequence& sequence, std::uint64_t seen) noexcept
        : Leaf(WaitKind::primitive, &sequence), sequence_(&sequence), seen_(seen) {}
    bool try_now() noexcept { return sequence_->is_beyond(seen_, nullptr); }
    bool enqueue() noexcept { return !sequence_->is_beyond(seen_, this); }
    bool withdraw() noexcept;
    bool give_back() const noexcept { return true; }
    void take() const noexcept {}

   private:
    Sequence* sequence_;
    std::uint64_t seen_;
  };

  /// Under the lock `step(n)` makes what shall be number n known; then wakes all who wait. False after the end.
  template <class Step>
  bool advance(Step step) noexcept {
    Waiters ready;
    {
      std::scoped_lock guard(lock_);
      if (ended_) return false;
      step(number_);
      ++number_;
      ready.splice_back(waiters_);
    }
    release(ready);
    return true;
  }
  /// `look(n, ended)`, under the lock.
  template <class Look>
  decltype(auto) read(Look look) const noexcept {
    std::scoped_lock guard(lock_);
    return look(number_, ended_);
  }
  void end() noexcept;
  std::size_t waiting() const noexcept;

 private:
  using Waiters = IntrusiveList<Waiter, Link>;
  bool is_beyond(std::uint64_t seen, Waiter* waiter) noexcept;
  void release(Waiters& ready) noexcept;

  const char* const name_;
  mutable SpinLock lock_;
  bool ended_ = false;
  std::uint64_t number_ = 0;
  Waiters waiters_;
};

}  // namespace plait::detail
