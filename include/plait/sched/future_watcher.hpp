// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <deque>

#include "plait/core/future.hpp"

namespace plait::detail {

/// Tells one task in which order futures are done, whose strands may run anywhere. It and its watches are for the
/// thread of the loop that it was made on.
class FutureWatcher {
 public:
  FutureWatcher();
  FutureWatcher(const FutureWatcher&) = delete;
  FutureWatcher& operator=(const FutureWatcher&) = delete;
  /// What it watches is left alone. A completion that is on its way arrives at memory that waits for it.
  ~FutureWatcher();

  /// From now on `future`, which stays where it is until it was told or the watcher dies, is known as `index`.
  void watch(FutureStateBase& future, std::size_t index);
  /// How many have not been told.
  std::size_t left() const noexcept;

  struct Watch;
  struct Watches;

  /// Waits for the next index. Not without anything left; for one task at a time (std::logic_error).
  class Next : public Leaf<Next> {
   public:
    explicit Next(Watches& watches) noexcept : Leaf(WaitKind::task, &watches), watches_(&watches) {}
    bool try_now() const;
    bool enqueue() noexcept;
    bool withdraw() noexcept;
    std::size_t take();

   private:
    Watches* watches_;
  };
  Next next() noexcept { return Next(*watches_); }

 private:
  Watches* watches_;
};

}  // namespace plait::detail
