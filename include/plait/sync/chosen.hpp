// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

#include "plait/core/operation.hpp"
#include "plait/core/strand.hpp"

namespace plait::detail {

/// Strands that were granted under a primitive's lock, to be made ready once it is let go. Holds a batch, so that a
/// crowd of waiters is served in constant memory, and nobody spins on the lock for long.
class Chosen {
 public:
  bool full() const noexcept { return size_ == kBatch; }
  /// Grants `waiter`, which has been unlinked. Under the primitive's lock.
  void add(Waiter& waiter) noexcept {
    Strand& strand = waiter.choose();
    __builtin_prefetch(&strand);
    strands_[size_++] = &strand;
  }
  /// Makes them ready, in order. Without the primitive's lock, and without touching the primitive, which the first of
  /// them may destroy.
  void unpark() noexcept {
    for (std::size_t i = 0; i < size_; ++i) __builtin_prefetch(strands_[i]->record, 1);
    for (std::size_t i = 0; i < size_; ++i) strands_[i]->unpark();
    size_ = 0;
  }

 private:
  static constexpr std::size_t kBatch = 32;
  Strand* strands_[kBatch];
  std::size_t size_ = 0;
};

}  // namespace plait::detail
